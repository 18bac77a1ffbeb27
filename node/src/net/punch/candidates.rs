//! The addresses that a node may be reached at, as far as anybody can tell: what is offered when a hole is punched.

use std::{collections::VecDeque, net::IpAddr};

use libp2p::{Multiaddr, multiaddr::Protocol};

/// Addresses offered to the other side, and taken from it.
pub(crate) const OFFERED: usize = 16;
/// Addresses that others have seen this node at which are remembered.
const OBSERVED: usize = 12;

/// The addresses that others have seen, the last first. The port is the NAT's own, which a list of what this node listens
/// on does not know.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    observed: VecDeque<Multiaddr>,
}

impl Candidates {
    /// A peer has seen this node at `address`.
    pub(crate) fn observed(&mut self, address: &Multiaddr) {
        let address = without_peer(address);
        if !useful(&address) {
            return;
        }
        self.observed.retain(|known| *known != address);
        self.observed.push_front(address);
        self.observed.truncate(OBSERVED);
    }

    /// Forgets everything: this node is somewhere else now.
    pub(crate) fn clear(&mut self) {
        self.observed.clear();
    }

    /// What is offered now: what others see first, then the addresses that this node has itself.
    pub(crate) fn offer(&self, own: impl IntoIterator<Item = Multiaddr>) -> Vec<Multiaddr> {
        let mut offer: Vec<Multiaddr> = Vec::new();
        let own = own.into_iter().map(|address| without_peer(&address)).filter(useful);
        for address in self.observed.iter().cloned().chain(own) {
            if !offer.contains(&address) {
                offer.push(address);
            }
        }
        offer.truncate(OFFERED);
        offer
    }
}

/// Whether an address can be one to punch a hole to: an IP address that is not this machine itself, and no relay's.
pub(crate) fn useful(address: &Multiaddr) -> bool {
    let ip = match address.iter().next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return false,
    };
    let canonical = ip.to_canonical();
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let somewhere = !canonical.is_loopback() && !canonical.is_unspecified() && !canonical.is_multicast() && !link_local;
    somewhere && !address.iter().any(|part| matches!(part, Protocol::P2pCircuit))
}

fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().take_while(|part| !matches!(part, Protocol::P2p(_))).collect()
}
