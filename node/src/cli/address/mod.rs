//! Multiaddrs that people type, checked where they are typed.

use atoll_protocol::identity::NodeId;
use libp2p::{Multiaddr, multiaddr::Protocol};

#[cfg(test)]
mod tests;

/// Why a text is not an address of the wanted kind. The message names the way out, not the value: whoever shows it says
/// where the value came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no multiaddr.
    #[error("not an address ({reason}); an address looks like {PEER_EXAMPLE}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// It names a peer that cannot be an Atoll node.
    #[error("the address names a peer that is no Atoll node; an id begins with 12D3Koo, as in {PEER_EXAMPLE}")]
    ForeignPeer,
    /// It names nothing that can be listened on.
    #[error("cannot be listened on; such an address looks like {LISTEN_EXAMPLE} or /ip4/0.0.0.0/tcp/4077")]
    NoTransport,
}

/// What an address to join through looks like.
pub const PEER_EXAMPLE: &str = "/ip4/192.0.2.7/udp/4077/quic-v1/p2p/12D3Koo…";

/// What an address to listen on looks like.
pub const LISTEN_EXAMPLE: &str = "/ip4/0.0.0.0/udp/4077/quic-v1";

/// An address to connect to, with or without the id of the node that is expected there.
///
/// # Errors
/// [`AddressError`] for anything that is no multiaddr.
pub fn dial_address(text: &str) -> Result<Multiaddr, AddressError> {
    let address = parse(text)?;
    check_peer(&address)?;
    Ok(address)
}

/// Whether a node can be at `address`.
///
/// # Errors
/// [`AddressError::ForeignPeer`] if it names a peer that is no Atoll node.
pub fn check_peer(address: &Multiaddr) -> Result<(), AddressError> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) if NodeId::from_peer_id_bytes(&peer.to_bytes()).is_err() => {
            Err(AddressError::ForeignPeer)
        }
        _ => Ok(()),
    }
}

/// An address to listen on: TCP, or QUIC on UDP.
///
/// # Errors
/// [`AddressError`] for anything else.
pub fn listen_address(text: &str) -> Result<Multiaddr, AddressError> {
    let address = parse(text)?;
    match address.iter().last() {
        Some(Protocol::Tcp(_) | Protocol::QuicV1) => Ok(address),
        _ => Err(AddressError::NoTransport),
    }
}

fn parse(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr =
        text.parse().map_err(|e: libp2p::multiaddr::Error| AddressError::Syntax { reason: e.to_string() })?;
    if address.is_empty() { Err(AddressError::Syntax { reason: "it is empty".to_owned() }) } else { Ok(address) }
}
