//! What this node gives others as a relay: who is admitted, and how fast their bytes go on.
//!
//! A relay is a gift to strangers, and what is not limited will be taken. Whatever is given is limited for each peer, for each
//! subnet and in total ([`RelayLimits`], with the reasons for the defaults); peers cost nothing to make, so it is the subnets that keep
//! one machine from taking everything. Private and loopback addresses have no subnet here, as in
//! [`crate::peers::Diversity`].
//!
//! - **Reservations**: one for each peer. A peer that asks again has come back over another connection: the new one takes the
//!   place of the old one, which it would otherwise wait for in vain.
//! - **Circuits**: only to a peer with a reservation; counted by who opened them, and by whom they lead to. They outlive the
//!   reservation.
//! - **Bytes**: all circuits between two peers share a rate, those that one subnet has opened another, and all of them a third. None is
//!   dropped: [`Capacity::spend`] says when they may go on, and until then the relay reads nothing more from that circuit, so that
//!   the sender is slowed down.
//!
//! The work of an event does not grow with what it says, only with the limits.

mod bucket;
mod limits;
mod shares;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use atoll_protocol::identity::NodeId;

pub use self::limits::{Nothing, RelayLimits};
use self::{bucket::Bucket, shares::Shares};
use crate::{peers::Subnet, time::Time};

/// Why something is not given. All of these may be otherwise later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// As many reservations as there may be.
    #[error("this relay has no place left; use another one")]
    Reservations,
    /// As many reservations of that subnet as there may be.
    #[error("this relay has no place left for peers of this subnet; use another one")]
    ReservationsOfSubnet,
    /// The peer that a circuit is to lead to has no reservation.
    #[error("the peer has no reservation at this relay; look for it at others")]
    NoReservation,
    /// As many circuits as there may be.
    #[error("this relay has as many circuits as it can carry; use another one")]
    Circuits,
    /// The peer has opened as many circuits as it may.
    #[error("this peer has opened as many circuits at this relay as it may; close one first")]
    CircuitsOfSource,
    /// Peers of that subnet have opened as many circuits as they may.
    #[error("peers of this subnet have opened as many circuits at this relay as they may; use another one")]
    CircuitsOfSubnet,
    /// As many circuits lead to that peer as may.
    #[error("as many circuits of this relay lead to that peer as may; use another relay")]
    CircuitsToDestination,
}

impl Full {
    /// Every reason, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Reservations,
        Self::ReservationsOfSubnet,
        Self::NoReservation,
        Self::Circuits,
        Self::CircuitsOfSource,
        Self::CircuitsOfSubnet,
        Self::CircuitsToDestination,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reservations => "reservations",
            Self::ReservationsOfSubnet => "reservations_per_subnet",
            Self::NoReservation => "no_reservation",
            Self::Circuits => "circuits",
            Self::CircuitsOfSource => "circuits_per_source",
            Self::CircuitsOfSubnet => "circuits_per_subnet",
            Self::CircuitsToDestination => "circuits_per_destination",
        }
    }
}

/// A circuit that was admitted. Names are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CircuitId(u64);

/// What is given and was given, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Reservations now.
    pub reservations: usize,
    /// Circuits now.
    pub circuits: usize,
    /// Reservations since the start, renewals not counted.
    pub reservations_made: u64,
    /// Circuits since the start.
    pub circuits_made: u64,
    /// Bytes since the start.
    pub bytes: u64,
    /// Of these, bytes that had to wait.
    pub bytes_delayed: u64,
    /// What was refused since the start, by reason.
    pub refused: BTreeMap<Full, u64>,
}

/// See the [module docs](self).
#[derive(Debug, Clone)]
pub struct Capacity {
    limits: RelayLimits,
    reservations: HashMap<NodeId, Reservation>,
    reservations_of: HashMap<Subnet, usize>,
    circuits: HashMap<CircuitId, Circuit>,
    /// Circuits that each peer has opened.
    from: HashMap<NodeId, usize>,
    /// Circuits that lead to each peer.
    to: HashMap<NodeId, usize>,
    pairs: Shares<(NodeId, NodeId)>,
    subnets: Shares<Subnet>,
    total: Bucket,
    next: u64,
    figures: Figures,
}

#[derive(Debug, Clone, Copy)]
struct Reservation {
    subnet: Option<Subnet>,
    expires: Time,
}

#[derive(Debug, Clone, Copy)]
struct Circuit {
    source: NodeId,
    subnet: Option<Subnet>,
    destination: NodeId,
}

impl Circuit {
    /// Both directions are one pair.
    fn pair(&self) -> (NodeId, NodeId) {
        (self.source.min(self.destination), self.source.max(self.destination))
    }
}

impl Capacity {
    /// Nothing is given yet.
    #[must_use]
    pub fn new(limits: RelayLimits, now: Time) -> Self {
        let burst = limits.burst_ms;
        Self {
            reservations: HashMap::new(),
            reservations_of: HashMap::new(),
            circuits: HashMap::new(),
            from: HashMap::new(),
            to: HashMap::new(),
            pairs: Shares::new(limits.bytes_per_second, burst, limits.circuits),
            subnets: Shares::new(limits.bytes_per_second_per_subnet, burst, limits.circuits),
            total: Bucket::new(limits.bytes_per_second_total, burst, now),
            next: 0,
            figures: Figures::default(),
            limits,
        }
    }

