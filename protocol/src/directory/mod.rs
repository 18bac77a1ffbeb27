//! How nodes tell each other of services: gossiped announcements, and the exchange that fills in what gossip missed.
//!
//! **Announcement**: one gossip message on the topic `atoll/<network>/services`. It carries no author of its own;
//! what it holds is signed.
//!
//! **Synchronisation**: a substream of `/atoll/<network>/describe/1`. Each message is
//!
//! ```text
//! ┌──────────────┬─────────────────┐
//! │ len: u32 LE  │ body (encoded)  │   len ≤ limits::SYNC_MESSAGE
//! └──────────────┴─────────────────┘
//! ```
//!
//! The caller sends one [`SyncRequest`] and closes its side; the other side answers with [`SyncReply`] messages and
//! closes its own. A node's record set may span several replies, the last one marked.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    sealed::Signed,
    service::{Lease, NodeRecord, Seq, ServiceRecord, Withdrawal},
};

#[cfg(test)]
mod tests;

/// What is gossiped about the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Announcement {
    /// A lease, with the records that are new or changed since the node's last one (none in a renewal). A receiver
    /// whose set does not match the lease's digest afterwards asks for the rest.
    Lease {
        /// The node's lease.
        lease: Signed<Lease>,
        /// The node's own record, where it changed.
        node: Option<Signed<NodeRecord>>,
        /// The new or changed service records.
        services: Vec<Signed<ServiceRecord>>,
    },
    /// Records that are gone, with the lease for what remains (none if the node itself goes).
    Withdrawal {
        /// What is gone.
        withdrawal: Signed<Withdrawal>,
        /// The lease that covers the rest.
        lease: Option<Signed<Lease>>,
    },
}

impl Announcement {
    /// Reads an announcement. What it holds is still to be opened.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no announcement, or more than a gossip message may have.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::ANNOUNCEMENT)
    }
}

/// What one node asks of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SyncRequest {
    /// "This is what I know, up to which lease: tell me what is newer." Asked of neighbours.
    Newer {
        /// The nodes the caller knows, each with the number of the last lease whose whole record set it holds.
        known: Vec<(NodeId, Seq)>,
    },
    /// "Tell me all of these nodes' records." Asked of a provider about itself, or of whoever mentioned it.
    Describe {
        /// The nodes asked for.
        nodes: Vec<NodeId>,
    },
    /// "I am leaving; pass it on." Answered with no reply but the end of the stream, once it has been taken in.
    Goodbye {
        /// The node's withdrawal of everything.
        withdrawal: Signed<Withdrawal>,
    },
}

impl SyncRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no request, or it lists more than [`SYNC_KNOWN`](limits::SYNC_KNOWN) nodes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let request = codec::decode(bytes, limits::SYNC_MESSAGE)?;
        let (what, limit) = ("nodes in a synchronisation request", limits::SYNC_KNOWN);
        let count = match &request {
            Self::Newer { known } => known.len(),
            Self::Describe { nodes } => nodes.len(),
            Self::Goodbye { .. } => 0,
        };
        if count > limit { Err(DecodeError::TooMany { what, count, limit }) } else { Ok(request) }
    }
}

/// One piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncReply {
    /// The lease that the records belong to.
    pub lease: Signed<Lease>,
    /// What is left of the lease by the sender's clock, in milliseconds: a lease heard of second hand ends no later
    /// than it would have at first hand.
    pub remaining_ms: u32,
    /// The node's own record.
    pub node: Option<Signed<NodeRecord>>,
    /// Some or all of its service records.
    pub services: Vec<Signed<ServiceRecord>>,
    /// Whether this is the last piece about this node.
    pub last: bool,
}

impl SyncReply {
    /// Reads a piece of an answer. What it holds is still to be opened.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no such piece, or longer than a message may be.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::SYNC_MESSAGE)
    }
}
