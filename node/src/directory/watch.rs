//! Watching services come and go.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use atoll_protocol::{identity::NodeId, names::InstanceId};
use atoll_registry::services::{Change, Directory as View, Instance, Removal};
use parking_lot::RwLock;
use tokio::sync::broadcast;

#[cfg(test)]
mod tests;

/// Changes of the services that a node knows, as they happen; begins with an `Added` for each that is there.
///
/// A watcher that falls behind misses nothing that matters: it is brought up to date from the view, with the
/// difference to what it has seen.
#[derive(Debug)]
pub struct Watch {
    changes: broadcast::Receiver<Change>,
    view: Arc<RwLock<View>>,
    /// By node and instance: an instance id is its node's own choice.
    seen: HashMap<Key, Instance>,
    ready: VecDeque<Change>,
}

type Key = (NodeId, InstanceId);

fn key(instance: &Instance) -> Key {
    (instance.node, instance.record.value().instance)
}

impl Watch {
    pub(super) fn new(changes: broadcast::Receiver<Change>, view: Arc<RwLock<View>>) -> Self {
        let mut watch = Self { changes, view, seen: HashMap::new(), ready: VecDeque::new() };
        watch.catch_up();
        watch
    }

    /// The next change; `None` once the node has stopped.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Some(change);
            }
            match self.changes.recv().await {
                Ok(change) => self.take(change),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // What is still queued is older than the view.
                    self.changes = self.changes.resubscribe();
                    self.catch_up();
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// Passes a change on unless it says what has been seen already.
    fn take(&mut self, change: Change) {
        let instance = change.instance().clone();
        let id = key(&instance);
        let before = self.seen.get(&id);
        let news = match &change {
            Change::Added(_) | Change::Changed(_) => before.is_none_or(|b| b.record.hash() != instance.record.hash()),
            Change::Suspect(_) => before.is_some_and(|b| !b.suspect),
            Change::Recovered(_) => before.is_some_and(|b| b.suspect),
            Change::Removed(..) => before.is_some(),
        };
        if matches!(change, Change::Removed(..)) {
            self.seen.remove(&id);
        } else {
            self.seen.insert(id, instance);
        }
        if news {
            self.ready.push_back(change);
        }
    }

    fn catch_up(&mut self) {
        let now: HashMap<Key, Instance> = self.view.read().instances().map(|i| (key(&i), i)).collect();
        let gone: Vec<Instance> = self.seen.values().filter(|i| !now.contains_key(&key(i))).cloned().collect();
        for instance in gone {
            self.take(Change::Removed(instance, Removal::Expired));
        }
        for (id, instance) in now {
            match self.seen.get(&id).map(|before| (before.suspect, before.record.hash())) {
                None => self.take(Change::Added(instance)),
                Some((_, hash)) if hash != instance.record.hash() => self.take(Change::Changed(instance)),
                Some((false, _)) if instance.suspect => self.take(Change::Suspect(instance)),
                Some((true, _)) if !instance.suspect => self.take(Change::Recovered(instance)),
                Some(_) => {}
            }
        }
    }
}
