//! Punching holes: two nodes behind NAT dial each other at the same moment, so that each NAT takes what comes in for the
//! answer to what went out.
//!
//! They agree on the moment over the relayed connection they already have, by the protocol DCUtR of libp2p. Whoever
//! *accepted* the relayed connection begins, so that both do not at once:
//!
//! ```text
//!   accepted                      dialled
//!      │── CONNECT, addresses ──────▶│
//!      │◀───────── CONNECT, addresses┤   the time between is a round trip
//!      │── SYNC ────────────────────▶│   dials on its arrival
//!      ┊  half a round trip          │
//!      dials                         ▼
//! ```
//!
//! Both look up their addresses when they send them: a NAT may have forgotten those of a minute ago. Over QUIC the side that
//! began dials as if it had been dialled, so that two handshakes crossing make one connection.

mod candidates;
mod handshake;
#[cfg(test)]
mod tests;

use std::time::Duration;

use libp2p::{Multiaddr, StreamProtocol};

pub(super) use self::{
    candidates::{Candidates, OFFERED, useful},
    handshake::{PunchError, initiate, respond},
};

/// The protocol, by the name that all of libp2p knows it by.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/libp2p/dcutr");

/// How long the two may take to agree.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which of the two a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// It began, and dials as if it had been dialled.
    Initiator,
    /// It was asked.
    Responder,
}

/// What two nodes have agreed on: this one is to dial now, there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) role: Role,
    pub(crate) addresses: Vec<Multiaddr>,
}
