//! Substreams of the project's own protocols, opened on a connection of the caller's choice.
//!
//! Differs from `libp2p-stream` in three ways that matter here: the connection is chosen explicitly (a relayed one is
//! never taken while a direct one is open), opening goes straight to the connection's task without a detour through
//! the swarm, and incoming substreams wait in a bounded queue; when that is full a new one is refused and counted,
//! never silently swallowed.

mod behaviour;
mod handler;
mod substream;

use std::{collections::HashMap, sync::Arc};

use atoll_protocol::identity::NodeId;
use libp2p::StreamProtocol;
use parking_lot::Mutex;
use tokio::sync::oneshot;

pub(crate) use behaviour::Behaviour;
pub(crate) use substream::Substream;

/// Requests to open substreams that may wait at one connection.
const OPENS_PER_CONNECTION: usize = 64;
/// Incoming substreams that may wait to be taken up, over all connections.
pub(crate) const INBOUND_QUEUE: usize = 256;

/// Substreams that one peer may have open to this node: its lanes, its large bodies, its synchronisations.
const OPEN_PER_PEER: usize = 128;

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
    pub(crate) stream: Substream,
}

/// Counts the substreams that each peer has open, and says when it has enough.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<HashMap<NodeId, usize>>);

impl Gate {
    /// Lets one more in, for as long as the guard lives; `None` if the peer has its share.
    pub(crate) fn enter(self: &Arc<Self>, peer: NodeId) -> Option<Open> {
        let mut open = self.0.lock();
        let count = open.entry(peer).or_default();
        if *count >= OPEN_PER_PEER {
            return None;
        }
        *count += 1;
        Some(Open { gate: Arc::clone(self), peer })
    }
}

/// A substream that is open.
#[derive(Debug)]
pub(crate) struct Open {
    gate: Arc<Gate>,
    peer: NodeId,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.gate.0.lock();
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
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
