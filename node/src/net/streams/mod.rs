//! Substreams of the project's own protocols, opened on a connection of the caller's choice.
//!
//! Differs from `libp2p-stream` in three ways that matter here: the connection is chosen explicitly (a relayed one is
//! never taken while a direct one is open), opening goes straight to the connection's task without a detour through
//! the swarm, and incoming substreams wait in a bounded queue; when that is full a new one is refused and counted,
//! never silently swallowed.

mod behaviour;
mod handler;

pub(crate) use behaviour::Behaviour;
use libp2p::StreamProtocol;
use tokio::sync::oneshot;

use atoll_protocol::identity::NodeId;

/// Requests to open substreams that may wait at one connection.
const OPENS_PER_CONNECTION: usize = 64;
/// Incoming substreams that may wait to be taken up, over all connections.
pub(crate) const INBOUND_QUEUE: usize = 256;

/// "Open a substream of this protocol on your connection."
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) protocol: StreamProtocol,
    pub(crate) reply: oneshot::Sender<Result<libp2p::Stream, OpenError>>,
}

/// A substream that a peer has opened.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) peer: NodeId,
    pub(crate) protocol: StreamProtocol,
    pub(crate) stream: libp2p::Stream,
}

/// Why a substream could not be opened. Nothing has been sent in any of these cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OpenError {
    #[error("the connection is closed")]
    Closed,
    #[error("the peer does not speak {0}")]
    Unsupported(StreamProtocol),
    #[error("opening a substream failed: {0}")]
    Failed(String),
}
