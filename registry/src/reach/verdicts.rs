//! Whether this node can be reached by strangers, as those say who tried.
//!
//! AutoNAT (version 2 of libp2p's protocol) has a server dial one address of this node and say whether it came through. One
//! answer is worth little: servers lie, are in the same network, or have a bad minute; and none holds for ever. So:
//!
//! - An answer counts for [`EXPIRY`], and the newest one of each subnet, since what is in one subnet is likely one operator's.
//!   Servers whose subnet is not counted ([`Subnet`]) stand each for themselves.
//! - Where servers of two or more subnets are known, [`AGREE`] of them must say the same, and more than say otherwise, before an
//!   address counts as reachable or unreachable. Where only one is known, its word is taken as preliminary, and to change
//!   what was settled it must say it [`AGREE`] times in a row.
//! - Until others agree, what was settled stays: one liar, or one lost packet, changes nothing.
//! - An address is asked about again at first after [`RETEST_FIRST`], then after twice as long each time, up to
//!   [`RETEST`], in time before the answers expire; after a change of what is settled from the beginning.
//! - When the network has changed all answers are void.
//!
//! Which addresses are asked about is the driver's choice: its own, public by [`crate::peers::PublicRanges`] or seen by others.

mod address;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::identity::NodeId;

use self::address::Address;
pub use self::address::Standing;
use crate::{peers::Subnet, time::Time};

/// How long an answer counts.
pub const EXPIRY: Duration = Duration::from_secs(15 * 60);
/// The longest wait before an address is asked about again; two thirds of [`EXPIRY`], so that a lost answer can be made up for.
pub const RETEST: Duration = Duration::from_secs(10 * 60);
/// The first wait before an address is asked about again.
pub const RETEST_FIRST: Duration = Duration::from_secs(30);
/// Answers that must agree.
pub const AGREE: usize = 2;
/// Servers that are asked about an address: one more than must agree, so that one may be silent or lie.
pub const ASKED: usize = 3;
/// Addresses that are remembered.
pub const ADDRESSES: usize = 32;
/// Servers that are remembered.
pub const SERVERS: usize = 64;

/// Whose answers are counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Party {
    Subnet(Subnet),
    Alone(NodeId),
}

impl Party {
    fn of(server: NodeId, subnet: Option<Subnet>) -> Self {
        subnet.map_or(Self::Alone(server), Self::Subnet)
    }
}

/// Whether this node can be reached by strangers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reachability<A> {
    /// Nobody has said enough yet.
    #[default]
    Unknown,
    /// At these addresses, of which there is at least one.
    Public {
        /// In order.
        addresses: BTreeSet<A>,
    },
    /// At none of the addresses that were asked about.
    Private,
}

impl<A> Reachability<A> {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Public { .. } => "public",
            Self::Private => "private",
        }
    }
}

/// A question that is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test<A> {
    /// The address to be dialled.
    pub address: A,
    /// Who is to dial it.
    pub server: NodeId,
}

/// See the [module docs](self). `A` is an address of this node.
#[derive(Debug, Clone)]
pub struct Verdicts<A> {
    addresses: BTreeMap<A, Address>,
    servers: BTreeMap<NodeId, Party>,
    reachability: Reachability<A>,
}

impl<A: Ord + Clone> Default for Verdicts<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ord + Clone> Verdicts<A> {
    /// No address and no server is known.
    #[must_use]
    pub fn new() -> Self {
        Self { addresses: BTreeMap::new(), servers: BTreeMap::new(), reachability: Reachability::Unknown }
    }

    /// There is a server to ask, reached in this subnet. Returns whether it is known now: there may be no room.
    pub fn server(&mut self, server: NodeId, subnet: Option<Subnet>) -> bool {
        let room = self.servers.len() < SERVERS || self.servers.contains_key(&server);
        if room {
            self.servers.insert(server, Party::of(server, subnet));
        }
        room
    }

