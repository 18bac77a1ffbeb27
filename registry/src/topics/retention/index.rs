//! How much is held of each log of a topic, and the oldest batch of each.
//!
//! Within a log times rise, so the oldest batch of a topic is the oldest one of some log: no more needs to be known of a log, and
//! nothing is remembered batch by batch. What is the oldest of a log once that was deleted the caller looks up where batches are
//! stored.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{
    identity::NodeId,
    service::UnixMillis,
    topic::{Batch, Epoch, Hlc, Retention, Seq},
};

use super::{BatchId, Deletion, Why};

/// The oldest batch that is held of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    /// Its first position.
    pub first: Seq,
    /// The position after it.
    pub next: Seq,
    /// The time of its last entry.
    pub time: Hlc,
    /// Bytes of its entries.
    pub bytes: u64,
    /// How many those are.
    pub entries: u64,
}

impl Front {
    /// What is to be known of this batch.
    #[must_use]
    pub fn of(batch: &Batch) -> Self {
        let head = batch.head().value();
        let (bytes, entries) = (batch.len() as u64, u64::from(head.count));
        Self { first: head.first, next: head.last().next(), time: head.time, bytes, entries }
    }
}

/// What is held of one topic: of each log, an author's in one epoch, how much, and its oldest batch.
#[derive(Debug, Default)]
pub struct Index {
    logs: BTreeMap<(NodeId, Epoch), Held>,
    /// Logs by the time of their front's last entry.
    by_age: BTreeSet<(Hlc, NodeId, Epoch)>,
    /// The sums over all logs.
    bytes: u64,
    entries: u64,
}

/// What is held of one log, of which there is at least a batch.
#[derive(Debug)]
struct Held {
    front: Front,
    bytes: u64,
    entries: u64,
    /// Nothing before this position is counted any more. What lies between it and the front was deleted, but not yet said to be.
    counted: Seq,
}

impl Index {
    /// Nothing is held.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found of a log when the node was started: its oldest batch, and how much it is altogether, that batch included. It
    /// replaces what was known of the log.
    pub fn found(&mut self, author: NodeId, epoch: Epoch, front: Front, bytes: u64, entries: u64) {
        self.forgotten(&author, epoch);
        self.begin(author, epoch, Held { front, bytes, entries, counted: front.first });
    }

    /// A batch was stored. It becomes the front of its log if it lies before the one that is known, or if there is none.
    ///
    /// Each is said once: of those that are stored already only the front is known again.
    pub fn stored(&mut self, batch: &Batch) {
        let (author, epoch, new) = (batch.author(), batch.head().value().epoch, Front::of(batch));
        let Some(held) = self.logs.get_mut(&(author, epoch)) else {
            let held = Held { front: new, bytes: new.bytes, entries: new.entries, counted: new.first };
            return self.begin(author, epoch, held);
        };
        if new.first == held.front.first {
            return;
        }
        held.bytes = held.bytes.saturating_add(new.bytes);
        held.entries = held.entries.saturating_add(new.entries);
        self.bytes = self.bytes.saturating_add(new.bytes);
        self.entries = self.entries.saturating_add(new.entries);
        if new.first < held.front.first {
            held.counted = held.counted.min(new.first);
            self.advance(author, epoch, new);
        }
    }

    /// The next batch that may go by age, bytes or entries, if any: the oldest front over all logs, by the time of its last entry,
    /// then by author and epoch. It is to be deleted and [said](Index::deleted) to be; then another may go.
    #[must_use]
    pub fn due(&self, retention: &Retention, now: UnixMillis) -> Option<Deletion> {
        let (time, author, epoch) = *self.by_age.first()?;
        let oldest = retention.age_secs.map_or(0, |age| now.0.saturating_sub(age.saturating_mul(1_000)));
        let exceeds = retention.bytes.is_some_and(|limit| self.bytes > limit)
            || retention.entries.is_some_and(|limit| self.entries > limit);
        let why = match () {
            () if time.millis().0 < oldest => Why::Age,
            () if exceeds => Why::Size,
            () => return None,
        };
        let Front { first, next, bytes, entries, .. } = self.logs.get(&(author, epoch))?.front;
        Some(Deletion { batch: BatchId { author, epoch, first }, next, bytes, entries, why })
    }

