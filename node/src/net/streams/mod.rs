//! Substreams of the project's own protocols, opened on a connection of the caller's choice.
//!
//! Differs from `libp2p-stream` in three ways that matter here: the connection is chosen explicitly (a relayed one is
//! never taken while a direct one is open), opening goes straight to the connection's task without a detour through
//! the swarm, and incoming substreams wait in a bounded queue; when that is full a new one is refused and counted,
//! never silently swallowed.

mod behaviour;
mod handler;
mod substream;
mod uses;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use atoll_protocol::{identity::NodeId, limits};
use libp2p::StreamProtocol;
use parking_lot::Mutex;
use tokio::sync::oneshot;

pub(crate) use behaviour::Behaviour;
pub(crate) use substream::Substream;
pub(crate) use uses::{Place, Uses};

use super::connections::Connection;

/// Requests to open substreams that may wait at one connection.
const OPENS_PER_CONNECTION: usize = 64;
/// Incoming substreams that may wait to be taken up, over all connections.
pub(crate) const INBOUND_QUEUE: usize = 1024;
/// Of the streams that a peer may have open over QUIC an eighth is kept for gossip, the DHT and what else is not Atoll's own.
const KEPT: u32 = 8;
/// And at least so many: gossip, identify, ping, the DHT, topics, descriptions and standing may all have some open at a time.
const KEPT_AT_LEAST: u32 = 24;
/// Substreams that a peer may have open on one connection over TCP, whatever they are for: as many as yamux takes while its windows for all of them fit into its default of 1 GiB.
pub(crate) const SUBSTREAMS_OVER_TCP: usize = 4096;
/// Incoming substreams of one connection whose protocol is not known yet.
pub(crate) const NEGOTIATING: usize = 256;

/// The protocols that peers may open substreams of. Cheap to clone; all clones change together.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    always: Arc<[StreamProtocol]>,
    /// Those that only a node speaks that its peers can all dial.
    as_server: Arc<[StreamProtocol]>,
    server: Arc<AtomicBool>,
}

impl Accepted {
    pub(crate) fn new(always: impl Into<Arc<[StreamProtocol]>>, as_server: impl Into<Arc<[StreamProtocol]>>) -> Self {
        Self { always: always.into(), as_server: as_server.into(), server: Arc::default() }
    }

    /// Peers are told when their connection is next used, or pinged.
    pub(crate) fn set_server(&self, server: bool) {
        self.server.store(server, Ordering::Relaxed);
    }

    fn now(&self) -> Vec<StreamProtocol> {
        let as_server = self.as_server.iter().filter(|_| self.server.load(Ordering::Relaxed));
        self.always.iter().chain(as_server).cloned().collect()
    }
}

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
    /// The connection that it came on.
    pub(crate) connection: Arc<Connection>,
    pub(crate) protocol: StreamProtocol,
    pub(crate) stream: Substream,
}

/// What a peer's substreams are counted as: each kind has a bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Share {
    /// Lanes: as many as a peer opens, twice, since it may be moving to another connection.
    Lanes,
    /// Streams of messages and large bodies.
    Streams,
    /// Questions about topics, and topics that are followed.
    Topics,
    /// Everything else: a question, its answer, the end.
    Exchanges,
}

impl Share {
    const fn limit(self, streams: usize) -> usize {
        match self {
            Self::Lanes => 2 * limits::LANES_PER_PEER,
            Self::Streams => streams,
            Self::Topics => 64,
            Self::Exchanges => 16,
        }
    }
}

/// Streams and large bodies that one peer may have open to a node that lets it have so many streams over QUIC.
pub(crate) fn of_services(over_quic: u32) -> usize {
    let kept = (over_quic / KEPT).max(KEPT_AT_LEAST);
    usize::try_from(over_quic.saturating_sub(kept)).unwrap_or(usize::MAX)
}

/// Counts the substreams that each peer has open, and says when it has enough.
#[derive(Debug)]
pub(crate) struct Gate {
    streams: usize,
    open: Mutex<HashMap<(NodeId, Share), usize>>,
}

impl Gate {
    /// Lets each peer have so many streams of services.
    pub(crate) fn new(streams: usize) -> Self {
        Self { streams, open: Mutex::default() }
    }

    /// Lets one more in, for as long as the guard lives; `None` if the peer has its share.
    pub(crate) fn enter(self: &Arc<Self>, peer: NodeId, share: Share) -> Option<Open> {
        let mut open = self.open.lock();
        let count = open.entry((peer, share)).or_default();
        if *count >= share.limit(self.streams) {
            return None;
        }
        *count += 1;
        Some(Open { gate: Arc::clone(self), key: (peer, share) })
    }
}

/// A substream that is open.
#[derive(Debug)]
pub(crate) struct Open {
    gate: Arc<Gate>,
    key: (NodeId, Share),
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
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
    #[error(
        "as many substreams are open on the connection as it takes; wait for some to end (over QUIC net.streams_over_quic of both ends says how many)"
    )]
    Full,
    #[error("the peer does not speak {0}")]
    Unsupported(StreamProtocol),
    #[error("opening a substream failed: {0}")]
    Failed(String),
}
