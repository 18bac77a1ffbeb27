//! What a batch changes, worked out before anything is changed.

use std::collections::BTreeSet;

use atoll_protocol::{
    names::InstanceId,
    sealed::Proved,
    service::{NodeRecord, Seq, ServiceRecord},
};

use super::{batch::Batch, floors::Floors, table::Entry};

/// What a batch changes in its node's record set.
///
/// Three things decide whether a record counts. The first is what is held for its instance: only a newer record
/// replaces it. The second is the *floors*: withdrawals of its instance or its node. The third is what is *settled*: the
/// highest lease whose whole record set was held. All that was said up to then is known, so an older record that is not
/// held was ended, and only a later whole set, whose digest the author has signed, may say otherwise.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The node's own record: a new one, or none any more.
    pub(super) node: Option<Option<Proved<NodeRecord>>>,
    /// Records that are new, or replace older ones of their instances.
    pub(super) put: Vec<Proved<ServiceRecord>>,
    /// Instances that are no longer in the node's set.
    pub(super) drop: Vec<InstanceId>,
    /// The lease whose whole set this is, if it is later than the one that was settled.
    pub(super) settle: Option<Seq>,
    /// Service records that the node has afterwards.
    pub(super) count: usize,
}

impl Plan {
    /// What `batch` changes for a node of which `held` is known. The batch has been checked.
    pub(super) fn new(batch: &Batch, held: Option<&Entry>, floors: &Floors) -> Self {
        let lease = batch.lease.value();
        let settled = held.and_then(|held| held.settled);
        let later = settled.is_none_or(|settled| lease.seq > settled);
        // A batch whose records alone have the lease's digest is a whole set, whatever its sender calls it.
        let mut plan = if !later {
            // Everything under this lease is known already; what is not held has ended since.
            Self::default()
        } else if batch.whole || batch.digest() == lease.digest {
            Self::replace(batch, held, floors)
        } else {
            Self::merge(batch, held, floors, settled)
        };
        let new = plan.put.iter().filter(|put| !holds(held, put.value().instance)).count();
        let before = held.map_or(0, |held| held.services.len());
        plan.count = before.saturating_sub(plan.drop.len()) + new;
        plan
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.node.is_none() && self.put.is_empty() && self.drop.is_empty() && self.settle.is_none()
    }

    /// The batch is the whole set: what it does not list, and no later statement speaks of, is gone.
    fn replace(batch: &Batch, held: Option<&Entry>, floors: &Floors) -> Self {
        let (author, seq) = (batch.lease.author(), batch.lease.value().seq);
        let mut plan = Self { settle: Some(seq), ..Self::default() };
        let mut listed = BTreeSet::new();
        for record in &batch.services {
            let ServiceRecord { instance, seq: made, .. } = *record.value();
            listed.insert(instance);
            let known = held.and_then(|held| held.services.get(&instance));
            let counts = known.is_none_or(|h| h.record.value().seq <= seq && h.record.hash() != record.hash());
            if counts && floors.allow_instance(&author, instance, made) {
                plan.put.push(record.clone());
            }
        }
        for (instance, known) in held.iter().flat_map(|held| &held.services) {
            if known.record.value().seq <= seq && !listed.contains(instance) {
                plan.drop.push(*instance);
            }
        }
        let known = held.and_then(|held| held.record.as_ref());
        let said = batch.node.as_ref().filter(|said| floors.allow_node(&author, said.value().seq));
        let outdated = known.is_none_or(|known| known.value().seq <= seq);
        if outdated && known.map(Proved::hash) != said.map(Proved::hash) {
            plan.node = Some(said.cloned());
        }
        plan
    }

    /// The batch is a part of the set: what it lists is added where it is newer.
    fn merge(batch: &Batch, held: Option<&Entry>, floors: &Floors, settled: Option<Seq>) -> Self {
        let author = batch.lease.author();
        let unsettled = |seq: Seq| settled.is_none_or(|settled| seq > settled);
        let mut plan = Self::default();
        for record in &batch.services {
            let ServiceRecord { instance, seq, .. } = *record.value();
            let known = held.and_then(|held| held.services.get(&instance));
            let newer = known.is_none_or(|known| seq > known.record.value().seq);
            if newer && unsettled(seq) && floors.allow_instance(&author, instance, seq) {
                plan.put.push(record.clone());
            }
        }
        if let Some(said) = &batch.node {
            let seq = said.value().seq;
            let newer = held.and_then(|held| held.record.as_ref()).is_none_or(|known| seq > known.value().seq);
            if newer && unsettled(seq) && floors.allow_node(&author, seq) {
                plan.node = Some(Some(said.clone()));
            }
        }
        plan
    }
}

fn holds(held: Option<&Entry>, instance: InstanceId) -> bool {
    held.is_some_and(|held| held.services.contains_key(&instance))
}
