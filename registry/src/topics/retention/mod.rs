//! What may be deleted of a topic.
//!
//! Entries are deleted with their batches, since a signature covers those. Three rules delete the oldest first, by the dates that
//! their authors gave: what is older than so much, and what exceeds so many bytes or entries. A fourth deletes a batch once each of
//! its entries has a key and a later entry of the topic has the same. What it leaves in between is no gap to a reader, who would not
//! have been given the last value either.
//!
//! | module | what it knows |
//! |---|---|
//! | [`index`] | how much is held of each log, and its oldest batch: enough for the first three rules, however many batches there are |
//! | [`keys`] | which batch has the last entry with each key: only for topics with the fourth rule |
//!
//! Neither deletes anything. The caller deletes what is [due](Index::due), tells both that it did, and asks again:
//!
//! ```text
//!  due ──► the batch is deleted ──► what is the oldest of its log now? ──► deleted ──► due …
//! ```

use atoll_protocol::{
    identity::NodeId,
    topic::{Batch, Epoch, Seq},
};

pub mod index;
pub mod keys;

pub use self::{
    index::{Front, Index},
    keys::{KEYS, Keys},
};

/// A batch that is held, by its author, epoch and first position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    /// Its author.
    pub author: NodeId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its first position.
    pub first: Seq,
}

impl BatchId {
    /// The name of this batch.
    #[must_use]
    pub fn of(batch: &Batch) -> Self {
        let head = batch.head().value();
        Self { author: batch.author(), epoch: head.epoch, first: head.first }
    }
}

/// What may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// Which batch.
    pub batch: BatchId,
    /// The position after it.
    pub next: Seq,
    /// Bytes of its entries.
    pub bytes: u64,
    /// How many those are.
    pub entries: u64,
    /// Why; except for [`Why::Overtaken`] nothing is held before it in its log, so that the log
    /// [begins](atoll_protocol::topic::log::Log::drop_before) at `next`.
    pub why: Why,
}

/// Why a batch may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is older than what is retained.
    Age,
    /// There are more bytes or entries than are retained.
    Size,
    /// Later entries have the same keys.
    Overtaken,
}
