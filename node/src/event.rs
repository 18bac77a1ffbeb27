//! What a running node reports as it happens. Serialised, an event is one JSON object with its name in `event`.

use std::path::PathBuf;

use atoll_protocol::identity::NodeId;
use libp2p::Multiaddr;
use serde::Serialize;
use tokio::sync::mpsc;

/// Something that happened to the node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeEvent {
    /// The node has none yet, and looks for an identity that solves the network's puzzle; told now and then while it does.
    MakingIdentity {
        /// Bits of the puzzle.
        bits: u32,
        /// Keys tried so far; it takes 2^bits on average.
        tried: u64,
    },
    /// The node's identity was made for another network, or before this one had its puzzle: others refuse it.
    IdentityTooEasy {
        /// Bits that it has.
        bits: u32,
        /// Bits that the network asks for.
        wanted: u32,
    },
    /// The node has its identity and its state.
    Started {
        /// The node's identity.
        node: NodeId,
        /// Where it keeps its state, unless only in memory.
        data_dir: Option<PathBuf>,
    },
    /// A wanted port is in use by another program; the node takes another one.
    PortTaken {
        /// The port that was wanted.
        wanted: u16,
        /// The port that is used instead.
        using: u16,
    },
    /// An address that was asked for cannot be listened on; the others are used.
    ListenFailed {
        /// The address.
        address: Multiaddr,
        /// Why not.
        reason: String,
    },
    /// The node can be dialled here.
    Listening {
        /// The address, with `/p2p/<id>`.
        address: Multiaddr,
    },
    /// There is nobody to join through: the node is the first of its network, and waits.
    Alone,
    /// A node to join through could not be reached; the others, and this one again later, are tried.
    BootstrapFailed {
        /// Its address.
        address: Multiaddr,
        /// Why not.
        reason: String,
    },
    /// The node is part of the network: it is connected, and knows what its neighbours know.
    Joined {
        /// Peers it is connected to.
        peers: usize,
        /// Time since the node was started.
        millis: u64,
    },
    /// A peer is connected.
    PeerConnected {
        /// The peer.
        peer: NodeId,
        /// The address it was reached at, or came from.
        address: Multiaddr,
    },
    /// The last connection to a peer is gone.
    PeerDisconnected {
        /// The peer.
        peer: NodeId,
    },
    /// A peer belongs to another network; the connection is closed.
    WrongNetwork {
        /// The peer.
        peer: NodeId,
        /// Its network.
        network: String,
    },
    /// A peer's identity does not solve the network's puzzle; the connection is closed.
    PeerTooEasy {
        /// The peer.
        peer: NodeId,
        /// Bits that its identity has.
        bits: u32,
        /// Bits that the network asks for.
        wanted: u32,
    },
    /// A peer has sent so much that no honest node sends that nothing is to do with it for a while.
    PeerBarred {
        /// The peer.
        peer: NodeId,
        /// For how long.
        seconds: u64,
        /// What it has sent, by kind: `20 forged, 1 replayed`.
        faults: String,
    },
    /// Programs and people can use the node here over HTTP.
    Gateway {
        /// The gateway's address, such as `http://127.0.0.1:4080/`.
        url: String,
    },
    /// The node has begun to stop.
    Stopping,
}

/// Who is told of events.
type Listener = Box<dyn Fn(NodeEvent) + Send + Sync>;

/// Events that may wait for a slow listener before further ones are dropped.
const WAITING: usize = 1024;

/// Where the node's parts report events; cheap to clone. The listener runs in a task of its own, so a listener that
/// blocks (a terminal that is paused) holds up nothing but the events.
#[derive(Debug, Clone)]
pub(crate) struct Events(mpsc::Sender<NodeEvent>);

impl Events {
    pub(crate) fn new(listener: Option<Listener>) -> Self {
        let (events, mut reported) = mpsc::channel(WAITING);
        if let Some(listener) = listener {
            // Ends when the last of the node's parts is gone.
            tokio::task::spawn_blocking(move || {
                while let Some(event) = reported.blocking_recv() {
                    listener(event);
                }
            });
        }
        Self(events)
    }

    pub(crate) fn report(&self, event: NodeEvent) {
        if let Err(mpsc::error::TrySendError::Full(event)) = self.0.try_send(event) {
            tracing::warn!(?event, "nobody listens to events fast enough: one is dropped");
        }
    }
}
