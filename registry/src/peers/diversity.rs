//! How many peers of one subnet may be in the routing table.
//!
//! Keys cost nothing, addresses do: whoever runs a thousand nodes in one data centre must not become all that others know
//! of the network. Peers are therefore counted by the /24 (IPv4) or /48 (IPv6) that they were reached in, in each bucket of
//! the routing table and in the whole of it. Loopback, link-local and private addresses are not counted: there, many peers
//! in one subnet are what a home, an office or a test looks like, and nobody from outside can be among them. In a network
//! whose public addresses are private ones elsewhere ([`PublicRanges`]), those are counted.
//!
//! This is an account of who is in the table, not the table itself: whoever owns that asks before it takes a peer in, and
//! says when one has left, for whatever reason.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use atoll_protocol::identity::NodeId;

use super::{PublicRanges, Scope};

#[cfg(test)]
mod tests;

/// A subnet whose peers are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subnet {
    /// The first three bytes of an IPv4 address.
    V4([u8; 3]),
    /// The first three groups of an IPv6 address: what one customer gets (RFC 6177).
    V6([u16; 3]),
}

impl Subnet {
    /// The subnet that peers at this address are counted in; `None` if they are not counted: loopback, link-local and
    /// private addresses. Addresses that no registry knows are counted.
    ///
    /// Where the owner may have said what else is public, ask [`PublicRanges::subnet`] instead.
    #[must_use]
    pub fn counted(address: IpAddr) -> Option<Self> {
        Self::counted_at(address, Scope::of(address))
    }

    /// As [`Subnet::counted`], the scope of the address being known.
    pub(super) fn counted_at(address: IpAddr, scope: Option<Scope>) -> Option<Self> {
        match scope {
            Some(Scope::Loopback | Scope::LinkLocal | Scope::Private) => None,
            Some(Scope::Global) | None => Some(Self::of(address)),
        }
    }

    /// The subnet of any address, whether peers at it are counted elsewhere or not.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match embedded_v4(address) {
                Some(address) => Self::of_v4(address),
                None => {
                    let [a, b, c, ..] = address.segments();
                    Self::V6([a, b, c])
                }
            },
        }
    }

    const fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        Self::V4([a, b, c])
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped (RFC 4291), or translated (RFC 6052), all of which share a /48.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d)),
        _ => address.to_ipv4_mapped(),
    }
}

/// Index of a bucket of the routing table: the number of bits of the distance between two keys, less one.
pub type Bucket = u8;

/// Why a peer may not enter the routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Crowded {
    /// Its bucket has enough peers of its subnet.
    #[error("the bucket has {} peers of this subnet already", Diversity::PER_BUCKET)]
    Bucket,
    /// The table has enough peers of its subnet.
    #[error("the routing table has {} peers of this subnet already", Diversity::PER_TABLE)]
    Table,
}

/// An account of the subnets in a routing table.
///
/// Its size is that of the table.
#[derive(Debug, Clone, Default)]
pub struct Diversity {
    /// Everyone in the table, counted or not.
    peers: HashMap<NodeId, Place>,
    in_bucket: HashMap<(Bucket, Subnet), usize>,
    in_table: HashMap<Subnet, usize>,
    ranges: PublicRanges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    bucket: Bucket,
    subnet: Option<Subnet>,
}

impl Diversity {
    /// Peers of one subnet in one bucket at most.
    pub const PER_BUCKET: usize = 2;
    /// Peers of one subnet in the whole table at most.
    pub const PER_TABLE: usize = 10;

    /// Nobody is in the table; only what is public everywhere is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nobody is in the table of a node to which these ranges are public too.
    #[must_use]
    pub fn with_public(ranges: PublicRanges) -> Self {
        Self { ranges, ..Self::default() }
    }

    /// Enters a peer that was reached at `address`. One that is in the account already moves there; if it may not, it is
    /// taken out, as it has to be of the table.
    ///
    /// # Errors
    /// [`Crowded`] if the peer may not be in the table; then it is not in the account either.
    pub fn enter(&mut self, peer: NodeId, bucket: Bucket, address: IpAddr) -> Result<(), Crowded> {
        self.leave(&peer);
        let subnet = self.ranges.subnet(address);
        if let Some(subnet) = subnet {
            let in_bucket = self.in_bucket.get(&(bucket, subnet)).copied().unwrap_or_default();
            let in_table = self.in_table.get(&subnet).copied().unwrap_or_default();
            if in_bucket >= Self::PER_BUCKET {
                return Err(Crowded::Bucket);
            }
            if in_table >= Self::PER_TABLE {
                return Err(Crowded::Table);
            }
            self.in_bucket.insert((bucket, subnet), in_bucket + 1);
            self.in_table.insert(subnet, in_table + 1);
        }
        self.peers.insert(peer, Place { bucket, subnet });
        Ok(())
    }

    /// A peer is not in the table any more. Returns whether it was in the account.
    pub fn leave(&mut self, peer: &NodeId) -> bool {
        let Some(Place { bucket, subnet }) = self.peers.remove(peer) else { return false };
        if let Some(subnet) = subnet {
            one_less(&mut self.in_bucket, &(bucket, subnet));
            one_less(&mut self.in_table, &subnet);
        }
        true
    }

    /// Whether a peer is in the account.
    #[must_use]
    pub fn contains(&self, peer: &NodeId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Peers in the account.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether nobody is in the account.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
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
