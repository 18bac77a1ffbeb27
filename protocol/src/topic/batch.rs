//! Batches: what is signed, sent and stored.
//!
//! ```text
//!  SignedBatch
//! ┌─────────────────────────────────────────────────────┬───────────────────────────────┐
//! │ author (32) │ body: length, Head │ signature: 40 (64)│ entries: length, bytes        │
//! └─────────────────────────────────────────────────────┴───────────────────────────────┘
//!   a Signed<Head>: the head of the batch                 see `entry`
//!
//!  Head
//! ┌───────┬───────┬───────────┬───────┬───────────────┬──────────────┬───────────┬────────────┐
//! │ topic │ epoch │ first seq │ count │ prev (32)     │ digest (32)  │ time of   │ extensions │
//! │       │       │           │       │ hash of the   │ SHA-256 of   │ the last  │            │
//! │       │       │           │       │ head before   │ the entries  │ entry     │            │
//! └───────┴───────┴───────────┴───────┴───────────────┴──────────────┴───────────┴────────────┘
//! ```
//!
//! One signature, on the head alone, and one hash link make a batch; a head is proof of what it says without the entries.
//! So it is also what is gossiped (the head of the last batch is the head of the log), what receipts refer to, and of what
//! proofs of equivocation are made.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    clock::Hlc,
    entry::{self, Entry, EntryError, Unreadable},
};
use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    names::{NetworkName, TopicName},
    sealed::{Hash, SealError, Sealable, Signed, Statement, Verified},
    service::{Extensions, UnixMillis},
};

/// Position of an entry in one epoch of its author's log: 1, 2, 3 and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before it; zero, which no entry has, before the first.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A life of an author's log: when it began, in milliseconds since 1970 by its author's clock.
///
/// Within an epoch an author never says two things at one position. Where it cannot know what it has said (a restored backup, a
/// crash that lost what was not yet on disk) it begins a new epoch, and readers know both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch that begins `now`, after `last`. It is named by the time so that a backup that is restored twice does not
    /// begin the same epoch twice.
    #[must_use]
    pub fn begin(now: UnixMillis, last: Option<Self>) -> Self {
        Self(now.0.max(last.map_or(0, |last| last.0.saturating_add(1))))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log, and which epoch of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChainId {
    /// The topic.
    pub topic: TopicName,
    /// Whose log.
    pub author: NodeId,
    /// The epoch.
    pub epoch: Epoch,
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}, epoch {}", self.topic, self.author.short(), self.epoch)
    }
}

/// What is signed of a batch. See the [module docs](self).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The topic.
    pub topic: TopicName,
    /// The epoch of the author's log.
    pub epoch: Epoch,
    /// Position of the batch's first entry.
    pub first: Seq,
    /// How many entries, 1 to [`BATCH_ENTRIES`](limits::BATCH_ENTRIES).
    pub count: u32,
    /// The hash of the head of the batch before in this epoch; of an epoch's first batch, that of the last one that its author
    /// knew of the epoch before, or zeros.
    pub prev: Hash,
    /// SHA-256 of the encoded entries.
    pub digest: Hash,
    /// When the last entry was made.
    pub time: Hlc,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl Head {
    /// Position of the batch's last entry.
    #[must_use]
    pub const fn last(&self) -> Seq {
        // Not beyond the end of numbers, as is checked where a head is opened.
        Seq(self.first.0.saturating_add(self.count as u64).saturating_sub(1))
    }

    /// The chain that it is a link of.
    #[must_use]
    pub fn chain(&self, author: NodeId) -> ChainId {
        ChainId { topic: self.topic.clone(), author, epoch: self.epoch }
    }
}

impl Sealable for Head {
    const DOMAIN: &'static str = "atoll topic batch 1";
}

impl Statement for Head {
    const NAME: &'static str = "batch head";
    const LIMIT: usize = limits::BATCH_HEAD;

    fn check(&self, _author: &NodeId) -> Result<(), String> {
        let (count, limit) = (self.count, limits::BATCH_ENTRIES);
        if !(1..=limit as u64).contains(&u64::from(count)) {
            return Err(format!("{count} entries, 1 to {limit} are allowed"));
        }
        if self.first < Seq::FIRST || self.first.0.checked_add(count.into()).is_none() {
            return Err(format!(
                "{count} entries from position {} on; positions begin at 1 and end below 2^64",
                self.first
            ));
        }
        Ok(())
    }
}

/// A batch as it crosses the wire and lies on disk: a claim until it is [opened](SignedBatch::open).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedBatch {
    /// Its head.
    pub head: Signed<Head>,
    /// Its entries, encoded.
    #[serde(with = "codec::bytes::shared")]
    pub entries: Bytes,
}

