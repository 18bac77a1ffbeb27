//! What is gossiped about topics: the head of a log's last batch, and the batch itself while it is fresh and small.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::batch::{Batch, Head, SignedBatch};
use crate::{
    codec::{self, DecodeError},
    limits,
    sealed::Signed,
};

/// "My log has come so far": a rumour, of which the log is the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// The head of the last batch.
    pub head: Signed<Head>,
    /// The entries of that batch, if they have at most [`BATCH_INLINE`](limits::BATCH_INLINE) bytes; empty otherwise, and where
    /// they are not news.
    #[serde(with = "codec::bytes::shared")]
    pub entries: Bytes,
}

impl Announcement {
    /// Of a batch that is news: with its entries, if they are few.
    #[must_use]
    pub fn news(batch: &Batch) -> Self {
        let SignedBatch { head, entries } = batch.signed();
        Self { head, entries: if entries.len() <= limits::BATCH_INLINE { entries } else { Bytes::new() } }
    }

    /// Of a log that has not changed.
    #[must_use]
    pub fn reminder(head: Signed<Head>) -> Self {
        Self { head, entries: Bytes::new() }
    }

    /// The batch, if it is in here; it is still to be opened.
    #[must_use]
    pub fn batch(&self) -> Option<SignedBatch> {
        let Self { head, entries } = self;
        (!entries.is_empty()).then(|| SignedBatch { head: head.clone(), entries: entries.clone() })
    }

    /// Reads an announcement. What it holds is still to be opened.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no announcement, or more than a gossip message may have.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::TOPIC_ANNOUNCEMENT)
    }
}
