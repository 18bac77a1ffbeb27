//! What may be deleted of a topic.
//!
//! An index of what is held, batch by batch: entries are deleted with their batches, since a signature covers those. Three rules
//! delete the oldest first, by the dates that their authors gave: what is older than so much, and what exceeds so many bytes or
//! entries. A fourth deletes a batch once each of its entries has a key and a later entry of the topic has the same. What it leaves in
//! between is no gap to a reader, who would not have been given the last value either.
//!
//! The latest batch of a log never goes by the fourth rule: it is the end that is compared with others.

use std::collections::{BTreeMap, HashMap};

use atoll_protocol::{
    identity::NodeId,
    sealed::Hash,
    service::UnixMillis,
    topic::{Batch, Epoch, Hlc, Retention, Seq},
};

/// Keys of a topic that are followed; entries with further ones are retained as if they had none.
pub const KEYS: usize = 100_000;

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
    /// Why; except for [`Why::Overtaken`] everything before it in its log goes as well, so that the log
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

/// What is held of one topic.
#[derive(Debug, Default)]
pub struct Index {
    batches: BTreeMap<BatchId, Held>,
    /// By the time of the last entry: within a log times rise, so of each log the oldest goes first.
    by_age: BTreeMap<(Hlc, BatchId), ()>,
    /// The latest entry for each key.
    latest: HashMap<Key, (Hlc, NodeId, BatchId)>,
    bytes: u64,
    entries: u64,
    /// Batches that have been overtaken as a whole.
    overtaken: Vec<BatchId>,
}

/// The first half of a key's SHA-256.
type Key = [u8; 16];

#[derive(Debug)]
struct Held {
    time: Hlc,
    next: Seq,
    bytes: u64,
    entries: u64,
    /// Entries that no later one has overtaken, those without a key included.
    current: u64,
    keys: Vec<Key>,
}

impl Index {
    /// Nothing is held.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch was stored.
    pub fn stored(&mut self, batch: &Batch) {
        let head = batch.head().value();
        let id = BatchId { author: batch.author(), epoch: head.epoch, first: head.first };
        if self.batches.contains_key(&id) {
            return;
        }
        let entries = u64::from(head.count);
        let (bytes, next) = (batch.len() as u64, head.last().next());
        self.batches.insert(id, Held { time: head.time, next, bytes, entries, current: entries, keys: Vec::new() });
        self.by_age.insert((head.time, id), ());
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries = self.entries.saturating_add(entries);
        for entry in batch.entries() {
            if let Some(key) = &entry.key {
                self.follow(id, shortened(key), entry.time);
            }
        }
    }

    /// An entry with a key: of all with that key the latest one counts.
    fn follow(&mut self, id: BatchId, key: Key, time: Hlc) {
        if self.latest.len() >= KEYS && !self.latest.contains_key(&key) {
            return;
        }
        let new = (time, id.author, id);
        let place = self.latest.entry(key).or_insert(new);
        let overtaken = if *place < new { std::mem::replace(place, new) } else { new };
        if *place == new
            && let Some(held) = self.batches.get_mut(&id)
        {
            held.keys.push(key);
        }
        if overtaken != *place
            && let Some(held) = self.batches.get_mut(&overtaken.2)
        {
            held.current = held.current.saturating_sub(1);
            if held.current == 0 {
                self.overtaken.push(overtaken.2);
            }
        }
    }

    /// A batch was deleted.
    pub fn deleted(&mut self, id: &BatchId) {
        let Some(held) = self.batches.remove(id) else { return };
        self.by_age.remove(&(held.time, *id));
        self.bytes = self.bytes.saturating_sub(held.bytes);
        self.entries = self.entries.saturating_sub(held.entries);
        for key in held.keys {
            if self.latest.get(&key).is_some_and(|(_, _, of)| of == id) {
                self.latest.remove(&key);
            }
        }
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

    /// The batch that holds the latest entry with this key.
    #[must_use]
    pub fn latest(&self, key: &[u8]) -> Option<BatchId> {
        self.latest.get(&shortened(key)).map(|(_, _, batch)| *batch)
    }

    /// What may go, at most `most` batches, oldest first. Each is to be deleted and [said](Index::deleted) to be; then more may go.
    #[must_use]
    pub fn due(&mut self, retention: &Retention, now: UnixMillis, most: usize) -> Vec<Deletion> {
        let oldest = retention.age_secs.map_or(0, |age| now.0.saturating_sub(age.saturating_mul(1_000)));
        let (mut bytes, mut entries) = (self.bytes, self.entries);
        let mut due = Vec::new();
        for ((time, id), ()) in &self.by_age {
            let Some(held) = self.batches.get(id).filter(|_| due.len() < most) else { break };
            let exceeds = retention.bytes.is_some_and(|limit| bytes > limit)
                || retention.entries.is_some_and(|limit| entries > limit);
            let why = match () {
                () if time.millis().0 < oldest => Why::Age,
                () if exceeds => Why::Size,
                () => break,
            };
            (bytes, entries) = (bytes.saturating_sub(held.bytes), entries.saturating_sub(held.entries));
            due.push(deletion(*id, held, why));
        }
        if retention.last_per_key {
            self.overtaken(&mut due, most);
        }
        due
    }

    fn overtaken(&mut self, due: &mut Vec<Deletion>, most: usize) {
        let batches = &self.batches;
        self.overtaken.retain(|id| batches.contains_key(id));
        for id in &self.overtaken {
            let follows = |next: &BatchId| next.author == id.author && next.epoch == id.epoch;
            let latest = !batches
                .range((std::ops::Bound::Excluded(*id), std::ops::Bound::Unbounded))
                .next()
                .is_some_and(|(next, _)| follows(next));
            if let Some(held) = batches.get(id).filter(|_| due.len() < most && !latest)
                && !due.iter().any(|other| other.batch == *id)
            {
                due.push(deletion(*id, held, Why::Overtaken));
            }
        }
    }
}

fn deletion(batch: BatchId, held: &Held, why: Why) -> Deletion {
    Deletion { batch, next: held.next, bytes: held.bytes, entries: held.entries, why }
}

fn shortened(key: &[u8]) -> Key {
    let hash = Hash::of(key).0;
    let (halves, _) = hash.as_chunks::<16>();
    halves.first().copied().unwrap_or_default()
}