    /// A server cannot be asked any more. What it has said still counts.
    pub fn server_gone(&mut self, server: &NodeId) {
        self.servers.remove(server);
    }

    /// There is an address to ask about. Returns whether it is known now: there may be no room.
    pub fn add(&mut self, address: A) -> bool {
        let room = self.addresses.len() < ADDRESSES || self.addresses.contains_key(&address);
        if room {
            self.addresses.entry(address).or_default();
        }
        room
    }

    /// This node does not have an address any more. Returns what has changed by it.
    pub fn remove(&mut self, address: &A) -> Option<&Reachability<A>> {
        self.addresses.remove(address);
        self.conclude()
    }

    /// A server has tried an address. Returns the new reachability if it has changed.
    pub fn told(
        &mut self,
        address: &A,
        server: NodeId,
        subnet: Option<Subnet>,
        reachable: bool,
        now: Time,
    ) -> Option<&Reachability<A>> {
        self.add(address.clone());
        let alone = self.parties() < AGREE;
        if let Some(address) = self.addresses.get_mut(address) {
            address.told(Party::of(server, subnet), reachable, now);
            address.settle(alone, now);
        }
        self.conclude()
    }

    /// Lets answers expire. Returns the new reachability if it has changed.
    pub fn tick(&mut self, now: Time) -> Option<&Reachability<A>> {
        let alone = self.parties() < AGREE;
        for address in self.addresses.values_mut() {
            address.expire(now);
            address.settle(alone, now);
        }
        self.conclude()
    }

    /// This node's network has changed: all answers are void, and everything is to be asked anew. Returns the new
    /// reachability if it has changed.
    pub fn network_changed(&mut self) -> Option<&Reachability<A>> {
        self.addresses.values_mut().for_each(|address| *address = Address::default());
        self.conclude()
    }

    /// The questions to be asked now; they count as asked. Of one party one server is asked.
    pub fn due(&mut self, now: Time) -> Vec<Test<A>> {
        let mut parties: BTreeMap<Party, NodeId> = BTreeMap::new();
        for (server, party) in &self.servers {
            parties.entry(*party).or_insert(*server);
        }
        let mut due = Vec::new();
        for (name, address) in &mut self.addresses {
            for party in address.due(parties.keys().copied(), now) {
                due.extend(parties.get(&party).map(|server| Test { address: name.clone(), server: *server }));
            }
        }
        due
    }

    /// When [`Verdicts::tick`] or [`Verdicts::due`] has something to do; `None` if nothing is waited for.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        let asks = !self.servers.is_empty();
        let of = |address: &Address| {
            let ask = asks.then(|| address.next_test(self.servers.values().copied()));
            ask.into_iter().flatten().chain(address.next_expiry()).min()
        };
        self.addresses.values().filter_map(of).min()
    }

    /// Whether strangers can reach this node.
    #[must_use]
    pub const fn reachability(&self) -> &Reachability<A> {
        &self.reachability
    }

    /// The addresses that are asked about, and how it stands with each.
    pub fn all(&self) -> impl Iterator<Item = (&A, Standing)> {
        let alone = self.parties() < AGREE;
        self.addresses.iter().map(move |(name, address)| (name, address.standing(alone)))
    }

    /// How many parties can be asked.
    fn parties(&self) -> usize {
        self.servers.values().collect::<BTreeSet<_>>().len()
    }

    fn conclude(&mut self) -> Option<&Reachability<A>> {
        let reachable = self.addresses.iter().filter(|(_, address)| address.settled() == Some(true));
        let addresses: BTreeSet<A> = reachable.map(|(name, _)| name.clone()).collect();
        let untold = self.addresses.values().all(|address| address.settled().is_none());
        let new = match (addresses.is_empty(), untold) {
            (false, _) => Reachability::Public { addresses },
            (true, true) => Reachability::Unknown,
            (true, false) => Reachability::Private,
        };
        if new == self.reachability {
            return None;
        }
        self.reachability = new;
        Some(&self.reachability)
    }
}
