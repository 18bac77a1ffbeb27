//! How an author appends to its own log.

use bytes::Bytes;

use super::{
    batch::{Batch, Epoch, Head, Seq},
    clock::{Clock, Hlc},
    entry::{self, Draft, Entry, EntryError},
};
use crate::{
    identity::SecretKey,
    limits,
    names::{NetworkName, TopicName},
    sealed::{Hash, SealError, Signed, Verified},
    service::{Extensions, UnixMillis},
};

/// Why drafts did not become a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// There is nothing to append, or too much for one batch.
    #[error("{count} entries cannot be one batch, 1 to {limit} can", limit = limits::BATCH_ENTRIES)]
    Count {
        /// How many entries.
        count: usize,
    },
    /// They are too long for one batch.
    #[error("{len} bytes of entries cannot be one batch, at most {limit} can", limit = limits::BATCH)]
    TooLong {
        /// How many bytes.
        len: usize,
    },
    /// One of them breaks a rule.
    #[error("draft {nth} breaks a rule: {rule}")]
    Draft {
        /// Which one, from 0.
        nth: usize,
        /// The rule.
        rule: EntryError,
    },
    /// It cannot be signed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Where an author's own log goes on.
///
/// It must be kept as safely as what it signs: whoever goes on from an older state than was published says two things at one
/// position. After a crash that may have lost batches that others have, [begin](Writer::begin) a new epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    topic: TopicName,
    epoch: Epoch,
    next: Seq,
    prev: Hash,
    time: Hlc,
}

impl Writer {
    /// A new epoch on this topic, after the latest batch that is known of earlier ones.
    #[must_use]
    pub fn begin(topic: TopicName, now: UnixMillis, last: Option<&Verified<Head>>) -> Self {
        let epoch = Epoch::begin(now, last.map(|last| last.value().epoch));
        let (prev, time) = last.map_or_else(Default::default, |last| (last.hash(), last.value().time));
        Self { topic, epoch, next: Seq::FIRST, prev, time }
    }

    /// Goes on after this batch, in its epoch.
    #[must_use]
    pub fn resume(last: &Verified<Head>) -> Self {
        let head = last.value();
        let (topic, epoch, next) = (head.topic.clone(), head.epoch, head.last().next());
        Self { topic, epoch, next, prev: last.hash(), time: head.time }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The epoch that it writes.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The position that the next entry gets.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.next
    }

    /// Makes a batch of these, dated by the node's clock, and goes on after it. Where it fails nothing has changed, but that
    /// the clock has ticked.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn append(
        &mut self,
        key: &SecretKey,
        network: &NetworkName,
        clock: &mut Clock,
        now: UnixMillis,
        drafts: Vec<Draft>,
    ) -> Result<Batch, AppendError> {
        let count = drafts.len();
        if !(1..=limits::BATCH_ENTRIES).contains(&count) {
            return Err(AppendError::Count { count });
        }
        clock.resume(self.time);
        let mut room = 2 * size_of::<u32>();
        let mut entries = Vec::with_capacity(count);
        for (nth, draft) in drafts.into_iter().enumerate() {
            draft.check().map_err(|rule| AppendError::Draft { nth, rule })?;
            room += draft.room();
            entries.push(draft.dated(clock.tick(now)));
        }
        let bytes = encoded(&entries, room)?;
        let (time, digest) = (clock.last(), Hash::of(&bytes));
        let count = u32::try_from(count).map_err(|_| AppendError::Count { count })?;
        let Self { topic, epoch, next, prev, .. } = self.clone();
        let head = Head { topic, epoch, first: next, count, prev, digest, time, extensions: Extensions::new() };
        let head = Signed::seal(key, network, head)?;
        *self = Self::resume(&head);
        Ok(Batch::made(head, bytes, entries))
    }
}

fn encoded(entries: &[Entry], room: usize) -> Result<Bytes, AppendError> {
    // Entries always have an encoding.
    let bytes = entry::encode(entries, room).unwrap_or_default();
    match bytes.len() {
        len if len > limits::BATCH => Err(AppendError::TooLong { len }),
        _ => Ok(bytes.into()),
    }
}
