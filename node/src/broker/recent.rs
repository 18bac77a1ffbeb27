//! Batches that were taken in lately, in memory: readers that keep up never wait for the disk, and what is not written yet can be read.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use atoll_protocol::{
    sealed::Verified,
    topic::{Batch, ChainId, Head, Seq, log::Stretch},
};

/// Bytes of batches that are remembered once they are written. What is not written yet is bounded by the writer's queue.
const MOST: usize = 16 * 1024 * 1024;
/// What a batch is taken to cost beside its entries' bytes: entries are kept in their decoded form.
const OVERHEAD: usize = 512;
const PER_ENTRY: usize = 160;

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Recent {
    chains: HashMap<ChainId, BTreeMap<Seq, Arc<Batch>>>,
    /// Those that are written, oldest first.
    written: VecDeque<(ChainId, Seq)>,
    bytes: usize,
}

impl Recent {
    /// A batch that was taken in and is to be written.
    pub(super) fn insert(&mut self, batch: &Arc<Batch>) {
        let head = batch.head().value();
        let chain = head.chain(batch.author());
        self.chains.entry(chain).or_default().insert(head.first, Arc::clone(batch));
    }

    /// It can be read from the disk from now on.
    pub(super) fn written(&mut self, batch: &Batch) {
        self.bytes += cost(batch);
        let head = batch.head().value();
        self.written.push_back((head.chain(batch.author()), head.first));
        while self.bytes > MOST
            && let Some((chain, first)) = self.written.pop_front()
        {
            self.remove(&chain, first);
        }
    }

    /// It was deleted.
    pub(super) fn remove(&mut self, chain: &ChainId, first: Seq) {
        let Some(batches) = self.chains.get_mut(chain) else { return };
        if let Some(batch) = batches.remove(&first) {
            self.bytes = self.bytes.saturating_sub(cost(&batch));
        }
        if batches.is_empty() {
            self.chains.remove(chain);
        }
    }

    /// The head of the batch that holds a position.
    pub(super) fn head(&self, chain: &ChainId, seq: Seq) -> Option<Verified<Head>> {
        self.at(chain, seq).map(|batch| batch.head().clone())
    }

    /// The batch that holds a position.
    pub(super) fn at(&self, chain: &ChainId, seq: Seq) -> Option<&Arc<Batch>> {
        let (_, batch) = self.chains.get(chain)?.range(..=seq).next_back()?;
        (batch.head().value().last() >= seq).then_some(batch)
    }

    /// The batch that holds a position, or the next one after it.
    pub(super) fn from(&self, chain: &ChainId, seq: Seq) -> Option<&Arc<Batch>> {
        self.at(chain, seq).or_else(|| Some(self.chains.get(chain)?.range(seq..).next()?.1))
    }

    /// Batches without a gap from the first of these positions on, of together about `most` bytes; none if the first one is
    /// not here.
    pub(super) fn read(&self, chain: &ChainId, entries: Stretch, most: usize) -> Vec<Arc<Batch>> {
        let (mut batches, mut bytes, mut next) = (Vec::new(), 0, entries.from);
        while next <= entries.to
            && bytes < most
            && let Some(batch) = self.at(chain, next)
        {
            bytes += batch.len();
            next = batch.head().value().last().next();
            batches.push(Arc::clone(batch));
        }
        batches
    }
}

fn cost(batch: &Batch) -> usize {
    batch.len() + OVERHEAD + PER_ENTRY * batch.entries().len()
}