/// Why a batch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// Its head is not what its author signed, or breaks a rule.
    #[error(transparent)]
    Head(#[from] SealError),
    /// It is longer than a batch may be.
    #[error("{len} bytes of entries in a batch on {topic} by {author}, at most {limit} are allowed", limit = limits::BATCH)]
    TooLong {
        /// The topic.
        topic: TopicName,
        /// Who signed the head.
        author: NodeId,
        /// How many bytes.
        len: usize,
    },
    /// The entries are not those that its author signed.
    #[error("the entries sent as {first} to {last} on {topic} are not those that {author} signed")]
    NotCovered {
        /// The topic.
        topic: TopicName,
        /// Who signed the head.
        author: NodeId,
        /// The first position.
        first: Seq,
        /// The last one.
        last: Seq,
    },
    /// The entries cannot be read, though they are what was signed.
    #[error("the entries from {first} on that {author} signed on {topic} cannot be read: {reason}")]
    Unreadable {
        /// The topic.
        topic: TopicName,
        /// Who signed.
        author: NodeId,
        /// The first position.
        first: Seq,
        /// What is wrong with the bytes.
        reason: DecodeError,
    },
    /// The entries contradict the head.
    #[error("the batch from {first} on that {author} signed on {topic} breaks a rule: {rule}")]
    Contradicts {
        /// The topic.
        topic: TopicName,
        /// Who signed.
        author: NodeId,
        /// The first position.
        first: Seq,
        /// The rule, in words.
        rule: &'static str,
    },
    /// An entry breaks a rule.
    #[error("entry {seq} of {author} on {topic} breaks a rule: {rule}")]
    Entry {
        /// The topic.
        topic: TopicName,
        /// Who signed.
        author: NodeId,
        /// Which entry.
        seq: Seq,
        /// The rule.
        rule: EntryError,
    },
}

impl SignedBatch {
    /// Checks the head's signature and rules, that the entries are those that it covers, and theirs, in this order.
    ///
    /// # Errors
    /// [`BatchError`], which names author, topic and position.
    pub fn open(self, network: &NetworkName) -> Result<Batch, BatchError> {
        let Self { head, entries } = self;
        Self::covered(head.open(network)?, entries)
    }

    /// The same without checking the signature once more: for what this node has opened before, and reads back from where only it
    /// writes.
    ///
    /// # Errors
    /// [`BatchError`], if what was written is damaged.
    pub fn reopen(self) -> Result<Batch, BatchError> {
        let Self { head, entries } = self;
        Self::covered(head.reopen()?, entries)
    }

    /// The batch of these entries, if they are what the head covers.
    fn covered(head: Verified<Head>, bytes: Bytes) -> Result<Batch, BatchError> {
        let (at, author) = (head.value(), head.author());
        let (topic, first, len) = (|| at.topic.clone(), at.first, bytes.len());
        if len > limits::BATCH {
            return Err(BatchError::TooLong { topic: topic(), author, len });
        }
        if Hash::of(&bytes) != at.digest {
            return Err(BatchError::NotCovered { topic: topic(), author, first, last: at.last() });
        }
        let entries = entry::decode(&bytes).map_err(|error| match error {
            Unreadable::Bytes(reason) => BatchError::Unreadable { topic: topic(), author, first, reason },
            Unreadable::Entry(nth, rule) => {
                let seq = Seq(first.0.saturating_add(nth as u64));
                BatchError::Entry { topic: topic(), author, seq, rule }
            }
        })?;
        let rule = match entries.last() {
            Some(last) if entries.len() as u64 != u64::from(at.count) || last.time != at.time => {
                "count and time of the head are those of its entries"
            }
            None => "a batch has entries",
            Some(_) => return Ok(Batch { head, bytes, entries }),
        };
        Err(BatchError::Contradicts { topic: topic(), author, first, rule })
    }

    /// Length on the wire, in bytes.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        // Author, signature with its length, and the lengths of body and entries.
        32 + 65 + 3 + self.head.body_len() + 5 + self.entries.len()
    }

    /// As it lies on disk.
    ///
    /// # Errors
    /// [`codec::EncodeError`], which no batch gives.
    pub fn encode(&self) -> Result<Vec<u8>, codec::EncodeError> {
        codec::encode_in(self, self.wire_len())
    }

    /// Reads what [`SignedBatch::encode`] wrote. It is still to be opened, unless it comes from where only this node writes.
    ///
    /// # Errors
    /// [`DecodeError`] if it is no batch, or too long for one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::BATCH + 1024)
    }
}

/// A batch that has been checked, or was made here: the only form in which a log takes one. Its entries share one buffer.
#[derive(Debug, Clone)]
pub struct Batch {
    head: Verified<Head>,
    bytes: Bytes,
    entries: Vec<Entry>,
}

impl Batch {
    /// As its author has just made it.
    pub(super) fn made(head: Verified<Head>, bytes: Bytes, entries: Vec<Entry>) -> Self {
        Self { head, bytes, entries }
    }

    /// Its head.
    #[must_use]
    pub fn head(&self) -> &Verified<Head> {
        &self.head
    }

    /// Who wrote it.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.head.author()
    }

    /// Its entries, of which there is at least one.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Its entries with their positions.
    pub fn numbered(&self) -> impl Iterator<Item = (Seq, &Entry)> {
        (self.head.value().first.0..).map(Seq).zip(&self.entries)
    }

    /// Bytes of its encoded entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a batch has entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When its first entry was made.
    #[must_use]
    pub fn began(&self) -> Hlc {
        self.entries.first().map_or(self.head.value().time, |entry| entry.time)
    }

    /// As it crosses the wire and lies on disk; the entries are not copied.
    #[must_use]
    pub fn signed(&self) -> SignedBatch {
        SignedBatch { head: self.head.signed(), entries: self.bytes.clone() }
    }
}
