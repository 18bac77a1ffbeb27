//! What is said in a synchronisation.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    names::{TopicName, TopicPattern},
    sealed::Signed,
    topic::{ChainId, Epoch, Proof, Receipt, Seq, SignedBatch, log::Stretch},
};

/// A topic in short: the first eight bytes of the SHA-256 of its name, as a little-endian number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub u64);

/// What one node asks of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// "Which topics do you hold that these stand for?" Answered with [`Reply::Topics`].
    Topics {
        /// The patterns.
        patterns: Vec<TopicPattern>,
        /// Only those after this one, by name.
        after: Option<TopicName>,
    },
    /// "These are the sums of my topics." Answered with [`Reply::Differing`].
    Compare {
        /// Drawn anew for each comparison.
        salt: u64,
        /// One for each bucket of topics; their count is a power of two.
        buckets: Vec<u64>,
    },
    /// "What do you hold of these topics, where you do not hold the same?" Answered with [`Reply::Logs`].
    Logs {
        /// Drawn anew for each comparison.
        salt: u64,
        /// The topics with their sums, none where nothing is known.
        topics: Vec<(TopicId, Option<u64>)>,
    },
    /// "What do you hold of this topic in these buckets?" Answered with [`Reply::Haves`].
    Within {
        /// The topic.
        topic: TopicName,
        /// How many buckets there are.
        count: u16,
        /// Those asked for, in ascending order.
        buckets: Vec<u16>,
        /// Only logs after this one, by author and epoch.
        after: Option<(NodeId, Epoch)>,
    },
    /// "Send me these." Answered with any number of [`Reply::Part`] and one [`Reply::End`].
    Fetch {
        /// The stretches of logs, to be sent in this order.
        wants: Vec<Want>,
        /// Bytes of batches after which to stop, [`Pull::MOST`](super::Pull::MOST) at most.
        most: u64,
    },
    /// "Send me what you say on these from now on, as it comes." Answered with [`Reply::Part`]s without gaps, until the asker closes
    /// the substream. What was said before, or is missed, is found by the other questions; what others say, at them: of a topic with
    /// many authors who all follow each other everything would come from everybody.
    Follow {
        /// The topics.
        patterns: Vec<TopicPattern>,
    },
    /// "I keep these": told to their author by a keeper that has them on its disk. Answered with [`Reply::End`].
    Receipts {
        /// What the keeper has signed, one for each log; still to be opened.
        receipts: Vec<Signed<Receipt>>,
    },
    /// "You are one of those that keep these, as far as I know." Answered with [`Reply::End`]. Whoever agrees asks for what it lacks.
    Keep {
        /// The topics.
        topics: Vec<TopicName>,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Topics, in the order of their names.
    Topics {
        /// Their names.
        topics: Vec<TopicName>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// Buckets of topics that are not the same here.
    Differing {
        /// Their positions, in ascending order.
        buckets: Vec<u16>,
    },
    /// What is held of topics that were asked about.
    Logs {
        /// So many of them were looked at: the others are to be asked about again.
        covered: u16,
        /// Those of them that are held, but not the same.
        held: Vec<Held>,
    },
    /// Logs in the buckets asked for.
    Haves {
        /// In the order of author and epoch.
        haves: Vec<Have>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// Some of what is to be fetched.
    Part {
        /// In the order in which it was asked for.
        pieces: Vec<Piece>,
    },
    /// Nothing more follows.
    End {
        /// Whether that is because there was enough: the rest is to be asked for again.
        more: bool,
    },
}

/// What is held of a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The position of the topic among those that were asked about.
    pub topic: u16,
    /// Its logs.
    pub logs: Logs,
    /// Its logs that were found to be forked.
    pub forked: Vec<Proof>,
}

/// The logs of a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Logs {
    /// All of them.
    All(Vec<Have>),
    /// They are many: these are their sums.
    Many(Vec<u64>),
}

/// What is held of one epoch of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// Whose log.
    pub author: NodeId,
    /// Which epoch.
    pub epoch: Epoch,
    /// The first position that is retained.
    pub first: Seq,
    /// The last one.
    pub last: Seq,
    /// The first half of the hash of the last batch's head.
    pub check: [u8; 16],
    /// How many positions between the two are not held.
    pub holes: u64,
}

/// A stretch of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Which log.
    pub chain: ChainId,
    /// Which entries of it; whole batches are sent.
    pub entries: Stretch,
}

/// A piece of what is fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    /// A batch; it is still to be opened.
    Batch(SignedBatch),
    /// These are not held.
    Gap {
        /// The position of the want that they belong to.
        want: u16,
        /// Which.
        entries: Stretch,
    },
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no request, or it lists more of something than may be.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let request = codec::decode(bytes, limits::TOPIC_MESSAGE)?;
        let listed = limits::TOPIC_LISTED;
        let (what, count, limit) = match &request {
            Self::Topics { patterns, .. } | Self::Follow { patterns } => {
                ("patterns in a request", patterns.len(), listed)
            }
            Self::Compare { buckets, .. } => ("buckets in a comparison", buckets.len(), limits::SUMMARY_BUCKETS),
            Self::Logs { topics, .. } => ("topics in a request", topics.len(), listed),
            Self::Keep { topics } => ("topics in a request", topics.len(), listed),
            Self::Within { buckets, .. } => ("buckets in a request", buckets.len(), limits::SUMMARY_BUCKETS),
            Self::Receipts { receipts } => ("receipts in a message", receipts.len(), limits::TOPIC_WANTED),
            Self::Fetch { wants, .. } => ("stretches in a request", wants.len(), limits::TOPIC_WANTED),
        };
        if count > limit { Err(DecodeError::TooMany { what, count, limit }) } else { Ok(request) }
    }
}

impl Reply {
    /// Reads an answer. What it holds is still to be opened.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no answer, or too many.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::TOPIC_MESSAGE)
    }
}