    /// A peer in this subnet asks for a reservation, or for another `term` of the one it has.
    ///
    /// # Errors
    /// [`Full`]; what the peer had before it keeps until that ends.
    pub fn admit_reservation(
        &mut self,
        peer: NodeId,
        subnet: Option<Subnet>,
        term: Duration,
        now: Time,
    ) -> Result<(), Full> {
        self.expire(now);
        let before = self.reservations.get(&peer).copied();
        let moved = before.is_none_or(|before| before.subnet != subnet);
        let of_subnet = subnet.map_or(0, |subnet| self.reservations_of.get(&subnet).copied().unwrap_or_default());
        if before.is_none() && self.reservations.len() >= self.limits.reservations {
            return Err(self.refuse(Full::Reservations));
        }
        if moved && subnet.is_some() && of_subnet >= self.limits.reservations_per_subnet {
            return Err(self.refuse(Full::ReservationsOfSubnet));
        }
        self.end_reservation(&peer);
        if let Some(subnet) = subnet {
            *self.reservations_of.entry(subnet).or_default() += 1;
        }
        self.reservations.insert(peer, Reservation { subnet, expires: now + term });
        self.figures.reservations_made += u64::from(before.is_none());
        Ok(())
    }

    /// A peer has given its reservation up, or its connection is gone. Returns whether it had one.
    pub fn end_reservation(&mut self, peer: &NodeId) -> bool {
        let Some(ended) = self.reservations.remove(peer) else { return false };
        if let Some(subnet) = ended.subnet {
            one_less(&mut self.reservations_of, &subnet);
        }
        true
    }

    /// A peer in this subnet asks for a circuit to another one. It is to be ended with [`Capacity::end_circuit`].
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit_circuit(
        &mut self,
        source: NodeId,
        subnet: Option<Subnet>,
        destination: NodeId,
        now: Time,
    ) -> Result<CircuitId, Full> {
        self.expire(now);
        let circuit = Circuit { source, subnet, destination };
        if let Some(full) = self.lacks(&circuit) {
            return Err(self.refuse(full));
        }
        let id = CircuitId(self.next);
        self.next = self.next.wrapping_add(1);
        self.circuits.insert(id, circuit);
        *self.from.entry(source).or_default() += 1;
        *self.to.entry(destination).or_default() += 1;
        self.pairs.enter(circuit.pair(), now);
        if let Some(subnet) = subnet {
            self.subnets.enter(subnet, now);
        }
        self.figures.circuits_made += 1;
        Ok(id)
    }

    /// A circuit is closed. Returns whether it was there.
    pub fn end_circuit(&mut self, id: CircuitId, now: Time) -> bool {
        let Some(circuit) = self.circuits.remove(&id) else { return false };
        one_less(&mut self.from, &circuit.source);
        one_less(&mut self.to, &circuit.destination);
        self.pairs.leave(&circuit.pair(), now);
        if let Some(subnet) = circuit.subnet {
            self.subnets.leave(&subnet, now);
        }
        true
    }

    /// So many bytes have come over a circuit, in either direction. They may go on at the time that is returned, and nothing
    /// more is to be read from it before; `None` if there is no such circuit.
    pub fn spend(&mut self, id: CircuitId, bytes: u64, now: Time) -> Option<Time> {
        let circuit = self.circuits.get(&id)?;
        let pair = self.pairs.spend(&circuit.pair(), bytes, now);
        let subnet = circuit.subnet.map_or(now, |subnet| self.subnets.spend(&subnet, bytes, now));
        let at = self.total.spend(bytes, now).max(pair).max(subnet);
        self.figures.bytes = self.figures.bytes.saturating_add(bytes);
        if at > now {
            self.figures.bytes_delayed = self.figures.bytes_delayed.saturating_add(bytes);
        }
        Some(at)
    }

    /// Ends the reservations whose term is over, and forgets what nothing depends on. Happens with each admission too.
    pub fn expire(&mut self, now: Time) {
        let over = self.reservations.iter().filter(|(_, reservation)| reservation.expires <= now);
        let over: Vec<NodeId> = over.map(|(peer, _)| *peer).collect();
        for peer in over {
            self.end_reservation(&peer);
        }
        self.pairs.tidy(now);
        self.subnets.tidy(now);
    }

    /// Whether a peer has a reservation.
    #[must_use]
    pub fn is_reserved(&self, peer: &NodeId, now: Time) -> bool {
        self.reservations.get(peer).is_some_and(|reservation| now < reservation.expires)
    }

    /// What is given and was given.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures { reservations: self.reservations.len(), circuits: self.circuits.len(), ..self.figures.clone() }
    }

    /// What is given at most.
    #[must_use]
    pub const fn limits(&self) -> &RelayLimits {
        &self.limits
    }

    /// What stands against a circuit.
    fn lacks(&self, circuit: &Circuit) -> Option<Full> {
        let count = |counts: &HashMap<NodeId, usize>, node| counts.get(node).copied().unwrap_or_default();
        let of_subnet = circuit.subnet.map_or(0, |subnet| self.subnets.circuits(&subnet));
        let rules = [
            (!self.reservations.contains_key(&circuit.destination), Full::NoReservation),
            (self.circuits.len() >= self.limits.circuits, Full::Circuits),
            (count(&self.from, &circuit.source) >= self.limits.circuits_per_source, Full::CircuitsOfSource),
            (circuit.subnet.is_some() && of_subnet >= self.limits.circuits_per_subnet, Full::CircuitsOfSubnet),
            (
                count(&self.to, &circuit.destination) >= self.limits.circuits_per_destination,
                Full::CircuitsToDestination,
            ),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map(|(_, full)| full)
    }

    fn refuse(&mut self, full: Full) -> Full {
        *self.figures.refused.entry(full).or_default() += 1;
        full
    }
}

/// Counts one less, and forgets what is not there any more.
fn one_less<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
