//! Keepers come and go: what this node keeps no longer is handed over before it lets go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::sync::{Fault, Have, Reply, Request},
};
use futures::AsyncWriteExt;

use super::telling::AGAIN;
use crate::broker::{
    Inner,
    sync::{SyncError, receive_reply, send},
};

/// Logs of one topic that are compared before it is let go; what has more stays.
const HELD: usize = 64 * 1024;

impl Inner {
    /// The volunteers may have changed: other keepers are told, and what this one keeps no longer is let go once they have it.
    pub(in crate::broker) async fn review_kept(self: &Arc<Self>) {
        self.discount_those_gone();
        self.keeping.state.lock().told.retain(|_, at| at.elapsed() < AGAIN);
        let mut to_tell: BTreeMap<NodeId, Vec<TopicName>> = BTreeMap::new();
        let mut leaving = Vec::new();
        for topic in self.keeping.kept() {
            let keepers = self.keepers_of(&topic);
            if !keepers.is_empty() && !self.may_keep(&topic, &self.me) {
                leaving.push((topic.clone(), keepers.clone()));
            }
            for keeper in keepers {
                self.note_to_tell(keeper, &topic, &mut to_tell);
            }
        }
        self.tell_all(to_tell);
        for (topic, keepers) in leaving {
            if self.is_held_by_all(&topic, &keepers).await {
                tracing::info!(%topic, "others keep a topic now; this node lets it go");
                self.release(&topic);
            }
        }
    }

    /// Receipts of those that have left count no more: others are to keep what they kept.
    fn discount_those_gone(&self) {
        let now: BTreeSet<NodeId> = self.volunteers().iter().map(|volunteer| volunteer.node).collect();
        let before = std::mem::replace(&mut self.keeping.state.lock().volunteers, now.clone());
        let gone: Vec<&NodeId> = before.difference(&now).collect();
        if gone.is_empty() {
            return;
        }
        let own: Vec<TopicName> = {
            let logs = self.logs.lock();
            logs.shelf.topics().filter(|topic| logs.log(topic, &self.me).is_some()).cloned().collect()
        };
        for topic in own {
            gone.iter().for_each(|keeper| self.acks.left(&topic, keeper));
        }
    }

    /// Whether all of these hold the same logs of a topic, from their beginnings here on.
    async fn is_held_by_all(&self, topic: &TopicName, keepers: &[NodeId]) -> bool {
        for keeper in keepers {
            match self.is_held_by(topic, *keeper).await {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    tracing::debug!(%keeper, %topic, "a keeper does not say what it holds: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Whether this keeper does.
    pub(in crate::broker) async fn is_held_by(&self, topic: &TopicName, keeper: NodeId) -> Result<bool, SyncError> {
        let mut stream = self.open(keeper).await?;
        let mut theirs = BTreeMap::new();
        let mut after = None;
        loop {
            let request = Request::Within { topic: topic.clone(), count: 1, buckets: vec![0], after };
            send(&mut stream, &request).await?;
            stream.flush().await?;
            let Reply::Haves { haves, more } = receive_reply(&mut stream).await? else {
                return Err(Fault::Unrelated.into());
            };
            let last = haves.last().map(|have| (have.author, have.epoch));
            if more && (last.is_none() || last <= after) {
                return Err(Fault::NoProgress.into());
            }
            theirs.extend(haves.into_iter().map(|have| ((have.author, have.epoch), have)));
            if !more || theirs.len() > HELD {
                break;
            }
            after = last;
        }
        let _ = stream.close().await;
        let logs = self.logs.lock();
        let ours = logs.shelf.held(topic);
        // Ends alone do not tell: who holds the last batch may lack what lies before it.
        let holds = |ours: &Have| {
            let theirs = theirs.get(&(ours.author, ours.epoch));
            theirs.is_some_and(|theirs| {
                let same_end = theirs.last == ours.last && theirs.check == ours.check;
                (same_end || theirs.last > ours.last)
                    && (theirs.first <= ours.first || ours.first > ours.last)
                    && theirs.holes == 0
            })
        };
        Ok(ours.iter().all(holds))
    }
}
