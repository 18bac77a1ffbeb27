//! The relay service: passes connections on to peers that cannot be dialled, as a server of Circuit Relay v2
//! (<https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md>).
//!
//! ```text
//!   source                        relay (this module)                        target
//!     |                                |  <-- hop: RESERVE ------------------- |   on its direct connection
//!     |                                |  --- hop: STATUS OK, addresses -----> |   for an hour; renewed in time
//!     |  --- hop: CONNECT target ----> |                                       |
//!     |                                |  --- stop: CONNECT from source -----> |   on the connection that reserved
//!     |                                |  <-- stop: STATUS OK ---------------- |
//!     |  <-- hop: STATUS OK ---------- |                                       |
//!     |  <=========================== bytes, both ways ======================> |   end to end encrypted
//! ```
//!
//! It differs from libp2p's own server in what a relay for real use needs: bytes are limited by their rate, not by their
//! number, and circuits by their idleness, not by their age; there are limits per subnet; every refusal is counted; and it
//! can be switched on and off while connections are open. Messages carry no `Limit`, which by the specification means that
//! there is none, so that clients use such a connection like any other. They carry no voucher either: the specification
//! calls it advisory, and no client asks for one.
//!
//! | part | what it does |
//! |---|---|
//! | [`behaviour`] | keeps the table of direct connections, gives each its handler |
//! | [`handler`] | takes hop substreams, opens stop substreams, in the connection's task |
//! | [`hop`] | serves one hop substream, in a task of its own: the request, the answer, the circuit |
//! | [`copy`] | passes a circuit's bytes on at its pace |
//! | [`service`] | what they share: [`Relay`], the handle from outside |
//! | [`messages`] | the messages of the protocol |
//! | [`figures`] | what has been done and refused |
//!
//! Who is let in and how fast is the pure [`atoll_registry::reach::capacity::Capacity`]'s to say.
//!
//! It never dials, never looks into a circuit, and does nothing that takes time in the swarm's task.

mod behaviour;
mod copy;
pub(crate) mod figures;
mod handler;
mod hop;
mod messages;
mod service;
#[cfg(test)]
mod tests;

use libp2p::StreamProtocol;

pub(crate) use behaviour::Behaviour;
pub(crate) use service::Relay;

const HOP: StreamProtocol = StreamProtocol::new("/libp2p/circuit/relay/0.2.0/hop");
const STOP: StreamProtocol = StreamProtocol::new("/libp2p/circuit/relay/0.2.0/stop");

/// Hop substreams of one connection on which nothing has been agreed yet.
const PENDING_PER_CONNECTION: usize = 16;
/// Stop substreams that may wait to be opened at one connection.
const OPENS_PER_CONNECTION: usize = 32;
/// Connections of a target that are tried for one circuit.
const TRIED_CONNECTIONS: usize = 2;
/// Addresses in a reservation at most, so that they fit into a message.
const ADDRESSES: usize = 16;
/// Bytes of each direction of a circuit that may be held here. yamux sends 16 KiB at once.
const BUFFER: usize = 32 * 1024;
