//! Where things lie in the store: keys sort by topic, author, epoch and position.
//!
//! ```text
//! batches   topic ‖ 0 ‖ author (32) ‖ epoch (8, big-endian) ‖ first position (8, big-endian)
//! logs      topic ‖ 0 ‖ author (32) ‖ epoch (8, big-endian)          all ones for the proof of a fork
//! ```
//!
//! No topic's name holds a zero, so none is the beginning of another one's key.

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{ChainId, Epoch, Seq},
};

/// Bytes behind the topic.
const LOG: usize = 32 + 8;
const BATCH: usize = LOG + 8;

/// Where the proof of a fork lies, in place of an epoch.
pub(super) const FORK: Epoch = Epoch(u64::MAX);

/// What everything of a topic begins with.
pub(super) fn topic(topic: &TopicName) -> Vec<u8> {
    let mut key = Vec::with_capacity(topic.as_str().len() + 1 + BATCH);
    key.extend_from_slice(topic.as_str().as_bytes());
    key.push(0);
    key
}

/// What everything of one epoch of a log begins with.
pub(super) fn chain(chain: &ChainId) -> Vec<u8> {
    let mut key = topic(&chain.topic);
    key.extend_from_slice(chain.author.public_key());
    key.extend_from_slice(&chain.epoch.0.to_be_bytes());
    key
}

/// A batch.
pub(super) fn batch(of: &ChainId, first: Seq) -> Vec<u8> {
    let mut key = chain(of);
    key.extend_from_slice(&first.0.to_be_bytes());
    key
}

/// The first position of the batch with this key.
pub(super) fn position(key: &[u8]) -> Option<Seq> {
    key.last_chunk().map(|first| Seq(u64::from_be_bytes(*first)))
}

/// The log that a key of the table of logs belongs to.
pub(super) fn read_chain(key: &[u8]) -> Option<ChainId> {
    let (name, rest) = key.split_at_checked(key.iter().position(|byte| *byte == 0)?)?;
    let (author, epoch) = rest.get(1..).filter(|rest| rest.len() == LOG)?.split_at_checked(32)?;
    Some(ChainId {
        topic: std::str::from_utf8(name).ok()?.parse().ok()?,
        author: NodeId::from_public_key(author.try_into().ok()?),
        epoch: Epoch(u64::from_be_bytes(epoch.try_into().ok()?)),
    })
}
