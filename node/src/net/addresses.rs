//! What an address is good for: pure functions on multiaddrs.

use std::net::IpAddr;

use atoll_protocol::{identity::NodeId, limits};
use atoll_registry::{
    peers::{PublicRanges, Scope},
    reach::Transport,
};
use libp2p::{Multiaddr, multiaddr::Protocol};

use super::{node_id, peer_id};
use crate::error::ConnectError;

#[cfg(test)]
mod tests;

/// Parses an address as a person types it.
pub(crate) fn parse_address(text: &str) -> Result<Multiaddr, ConnectError> {
    text.parse().map_err(|e: libp2p::multiaddr::Error| ConnectError::Address {
        address: text.chars().take(160).collect(),
        reason: e.to_string(),
    })
}

/// `address/p2p/<peer>`.
pub(crate) fn with_peer(address: &Multiaddr, peer: &NodeId) -> Multiaddr {
    match peer_id(peer) {
        Some(id) => address.clone().with_p2p(id).unwrap_or_else(|unchanged| unchanged),
        None => address.clone(),
    }
}

/// The peer that an address ends in, and the address without it. A peer that cannot be a node stays in the address,
/// where dialling will find it.
pub(crate) fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<NodeId>) {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(peer)) => match node_id(&peer) {
            Some(node) => (bare, Some(node)),
            None => (address.clone(), None),
        },
        _ => (address.clone(), None),
    }
}

/// The address without the peer that it ends in.
pub(crate) fn bare(address: &Multiaddr) -> Multiaddr {
    split_peer(address).0
}

/// The first IP address in it: of a relayed address, the relay's.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|p| match p {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}

/// From how far away an address can be dialled; `None` if from nowhere, or if it is a name.
pub(super) fn scope(address: &Multiaddr, public: &PublicRanges) -> Option<Scope> {
    public.scope(ip(address)?)
}

/// The addresses worth telling others, widest scope first: loopback ones only where there are no others, since
/// nobody else can use them; never link-local ones, which mean nothing without their interface.
pub(super) fn worth_telling(addresses: impl IntoIterator<Item = Multiaddr>, public: &PublicRanges) -> Vec<Multiaddr> {
    let mut scoped: Vec<(Scope, Multiaddr)> = addresses
        .into_iter()
        .filter_map(|a| scope(&a, public).map(|s| (s, a)))
        .filter(|(s, _)| *s != Scope::LinkLocal)
        .collect();
    if scoped.iter().any(|(s, _)| *s != Scope::Loopback) {
        scoped.retain(|(s, _)| *s != Scope::Loopback);
    }
    scoped.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.as_ref().cmp(b.1.as_ref())));
    scoped.dedup();
    scoped.into_iter().map(|(_, a)| a).take(limits::ADDRESSES_PER_NODE).collect()
}

/// What carries a connection to an address; of one through a relay, what leads to the relay.
pub(super) fn transport(address: &Multiaddr) -> Transport {
    let has = |is: fn(&Protocol<'_>) -> bool| address.iter().any(|part| is(&part));
    if has(|part| matches!(part, Protocol::Ws(_) | Protocol::Wss(_))) {
        Transport::WebSocket
    } else if has(|part| matches!(part, Protocol::QuicV1)) {
        Transport::Quic
    } else {
        Transport::Tcp
    }
}

/// Whether an address leads through a relay.
pub(super) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|p| matches!(p, Protocol::P2pCircuit))
}

/// The relay that an address leads through: the last peer named before the circuit.
pub(super) fn relay(address: &Multiaddr) -> Option<NodeId> {
    if !is_circuit(address) {
        return None;
    }
    let before = address.iter().take_while(|part| !matches!(part, Protocol::P2pCircuit));
    before.filter_map(|part| if let Protocol::P2p(id) = part { node_id(&id) } else { None }).last()
}

/// Without those that lead through a relay that another one leads through, where this node is connected to the relay: a circuit
/// takes the connection that there is, whichever of the relay's addresses it is asked for at.
pub(super) fn one_way_through(addresses: Vec<Multiaddr>, connected: impl Fn(&NodeId) -> bool) -> Vec<Multiaddr> {
    let mut through: Vec<NodeId> = Vec::new();
    let mut once = |address: &Multiaddr| match relay(address).filter(|relay| connected(relay)) {
        Some(relay) if through.contains(&relay) => false,
        Some(relay) => {
            through.push(relay);
            true
        }
        None => true,
    };
    addresses.into_iter().filter(|address| once(address)).collect()
}

/// Whether others like this node can dial a peer there that this node has reached at `from`: only if the address reaches as
/// far. A peer met on the internet has no private address for anyone there.
pub(super) fn reaches(address: &Multiaddr, from: IpAddr, public: &PublicRanges) -> bool {
    let least = public.scope(from).unwrap_or(Scope::Global);
    scope(address, public).is_some_and(|scope| scope >= least && scope != Scope::LinkLocal)
}

/// The addresses among these that others can dial the peer at, widest first; see [`reaches`].
pub(super) fn reaching(
    addresses: impl IntoIterator<Item = Multiaddr>,
    from: IpAddr,
    public: &PublicRanges,
) -> Vec<Multiaddr> {
    worth_telling(addresses.into_iter().filter(|address| reaches(address, from, public)), public)
}

/// Whether a node with these addresses should answer Kademlia queries: only if the peers it has could all dial it,
/// that is, if one of its addresses reaches as far as its widest-known peer. A home node among public ones is a
/// client; on a LAN of its own, or on loopback, it is a server. An address at a relay is none of its own: whoever can only
/// be reached through one would make every query pass through it.
pub(super) fn serves_dht<'a>(
    own: impl IntoIterator<Item = &'a Multiaddr>,
    peers: impl IntoIterator<Item = &'a Multiaddr>,
    public: &PublicRanges,
) -> bool {
    let widest = |all: &mut dyn Iterator<Item = &'a Multiaddr>| all.filter_map(|a| scope(a, public)).max();
    match (widest(&mut own.into_iter().filter(|a| !is_circuit(a))), widest(&mut peers.into_iter())) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(own), Some(peer)) => own >= peer,
    }
}
