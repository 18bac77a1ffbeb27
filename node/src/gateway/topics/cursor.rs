//! How far a subscriber has come, in a text that it gives back: `Last-Event-ID`.
//!
//! ```text
//! ┌─────────┬────────┬─────────┬──────────────────────────────────────────┐
//! │ version │ origin │ number  │ for each log: tag (8), epoch, position   │   in base64, for URLs
//! │ 1       │ 0 to 3 │ LEB128  │               epoch and position LEB128  │
//! └─────────┴────────┴─────────┴──────────────────────────────────────────┘
//! ```
//!
//! The origin says where to begin in logs of which nothing is said: since a time (0), at the earliest (1), at a position (2), with what was
//! published at a time (3). The tag is the beginning of SHA-256(topic ‖ 0 ‖ author). A tag that stands for no log here, since
//! that was forgotten, is passed over: that log is read from the origin on again, if it comes back.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{Epoch, Seq},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::control::api::SubscribeFrom;

#[cfg(test)]
mod tests;

const VERSION: u8 = 1;
/// Positions that a cursor has at most, so that it fits a header. Of more, those named first begin at the origin again.
const MOST: usize = 512;
/// What is dated so much before a subscription began may still be news, in milliseconds: clocks differ. As in the broker.
const NEWS: u64 = 5_000;

/// Names a log, in a few bytes.
type Tag = [u8; 8];

/// See the [module docs](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) origin: SubscribeFrom,
    /// Whether the origin was the latest when the subscription began: then it is a time now.
    since: bool,
    read: BTreeMap<(Tag, u64), u64>,
}

impl Cursor {
    /// Of a subscription that begins now.
    pub(super) fn begin(from: SubscribeFrom, now_ms: u64) -> Self {
        let (origin, since) = match from {
            SubscribeFrom::Latest => (SubscribeFrom::AtUnixMs(now_ms.saturating_sub(NEWS)), true),
            other => (other, false),
        };
        Self { origin, since, read: BTreeMap::new() }
    }

    /// Everything up to here has been given.
    pub(super) fn pass(&mut self, topic: &TopicName, author: &NodeId, epoch: Epoch, seq: Seq) {
        let at = self.read.entry((tag(topic, author), epoch.0)).or_default();
        *at = seq.0.max(*at);
        if self.read.len() > MOST {
            self.read.pop_first();
        }
    }

    /// The positions in a log that is called so.
    pub(super) fn of(&self, topic: &TopicName, author: &NodeId) -> impl Iterator<Item = (Epoch, Seq)> {
        let tag = tag(topic, author);
        self.read.range((tag, 0)..=(tag, u64::MAX)).map(|((_, epoch), seq)| (Epoch(*epoch), Seq(*seq)))
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        let (kind, number) = match self.origin {
            SubscribeFrom::AtUnixMs(millis) if self.since => (0, millis),
            SubscribeFrom::Latest | SubscribeFrom::Earliest => (1, 0),
            SubscribeFrom::Seq(seq) => (2, seq),
            SubscribeFrom::AtUnixMs(millis) => (3, millis),
        };
        let mut bytes = vec![VERSION, kind];
        put(&mut bytes, number);
        for ((tag, epoch), seq) in &self.read {
            bytes.extend_from_slice(tag);
            put(&mut bytes, *epoch);
            put(&mut bytes, *seq);
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a text says; none if it is no cursor.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (head, mut rest) = bytes.split_first_chunk::<2>()?;
        let [VERSION, kind] = *head else { return None };
        let number = take(&mut rest)?;
        let origin = match kind {
            0 | 3 => SubscribeFrom::AtUnixMs(number),
            1 => SubscribeFrom::Earliest,
            2 => SubscribeFrom::Seq(number),
            _ => return None,
        };
        let mut read = BTreeMap::new();
        while !rest.is_empty() {
            let (tag, behind) = rest.split_first_chunk::<8>()?;
            rest = behind;
            let (epoch, seq) = (take(&mut rest)?, take(&mut rest)?);
            read.insert((*tag, epoch), seq);
            if read.len() > MOST {
                return None;
            }
        }
        Some(Self { origin, since: kind == 0, read })
    }
}

fn tag(topic: &TopicName, author: &NodeId) -> Tag {
    let digest =
        Sha256::new().chain_update(topic.as_str()).chain_update([0]).chain_update(author.to_string()).finalize();
    let mut tag = Tag::default();
    tag.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    tag
}

/// LEB128, as in DWARF: seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