    /// The next batch that may go because its author has more bytes than one may have, over all epochs: the oldest of the oldest
    /// epoch; none if no author has.
    #[must_use]
    pub fn over(&self, limit: u64) -> Option<Deletion> {
        let mut of_author: Option<(NodeId, Epoch, Front)> = None;
        let mut sum = 0_u64;
        for (&(author, epoch), held) in &self.logs {
            if of_author.is_none_or(|(of, ..)| of != author) {
                (of_author, sum) = (Some((author, epoch, held.front)), 0);
            }
            sum = sum.saturating_add(held.bytes);
            if sum > limit {
                break;
            }
        }
        let (author, epoch, Front { first, next, bytes, entries, .. }) = of_author.filter(|_| sum > limit)?;
        Some(Deletion { batch: BatchId { author, epoch, first }, next, bytes, entries, why: Why::Size })
    }

    /// The oldest batch of a log, if any is held.
    #[must_use]
    pub fn front(&self, author: &NodeId, epoch: Epoch) -> Option<Front> {
        self.logs.get(&(*author, epoch)).map(|held| held.front)
    }

    /// A batch was deleted, for whatever reason; `front` is what is the oldest of its log now, none if nothing is left. It matters
    /// only where the batch was the front: one further back, which later entries have overtaken, only reduces the counts.
    ///
    /// Each is said once: of those that were said already only a front is known again. Of several that were deleted together each is
    /// said with the front that there is after all of them, in any order.
    pub fn deleted(&mut self, deletion: &Deletion, front: Option<Front>) {
        let BatchId { author, epoch, first } = deletion.batch;
        let Some(held) = self.logs.get_mut(&(author, epoch)).filter(|held| held.counted <= first) else { return };
        let was_front = first == held.front.first;
        if was_front && front.is_none() {
            return self.forgotten(&author, epoch);
        }
        // Never more is taken off the sums than off the log, so that they stay the sums.
        let (bytes, entries) = (deletion.bytes.min(held.bytes), deletion.entries.min(held.entries));
        held.bytes = held.bytes.saturating_sub(bytes);
        held.entries = held.entries.saturating_sub(entries);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.entries = self.entries.saturating_sub(entries);
        if let Some(front) = front.filter(|_| was_front) {
            held.counted = deletion.next;
            self.advance(author, epoch, front);
        }
    }

    /// A log was deleted as a whole.
    pub fn forgotten(&mut self, author: &NodeId, epoch: Epoch) {
        let Some(held) = self.logs.remove(&(*author, epoch)) else { return };
        self.by_age.remove(&(held.front.time, *author, epoch));
        self.bytes = self.bytes.saturating_sub(held.bytes);
        self.entries = self.entries.saturating_sub(held.entries);
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Entries held.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How much is held of one log: bytes and entries.
    #[must_use]
    pub fn of_log(&self, author: &NodeId, epoch: Epoch) -> (u64, u64) {
        self.logs.get(&(*author, epoch)).map_or((0, 0), |held| (held.bytes, held.entries))
    }

    /// A log of which nothing was known.
    fn begin(&mut self, author: NodeId, epoch: Epoch, held: Held) {
        self.bytes = self.bytes.saturating_add(held.bytes);
        self.entries = self.entries.saturating_add(held.entries);
        self.by_age.insert((held.front.time, author, epoch));
        self.logs.insert((author, epoch), held);
    }

    /// Another batch is the front of a log, a later or an earlier one.
    fn advance(&mut self, author: NodeId, epoch: Epoch, front: Front) {
        if let Some(held) = self.logs.get_mut(&(author, epoch)) {
            self.by_age.remove(&(held.front.time, author, epoch));
            self.by_age.insert((front.time, author, epoch));
            held.front = front;
        }
    }
}
