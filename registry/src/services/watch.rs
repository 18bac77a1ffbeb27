//! What watchers are told.

use std::{
    collections::{BTreeMap, btree_map},
    mem,
};

use atoll_protocol::{identity::NodeId, names::InstanceId};

use super::known::Instance;

/// One thing that changed in the directory.
///
/// A renewal changes nothing but the time, and is not told.
#[derive(Debug, Clone)]
pub enum Change {
    /// An instance was not listed and now is.
    Added(Instance),
    /// The record of a listed instance was replaced by a later one.
    Changed(Instance),
    /// The instance's node could not be reached.
    Suspect(Instance),
    /// The instance's node was reached again.
    Recovered(Instance),
    /// The instance is no longer listed. It is told as it was last known.
    Removed(Instance, Removal),
}

/// Why an instance is no longer listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// Its node has withdrawn it.
    Withdrawn,
    /// Its node's lease has ended.
    Expired,
    /// There was no room for it any more.
    Evicted,
    /// Its node's record set no longer contains it.
    Superseded,
    /// It was known only from before a restart, and the network does not know it any more.
    Unconfirmed,
}

impl Change {
    /// The instance as it is after the change, or as it was last known.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        match self {
            Self::Added(instance)
            | Self::Changed(instance)
            | Self::Suspect(instance)
            | Self::Recovered(instance)
            | Self::Removed(instance, _) => instance,
        }
    }

    fn key(&self) -> (NodeId, InstanceId) {
        let instance = self.instance();
        (instance.node, instance.record.value().instance)
    }
}

/// The changes since watchers were last told.
///
/// A watcher that is slow must not make this grow: above `limit` the changes of one instance are merged into the one
/// that leads to the same set, of which there are at most one for each instance then listed and one for each now.
#[derive(Debug)]
pub(super) struct Changes {
    log: Vec<Change>,
    limit: usize,
    /// Changes ever pushed.
    count: u64,
}

/// One instance's changes, merged.
struct Merged {
    /// Whether the instance was listed before the first of them.
    listed: bool,
    /// How many they are.
    count: usize,
    /// Where the last one stood, to keep the order.
    at: usize,
    last: Change,
}

impl Changes {
    /// No changes yet; at most four times `records` are kept.
    pub(super) fn new(records: usize) -> Self {
        Self { log: Vec::new(), limit: records.saturating_mul(4).max(1), count: 0 }
    }

    pub(super) fn push(&mut self, change: Change) {
        self.count = self.count.wrapping_add(1);
        if self.log.len() >= self.limit {
            self.log = merge(mem::take(&mut self.log));
        }
        self.log.push(change);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn take(&mut self) -> Vec<Change> {
        mem::take(&mut self.log)
    }
}

fn merge(log: Vec<Change>) -> Vec<Change> {
    let mut merged: BTreeMap<(NodeId, InstanceId), Merged> = BTreeMap::new();
    for (at, change) in log.into_iter().enumerate() {
        match merged.entry(change.key()) {
            btree_map::Entry::Vacant(entry) => {
                let listed = !matches!(change, Change::Added(_));
                entry.insert(Merged { listed, count: 1, at, last: change });
            }
            btree_map::Entry::Occupied(mut entry) => {
                let entry = entry.get_mut();
                (entry.count, entry.at, entry.last) = (entry.count + 1, at, change);
            }
        }
    }
    let mut merged: Vec<(usize, Change)> =
        merged.into_values().filter_map(|entry| Some((entry.at, entry.outcome()?))).collect();
    merged.sort_unstable_by_key(|(at, _)| *at);
    merged.into_iter().map(|(_, change)| change).collect()
}

impl Merged {
    /// The one change that stands for all; none if the instance came and went unseen.
    fn outcome(self) -> Option<Change> {
        match self.last {
            Change::Removed(..) => self.listed.then_some(self.last),
            last if self.count == 1 => Some(last),
            Change::Added(instance)
            | Change::Changed(instance)
            | Change::Suspect(instance)
            | Change::Recovered(instance) => {
                Some(if self.listed { Change::Changed(instance) } else { Change::Added(instance) })
            }
        }
    }
}
