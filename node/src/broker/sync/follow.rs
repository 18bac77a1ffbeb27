//! Following authors that publish faster than is gossiped.

use std::{collections::HashSet, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{
        log::Refused,
        sync::{Following, Reply, Request},
    },
};
use futures::AsyncWriteExt;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use super::{SyncError, ask::Ask, receive, send};
use crate::broker::{
    Inner,
    logs::{Came, Taking},
};

#[cfg(test)]
mod tests;

/// Topics that are followed at one peer, and in all; what is beyond is asked for.
const OF_PEER: usize = 32;
const MOST: usize = 512;
/// How often is looked whether it is still worth it.
const WINDOW: Duration = Duration::from_secs(10);
/// An author of fewer batches in that time is followed no more: those come as gossip.
const FAST: usize = 10;

/// What is followed where.
#[derive(Debug, Default)]
pub(in crate::broker) struct Follows(Mutex<HashSet<(NodeId, TopicName)>>);

impl Follows {
    fn begin(&self, peer: NodeId, topic: &TopicName) -> bool {
        let mut all = self.0.lock();
        let of_peer = all.iter().filter(|(other, _)| *other == peer).count();
        of_peer < OF_PEER && all.len() < MOST && all.insert((peer, topic.clone()))
    }

    fn end(&self, peer: NodeId, topic: &TopicName) {
        self.0.lock().remove(&(peer, topic.clone()));
    }

    fn is_followed(&self, peer: NodeId, topic: &TopicName) -> bool {
        self.0.lock().contains(&(peer, topic.clone()))
    }
}

/// How much has come lately.
struct Window {
    end: Instant,
    batches: usize,
}

impl Window {
    fn new() -> Self {
        Self { end: Instant::now() + WINDOW, batches: 0 }
    }

    /// Whether more is to be waited for, after so many batches came.
    fn goes_on(&mut self, batches: usize) -> bool {
        self.batches += batches;
        if self.batches >= FAST {
            *self = Self::new();
        }
        Instant::now() < self.end
    }
}

impl Inner {
    /// There is more of an author's log than is here: its author is followed where it is connected, and somebody is asked for what is
    /// missing.
    pub(in crate::broker) fn catch_up(self: &Arc<Self>, topic: &TopicName, author: NodeId, source: Option<NodeId>) {
        if self.follows.is_followed(author, topic) {
            return;
        }
        if self.net.connections.best(&author).is_some() {
            if self.follows.begin(author, topic) {
                let (inner, topic) = (Arc::clone(self), topic.clone());
                self.tasks.spawn(async move {
                    if let Err(error) = inner.follow(author, &topic).await {
                        tracing::debug!(%author, %topic, "no longer followed: {error}");
                        if let Some(fault) = error.fault() {
                            inner.net.conduct.charge(Some(author), fault, &error);
                        }
                    }
                    inner.follows.end(author, &topic);
                    // What came at the end may have been missed.
                    inner.ask(author, Ask::about(topic));
                });
                return;
            }
            self.ask(author, Ask::about(topic.clone()));
        } else if let Some(source) = source {
            self.ask(source, Ask::about(topic.clone()));
        }
    }

    async fn follow(self: &Arc<Self>, peer: NodeId, topic: &TopicName) -> Result<(), SyncError> {
        let mut stream = self.open(peer).await?;
        let patterns = vec![topic.clone().into()];
        let following = Following::new(patterns.clone());
        send(&mut stream, &Request::Follow { patterns }).await?;
        stream.flush().await?;
        // What was said before.
        self.ask(peer, Ask::about(topic.clone()));
        let mut window = Window::new();
        while let Ok(received) = timeout_at(window.end, receive(&mut stream, Reply::decode)).await {
            let Some(reply) = received? else { return Ok(()) };
            let Reply::Part { pieces } = reply else {
                return Err(atoll_protocol::topic::sync::Fault::Unrelated.into());
            };
            let count = pieces.len();
            for piece in pieces {
                let batch = following.open(piece, &self.network)?;
                let place = self.place(&batch).await.ok_or(SyncError::Stopped)?;
                let at = Taking { network: &self.network, now: self.clock.wall() };
                let came = self.logs.lock().take(Arc::new(batch), Some(place), &at);
                if let Came::Refused(Refused::Missing { .. }) = came {
                    self.ask(peer, Ask::about(topic.clone()));
                }
            }
            self.bell.ring();
            self.fill_back(peer);
            if !window.goes_on(count) {
                break;
            }
        }
        let _ = stream.close().await;
        Ok(())
    }
}
