//! Which entries of a topic are the last with their key, and which batches have none of those.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};

use atoll_protocol::{
    identity::NodeId,
    sealed::Hash,
    topic::{Batch, Epoch, Hlc, Seq},
};

use super::{BatchId, Deletion, Why};

/// Keys of a topic that are followed; entries with further ones are retained as if they had none.
pub const KEYS: usize = 100_000;

/// Which entries of a topic are the last with their key.
///
/// Only for topics of which that is all that is retained, because it remembers every batch that has a key in it. The latest batch of
/// a log never goes by this rule: it is the end that is compared with others.
#[derive(Debug, Default)]
pub struct Keys {
    /// Those with a key in them that is followed.
    batches: BTreeMap<BatchId, Held>,
    /// The latest entry for each key.
    latest: HashMap<Key, (Hlc, NodeId, BatchId)>,
    /// The latest batch of each log that was seen here, with keys or without.
    ends: BTreeMap<(NodeId, Epoch), Seq>,
    /// Batches that have been overtaken as a whole, and are not the latest of their logs.
    overtaken: BTreeSet<BatchId>,
}

/// The first half of a key's SHA-256.
type Key = [u8; 16];

#[derive(Debug)]
struct Held {
    next: Seq,
    bytes: u64,
    entries: u64,
    /// Entries that no later one has overtaken, those without a key included.
    current: u64,
    keys: Vec<Key>,
}

impl Keys {
    /// No entry is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch was stored. All are said, those without keys as well: they can be the latest of their logs.
    pub fn stored(&mut self, batch: &Batch) {
        let id = BatchId::of(batch);
        self.extend(id);
        if self.batches.contains_key(&id) {
            return;
        }
        let head = batch.head().value();
        let entries = u64::from(head.count);
        let (bytes, next) = (batch.len() as u64, head.last().next());
        self.batches.insert(id, Held { next, bytes, entries, current: entries, keys: Vec::new() });
        let mut followed = false;
        for entry in batch.entries() {
            if let Some(key) = &entry.key {
                followed |= self.follow(id, shortened(key), entry.time);
            }
        }
        if !followed {
            self.batches.remove(&id);
        }
    }

    /// An entry with a key: of all with that key the latest one counts. False if there is no room for another key.
    fn follow(&mut self, id: BatchId, key: Key, time: Hlc) -> bool {
        if self.latest.len() >= KEYS && !self.latest.contains_key(&key) {
            return false;
        }
        let new = (time, id.author, id);
        let place = self.latest.entry(key).or_insert(new);
        let overtaken = if *place < new { std::mem::replace(place, new) } else { new };
        let latest = *place;
        if latest == new
            && let Some(held) = self.batches.get_mut(&id)
        {
            held.keys.push(key);
        }
        if overtaken != latest
            && let Some(held) = self.batches.get_mut(&overtaken.2)
        {
            held.current = held.current.saturating_sub(1);
            self.settle(overtaken.2);
        }
        true
    }

    /// A batch was deleted, for whatever reason.
    pub fn deleted(&mut self, id: &BatchId) {
        self.overtaken.remove(id);
        for key in self.batches.remove(id).into_iter().flat_map(|held| held.keys) {
            if self.latest.get(&key).is_some_and(|(_, _, of)| of == id) {
                self.latest.remove(&key);
            }
        }
        self.shorten(id);
    }

    /// A log was deleted as a whole.
    pub fn forgotten(&mut self, author: &NodeId, epoch: Epoch) {
        let batches: Vec<_> = self.batches.range(whole(*author, epoch)).map(|(id, _)| *id).collect();
        batches.iter().for_each(|id| self.deleted(id));
        self.ends.remove(&(*author, epoch));
    }

    /// The batch that holds the latest entry with this key.
    #[must_use]
    pub fn latest(&self, key: &[u8]) -> Option<BatchId> {
        self.latest.get(&shortened(key)).map(|(_, _, batch)| *batch)
    }

    /// Batches that have been overtaken as a whole, at most `most`; never the latest one of a log that was seen here. Each is to be
    /// deleted and [said](Keys::deleted) to be; then more may go.
    #[must_use]
    pub fn due(&self, most: usize) -> Vec<Deletion> {
        let due = self.overtaken.iter().take(most).filter_map(|id| {
            let &Held { next, bytes, entries, .. } = self.batches.get(id)?;
            Some(Deletion { batch: *id, next, bytes, entries, why: Why::Overtaken })
        });
        due.collect()
    }

    /// Its log goes as far as this batch, at least.
    fn extend(&mut self, id: BatchId) {
        let end = self.ends.get(&(id.author, id.epoch)).copied();
        if end < Some(id.first) {
            self.ends.insert((id.author, id.epoch), id.first);
            end.into_iter().for_each(|first| self.settle(BatchId { first, ..id }));
        }
    }

    /// If this was the end of its log, the latest of what is remembered is it now, and stays.
    fn shorten(&mut self, id: &BatchId) {
        if self.ends.get(&(id.author, id.epoch)) != Some(&id.first) {
            return;
        }
        let end = self.batches.range(whole(id.author, id.epoch)).next_back().map(|(end, _)| *end);
        match end {
            Some(end) => {
                self.ends.insert((id.author, id.epoch), end.first);
                self.settle(end);
            }
            None => {
                self.ends.remove(&(id.author, id.epoch));
            }
        }
    }

    /// Whether a batch may go, anew.
    fn settle(&mut self, id: BatchId) {
        let end = self.ends.get(&(id.author, id.epoch)) == Some(&id.first);
        if !end && self.batches.get(&id).is_some_and(|held| held.current == 0) {
            self.overtaken.insert(id);
        } else {
            self.overtaken.remove(&id);
        }
    }
}

/// All batches that a log can have.
fn whole(author: NodeId, epoch: Epoch) -> RangeInclusive<BatchId> {
    BatchId { author, epoch, first: Seq(0) }..=BatchId { author, epoch, first: Seq(u64::MAX) }
}

fn shortened(key: &[u8]) -> Key {
    let hash = Hash::of(key).0;
    let (halves, _) = hash.as_chunks::<16>();
    halves.first().copied().unwrap_or_default()
}
