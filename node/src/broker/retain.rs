//! Deleting what need not be retained.

use atoll_protocol::{names::TopicName, topic::Retention};
use atoll_registry::topics::retention::{Deletion, Front, Why};

use super::{
    Inner,
    disk::{Changes, chain_id},
    logs::Logs,
};

/// Batches of one topic that are deleted at a time, so that nobody waits long.
const AT_A_TIME: usize = 256;

impl Inner {
    /// Deletes what is beyond what owners, and this node's own bounds, say. On a thread that may wait for the disk.
    pub(super) fn retain(&self) {
        let topics: Vec<TopicName> = self.logs.lock().held.keys().cloned().collect();
        for topic in topics {
            let mut changes = Changes::default();
            self.retain_topic(&topic, &mut changes);
            if !changes.is_empty() {
                self.bell.write(changes);
            }
        }
    }

    fn retain_topic(&self, topic: &TopicName, changes: &mut Changes) {
        for _ in 0..AT_A_TIME {
            let mut logs = self.logs.lock();
            let retention = self.retention(&logs, topic);
            let now = self.clock.wall();
            let Some(held) = logs.held.get_mut(topic) else { return };
            let due = held.index.due(&retention, now).or_else(|| held.index.over(self.config.author_bytes()));
            let due = due.or_else(|| held.keys.as_mut().and_then(|keys| keys.due(1).pop()));
            let Some(due) = due else { return };
            delete(&mut logs, topic, &due, changes);
        }
    }

    /// What the owner says, within this node's own bound.
    fn retention(&self, logs: &Logs, topic: &TopicName) -> Retention {
        let said = logs.policies.retention(topic);
        let bound = self.config.topic_bytes();
        Retention { bytes: Some(said.bytes.map_or(bound, |bytes| bytes.min(bound))), ..said }
    }
}

fn delete(logs: &mut Logs, topic: &TopicName, due: &Deletion, changes: &mut Changes) {
    let chain = chain_id(topic, due.batch.author, due.batch.epoch);
    let (bytes, entries) = (due.bytes, due.entries);
    let front = next_front(logs, &chain, due);
    if let Some(held) = logs.held.get_mut(topic) {
        held.index.deleted(due, front);
        if let Some(keys) = &mut held.keys {
            keys.deleted(&due.batch);
        }
    }
    logs.accounts.deleted(topic, &due.batch.author, bytes, entries);
    changes.delete(&chain, due.batch.first);
    logs.recent.remove(&chain, due.batch.first);
    if due.why != Why::Overtaken {
        logs.drop_before(&chain, due.next);
    }
    logs.touched(chain);
}

/// What is the oldest batch of a log once this one is gone.
fn next_front(logs: &Logs, chain: &atoll_protocol::topic::ChainId, due: &Deletion) -> Option<Front> {
    let first = logs.held.get(&chain.topic).and_then(|held| held.index.front(&chain.author, chain.epoch))?;
    if first.first != due.batch.first {
        return Some(first);
    }
    let recent = logs.recent.at(chain, due.next).map(|batch| Front::of(batch));
    recent.or_else(|| logs.front_on_disk(chain, due.next))
}
