//! What is said when publishing and subscribing.
//!
//! A payload is bytes. It stands in one of three fields: `json` if it is JSON, else `text` if it is text (UTF-8), else `base64`.
//! Keys and ids stand in `key` and `id` if they are text, else in `key_base64` and `id_base64`.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{Epoch, Seq},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// "Publish this." What a line does not say of the first three fields is as the first line says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishRequest {
    /// The topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What to wait for, as [`AckLevel`](crate::AckLevel) is written; `local` unless the first line says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<String>,
    /// How long to wait for it; 10 s unless the first line says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
    /// The payload, if it is JSON: published as it stands here.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub json: Option<Box<RawValue>>,
    /// The payload, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The payload in base64 (RFC 4648, section 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// What the message is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The same in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// The same for every attempt to publish the same thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The same in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_base64: Option<String>,
    /// Names and values that go with it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// What has become of a line, in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishEvent {
    /// It was published, and what was asked for was reached.
    Published(PublishedRow),
    /// It was not, or that was not reached.
    Failed(FailedRow),
}

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRow {
    /// The topic.
    pub topic: TopicName,
    /// The epoch of this node's log of the topic.
    pub epoch: Epoch,
    /// The position in it.
    pub seq: Seq,
    /// What was reached, as [`AckLevel`](crate::AckLevel) is written: at least what was asked for.
    pub level: String,
}

/// A message that was not published, or not as was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRow {
    /// Why, for people.
    pub error: String,
    /// What was reached all the same, if it was published; `null` if it was not.
    pub reached: Option<String>,
}

/// "Give me what is published."
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscribeRequest {
    /// A topic, or a pattern: `*` for one label, `>` at the end for all below.
    pub topics: String,
    /// Where to begin in each author's log.
    pub from: SubscribeFrom,
    /// Where to go on, in logs of which something is known already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<LogPosition>,
    /// Only messages with this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only messages with these headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Of what is there already only the last message for each key, and those without one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last_per_key: bool,
    /// Go on where the last subscription of this name has ended, and remember how far this one comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Whether messages and gaps of the session count as taken only once a further line of the request, a [`TakenCount`], says so. The
    /// end of the request then ends the subscription. Otherwise they do once they were handed to the connection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}

/// Where a subscription begins in each author's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscribeFrom {
    /// With what is published from now on.
    #[default]
    Latest,
    /// With the oldest that is retained.
    Earliest,
    /// With this position.
    Seq(u64),
    /// With what was published at this time.
    AtUnixMs(u64),
}

/// A position in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// The topic.
    pub topic: TopicName,
    /// Whose log.
    pub author: NodeId,
    /// The epoch of it.
    pub epoch: Epoch,
    /// The last position that was taken.
    pub seq: Seq,
}

/// "So many messages and gaps have been taken, from the first one on."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenCount {
    /// How many.
    pub taken: u64,
}

/// One line of what a subscriber is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscribeEvent {
    /// From now on everything is told; always the first line.
    Subscribed {
        /// When, by the node's clock.
        at_unix_ms: u64,
    },
    /// A message.
    Message(Box<MessageRow>),
    /// Messages that are no longer to be had.
    Gap(GapRow),
    /// The node that was asked has gone; once it is back, what follows goes on behind the last message. Said by the command line,
    /// not by the node.
    Lost {
        /// When, by this machine's clock.
        at_unix_ms: u64,
    },
}

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageRow {
    /// Its topic.
    pub topic: TopicName,
    /// Who has published it.
    pub author: NodeId,
    /// The epoch of the author's log that it stands in.
    pub epoch: Epoch,
    /// The position in there.
    pub seq: Seq,
    /// When it was published, by its author's clock.
    pub at_unix_ms: u64,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The same, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// What tells repeated attempts to publish the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The same, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_base64: Option<String>,
    /// Names and values that go with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The payload, if it is JSON: as it was published, but on one line.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub json: Option<Box<RawValue>>,
    /// The payload, if it is text, and no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The payload, if it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// Messages that are no longer to be had: nobody who was asked has them any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRow {
    /// The topic.
    pub topic: TopicName,
    /// Whose messages.
    pub author: NodeId,
    /// The epoch of the author's log.
    pub epoch: Epoch,
    /// The first position.
    pub from_seq: Seq,
    /// The last one.
    pub to_seq: Seq,
    /// How many they are.
    pub messages: u64,
}

/// Whatever stands there, `null` as well.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}
