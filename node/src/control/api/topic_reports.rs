//! What is said of topics: which there are, what their owners decide, and what is not kept elsewhere yet.

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{self, Epoch, Seq},
};
use serde::{Deserialize, Deserializer, Serialize};

/// One topic that this node has to do with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicRow {
    /// Its name.
    pub topic: TopicName,
    /// Authors of whom something is known.
    pub authors: usize,
    /// Messages that are held.
    pub messages: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// When the last one was published, by its author's clock; `null` if there is none.
    pub last_at_unix_ms: Option<u64>,
    /// Whether somebody on this node has subscribed to it.
    pub subscribed: bool,
    /// Whether this node keeps it for others.
    pub kept: bool,
    /// Whether this node has published on it.
    pub published: bool,
    /// Who decides about it; `null` where it is everybody's.
    pub owner: Option<NodeId>,
    /// Whether that is this node.
    pub owned: bool,
    /// The nodes that keep it, this one perhaps among them.
    pub keepers: Vec<NodeId>,
}

/// One topic in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicDescription {
    /// What a list says of it.
    #[serde(flatten)]
    pub row: TopicRow,
    /// What a topic like this would be called if it belonged to this node; `null` if that is too long.
    pub own_name: Option<TopicName>,
    /// What its owner has decided; `null` where nothing is.
    pub policy: Option<TopicPolicy>,
    /// The nodes that keep it, and how far away they are.
    pub keeper_rows: Vec<KeeperRow>,
    /// What is held, by author.
    pub author_rows: Vec<AuthorRow>,
}

/// What a topic's owner has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPolicy {
    /// When, by the owner's clock.
    pub issued_unix_ms: u64,
    /// Who may publish and read.
    pub access: TopicAccess,
    /// Nodes that are to keep the topic, beside or instead of those that are elected.
    pub keepers: Vec<NodeId>,
    /// Messages older than this need not be kept; `null` without such a bound.
    pub age_secs: Option<u64>,
    /// More bytes than this need not be kept.
    pub bytes: Option<u64>,
    /// More messages than this need not be kept.
    pub messages: Option<u64>,
    /// Whether a message with a key need not be kept once a later one has the same.
    pub last_per_key: bool,
}

/// Who may publish on a topic and read it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicAccess {
    /// Everybody may do both.
    #[default]
    Open,
    /// These, and the owner, may publish, and everybody may read.
    Publishers(Vec<NodeId>),
    /// Only these, and the owner, may do either; keepers may read what they keep.
    Closed(Vec<NodeId>),
}

/// A node that keeps a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeeperRow {
    /// The node.
    pub node: NodeId,
    /// Whether the topic's owner has named it; else it was elected.
    pub pinned: bool,
    /// How it is reached: `local`, `direct`, `relayed`, or `null` when not connected.
    pub path: Option<String>,
    /// Measured round trip.
    pub rtt_ms: Option<f64>,
}

/// One author's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorRow {
    /// The author.
    pub author: NodeId,
    /// Whether it has said two things at one position: nothing more is taken of it then.
    pub quarantined: bool,
    /// The epochs of the log that are known, oldest first: an author begins a new one when it may have lost what others have.
    pub epochs: Vec<EpochRow>,
}

/// One epoch of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRow {
    /// When it began, in milliseconds since 1970: its name.
    pub epoch: Epoch,
    /// The first position that is held; beyond the last one if none is.
    pub first_seq: Seq,
    /// The last position.
    pub last_seq: Seq,
    /// When that was published, by its author's clock.
    pub last_at_unix_ms: u64,
    /// Messages that are held.
    pub messages: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

/// "As the topic's owner, decide this." What is left out stays as it is; `null` lifts a bound.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RetainRequest {
    /// The topic.
    pub topic: String,
    /// Messages older than this need not be kept.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub age_secs: Option<Option<u64>>,
    /// More bytes than this need not be kept.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Option<u64>>,
    /// More messages than this need not be kept.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub messages: Option<Option<u64>>,
    /// Whether a message with a key need not be kept once a later one has the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_per_key: Option<bool>,
    /// Who may publish and read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<TopicAccess>,
    /// Nodes that are to keep the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepers: Option<Vec<NodeId>>,
}

/// What of this node's own messages fewer keepers have than should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxReport {
    /// How many keepers each topic should have.
    pub keepers_wanted: usize,
    /// How many nodes keep topics, as far as this one knows; itself not counted.
    pub keepers_known: usize,
    /// Whether this node has published anything at all.
    pub published: bool,
    /// What is still to be kept.
    pub pending: Vec<OutboxRow>,
}

/// What of one log fewer keepers have than should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The topic.
    pub topic: TopicName,
    /// The epoch of this node's log.
    pub epoch: Epoch,
    /// The first position that too few have.
    pub from_seq: Seq,
    /// The last position.
    pub to_seq: Seq,
    /// Messages whose publishers still wait for something.
    pub waiting: u64,
    /// The topic's keepers, this node not counted.
    pub keepers: Vec<OutboxKeeper>,
}

/// What a keeper has of this node's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxKeeper {
    /// The keeper.
    pub node: NodeId,
    /// How it is reached: `direct`, `relayed`, or `null` when not connected.
    pub path: Option<String>,
    /// Measured round trip.
    pub rtt_ms: Option<f64>,
    /// The first position that it has given a receipt for; `null` if it has given none.
    pub kept_from_seq: Option<Seq>,
    /// The last one.
    pub kept_to_seq: Option<Seq>,
}

impl From<topic::Access> for TopicAccess {
    fn from(access: topic::Access) -> Self {
        match access {
            topic::Access::Open => Self::Open,
            topic::Access::Publishers(keys) => Self::Publishers(keys),
            topic::Access::Closed(keys) => Self::Closed(keys),
        }
    }
}

impl From<TopicAccess> for topic::Access {
    fn from(access: TopicAccess) -> Self {
        match access {
            TopicAccess::Open => Self::Open,
            TopicAccess::Publishers(keys) => Self::Publishers(keys),
            TopicAccess::Closed(keys) => Self::Closed(keys),
        }
    }
}

impl From<topic::Policy> for TopicPolicy {
    fn from(policy: topic::Policy) -> Self {
        let topic::Retention { age_secs, bytes, entries, last_per_key } = policy.retention;
        Self {
            issued_unix_ms: policy.issued.0,
            access: policy.access.into(),
            keepers: policy.keepers,
            age_secs,
            bytes,
            messages: entries,
            last_per_key,
        }
    }
}

/// What is there, if it is `null`, too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
