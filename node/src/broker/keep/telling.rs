//! Tells keepers what they are to keep.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::TopicName,
    topic::sync::{Fault, Reply, Request},
};
use futures::AsyncWriteExt;

use crate::broker::{
    Inner,
    sync::{SyncError, receive_reply, send},
};

/// Keepers that have given no receipt are told again after this time.
pub(super) const AGAIN: Duration = Duration::from_secs(20);

impl Inner {
    /// Tells keepers of topics that this node has just published on.
    pub(in crate::broker) fn tell_of_written(self: &Arc<Self>) {
        let written = std::mem::take(&mut self.keeping.state.lock().written);
        self.tell_of(written);
    }

    /// Tells keepers of this node's own topics what they are to keep, where not enough of them have given receipts.
    pub(in crate::broker) fn tell_keepers(self: &Arc<Self>) {
        self.tell_of(self.acks.pending(self.config.keepers).into_iter().map(|pending| pending.topic).collect());
    }

    fn tell_of(self: &Arc<Self>, topics: BTreeSet<TopicName>) {
        let mut to_tell: BTreeMap<NodeId, Vec<TopicName>> = BTreeMap::new();
        for topic in topics {
            for keeper in self.keepers_of(&topic) {
                self.note_to_tell(keeper, &topic, &mut to_tell);
            }
        }
        self.tell_all(to_tell);
    }

    pub(super) fn note_to_tell(
        &self,
        keeper: NodeId,
        topic: &TopicName,
        to_tell: &mut BTreeMap<NodeId, Vec<TopicName>>,
    ) {
        let now = Instant::now();
        let mut state = self.keeping.state.lock();
        let of_keeper = to_tell.entry(keeper).or_default();
        let told = state.told.get(&(topic.clone(), keeper));
        let is_told = told.is_some_and(|at| now.duration_since(*at) < AGAIN);
        if keeper != self.me && !is_told && of_keeper.len() < limits::TOPIC_LISTED {
            state.told.insert((topic.clone(), keeper), now);
            of_keeper.push(topic.clone());
        }
    }

    pub(super) fn tell_all(self: &Arc<Self>, to_tell: BTreeMap<NodeId, Vec<TopicName>>) {
        for (keeper, topics) in to_tell.into_iter().filter(|(_, topics)| !topics.is_empty()) {
            let inner = Arc::clone(self);
            self.tasks.spawn(async move {
                let request = Request::Keep { topics: topics.clone() };
                if let Err(error) = inner.say(keeper, &request).await {
                    tracing::debug!(%keeper, "a keeper was not told: {error}");
                    let mut state = inner.keeping.state.lock();
                    for topic in topics {
                        state.told.remove(&(topic, keeper));
                    }
                }
            });
        }
    }

    /// Says something to a peer that has only to hear it.
    pub(super) async fn say(&self, peer: NodeId, request: &Request) -> Result<(), SyncError> {
        let mut stream = self.open(peer).await?;
        send(&mut stream, request).await?;
        stream.flush().await?;
        match receive_reply(&mut stream).await? {
            Reply::End { .. } => {
                let _ = stream.close().await;
                Ok(())
            }
            _ => Err(Fault::Unrelated.into()),
        }
    }
}
