//! What a node has stored, and what of it is on its disk.

use std::collections::BTreeMap;

use atoll_protocol::{
    sealed::Verified,
    topic::{Batch, ChainId, Head, Seq, SignedBatch, log::Stretch, sync::Stored},
};

use crate::engine::Time;

/// Batches by log and first position.
#[derive(Debug, Default, Clone)]
pub(super) struct Store(BTreeMap<(ChainId, Seq), Held>);

#[derive(Debug, Clone)]
struct Held {
    head: Verified<Head>,
    batch: SignedBatch,
    /// When it was stored.
    since: Time,
}

impl Store {
    pub(super) fn put(&mut self, batch: &Batch, now: Time) {
        let (head, at) = (batch.head().clone(), batch.head().value());
        let key = (at.chain(batch.author()), at.first);
        self.0.insert(key, Held { head, batch: batch.signed(), since: now });
    }

    /// What was stored before `then`, which a crash leaves.
    pub(super) fn before(&self, then: Time) -> Self {
        // The clock of the next life is another one.
        let kept = |held: &Held| Held { since: Time::START, ..held.clone() };
        let old = self.0.iter().filter(|(_, held)| held.since < then);
        Self(old.map(|(key, held)| (key.clone(), kept(held))).collect())
    }

    /// The head of the batch that holds a position.
    pub(super) fn head(&self, chain: &ChainId, seq: Seq) -> Option<Verified<Head>> {
        let ((of, _), held) = self.0.range(..=(chain.clone(), seq)).next_back()?;
        (of == chain && held.head.value().last() >= seq).then(|| held.head.clone())
    }

    /// The batch that holds a position, or the next one after it.
    pub(super) fn read(&self, chain: &ChainId, seq: Seq) -> Option<Stored> {
        let from = self.head(chain, seq).map_or(seq, |head| head.value().first);
        let ((of, _), held) = self.0.range((chain.clone(), from)..).next()?;
        let head = held.head.value();
        let entries = Stretch::between(head.first, head.last())?;
        (of == chain).then(|| Stored { entries, batch: held.batch.clone() })
    }

    /// Everything: log, first position, and bytes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&(ChainId, Seq), usize)> {
        self.0.iter().map(|(key, held)| (key, held.batch.wire_len()))
    }

    pub(super) fn contains(&self, key: &(ChainId, Seq)) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.0.values().map(|held| &held.batch)
    }
}
