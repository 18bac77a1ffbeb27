//! How nodes tell each other of services: gossiped announcements, and the exchange that fills in what gossip missed.
//!
//! **Announcement**: one gossip message on the topic `atoll/<network>/services`. It carries no author of its own;
//! what it holds is signed. Records have no signature of their own: the lease that they come with signs the digest of those in
//! each message ([`News`]).
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
    adjacency::Question,
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    sealed::{Hash, Signed},
    service::{Lease, Seq, Suspicion, Withdrawal},
};

mod schemas;
mod set;
#[cfg(test)]
mod tests;

pub use self::{
    schemas::SchemaReply,
    set::{News, OpenNews, OpenSet, RecordSet},
};

/// What is gossiped about the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Announcement {
    /// A lease, with the records that are new or changed since the node's last one (none in a renewal).
    Lease(News),
    /// Records that are gone, with the lease for what remains (none if the node itself goes).
    Withdrawal {
        /// What is gone.
        withdrawal: Signed<Withdrawal>,
        /// The lease that covers the rest.
        lease: Option<Signed<Lease>>,
    },
    /// A neighbour of a node has lost it.
    Suspicion {
        /// What the neighbour says.
        suspicion: Signed<Suspicion>,
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

    /// Who is claimed to say it; true once it has been opened.
    #[must_use]
    pub fn author(&self) -> NodeId {
        match self {
            Self::Lease(news) => news.lease.author(),
            Self::Withdrawal { withdrawal, .. } => withdrawal.author(),
            Self::Suspicion { suspicion } => suspicion.author(),
        }
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
    /// "This is the sum of what I know: list what you know in each bucket that differs." Asked of neighbours now and then;
    /// answered with one message of [`Heads`].
    Compare {
        /// The sum.
        summary: Summary,
    },
    /// "Whom are you connected to, and those around you?" Answered with one message of
    /// [`Adjacencies`](crate::adjacency::Adjacencies).
    Adjacent {
        /// What is asked.
        question: Question,
    },
    /// "Tell me these schemas." Asked of whoever offers a service that names them, or may have looked at one; answered with
    /// one [`SchemaReply`].
    Schemas {
        /// Their hashes.
        hashes: Vec<Hash>,
    },
}

impl SyncRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no request, or it lists more than [`SYNC_KNOWN`](limits::SYNC_KNOWN) nodes,
    /// [`SCHEMAS_ASKED`](limits::SCHEMAS_ASKED) schemas, or more than its kind allows.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let request = codec::decode(bytes, limits::SYNC_MESSAGE)?;
        let nodes = ("nodes in a synchronisation request", limits::SYNC_KNOWN);
        let ((what, limit), count) = match &request {
            Self::Newer { known } => (nodes, known.len()),
            Self::Describe { nodes: asked } => (nodes, asked.len()),
            Self::Goodbye { .. } => (nodes, 0),
            Self::Compare { summary } => (("buckets in a summary", limits::SUMMARY_BUCKETS), summary.buckets.len()),
            Self::Adjacent { question } => return question.check().map(|()| request),
            Self::Schemas { hashes } => (("schemas in a request", limits::SCHEMAS_ASKED), hashes.len()),
        };
        if count > limit { Err(DecodeError::TooMany { what, count, limit }) } else { Ok(request) }
    }
}

/// What a node knows, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The part of the network that it speaks of: everything at 0, half of that with each step.
    pub depth: u8,
    /// One number for each bucket of nodes; their count is a power of two. See the registry for what goes into one.
    pub buckets: Vec<u64>,
}

/// What the answering node knows of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The node.
    pub node: NodeId,
    /// The number of its lease.
    pub lease: Seq,
    /// The digest of its record set, which the answering node holds as a whole.
    pub digest: Hash,
}

/// The answer to a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// The part of the network that the answering node lists, as in [`Summary::depth`].
    pub depth: u8,
    /// The buckets that differ, by their position in the summary: of those that are not named both list the same.
    pub differing: Vec<u16>,
    /// All nodes in the buckets that differ.
    pub heads: Vec<Head>,
}

impl Heads {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no such answer, it lists more than [`HEADS`](limits::HEADS) nodes, or names more buckets
    /// than a summary may have.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let answer: Self = codec::decode(bytes, limits::SYNC_MESSAGE)?;
        let bounds = [
            ("nodes in an answer to a comparison", answer.heads.len(), limits::HEADS),
            ("buckets in an answer to a comparison", answer.differing.len(), limits::SUMMARY_BUCKETS),
        ];
        match bounds.into_iter().find(|(_, count, limit)| count > limit) {
            Some((what, count, limit)) => Err(DecodeError::TooMany { what, count, limit }),
            None => Ok(answer),
        }
    }

    /// Whether all nodes in the buckets that differ are listed, and none was left out for want of room.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.heads.len() < limits::HEADS
    }

    /// Whether the two views list the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing.is_empty()
    }
}

/// One piece of an answer: a node's record set, or a part of it. The lease is the same in all parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncReply {
    /// The lease, and some or all of the records that it covers.
    pub set: RecordSet,
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
