//! Publishing from this node.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    names::TopicName,
    topic::{Draft, Epoch, Seq, sync::Scope},
};
use atoll_registry::topics::outbox::AckLevel;
use bytes::Bytes;

use super::Inner;
use crate::error::PublishError;

/// How long a publisher waits for what it asked for, unless it says otherwise.
const WITHIN: Duration = Duration::from_secs(10);

/// What was published: where it stands in this node's log of the topic, and what was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The epoch of the log.
    pub epoch: Epoch,
    /// The position in it.
    pub seq: Seq,
    /// What was reached, at least what was asked for.
    pub level: AckLevel,
}

/// A message on its way: publish it by awaiting. Made by [`Topic::publish`](super::Topic::publish).
#[must_use = "nothing is published until it is awaited"]
#[derive(Debug)]
pub struct Publish {
    inner: Arc<Inner>,
    topic: TopicName,
    draft: Result<Draft, PublishError>,
    level: AckLevel,
    within: Duration,
}

impl Publish {
    pub(super) fn new(inner: Arc<Inner>, topic: TopicName, draft: Result<Draft, PublishError>) -> Self {
        Self { inner, topic, draft, level: AckLevel::Local, within: WITHIN }
    }

    /// What the message is about: the last one for each key may be all that is retained, and groups keep the order for each key. At
    /// most 256 bytes.
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        if let Ok(draft) = &mut self.draft {
            draft.key = Some(key.into());
        }
        self
    }

    /// The same for every attempt of this node to publish the same thing on this topic: a subscriber gets it once. At most 64 bytes.
    pub fn id(mut self, id: impl Into<Bytes>) -> Self {
        if let Ok(draft) = &mut self.draft {
            draft.id = Some(id.into());
        }
        self
    }

    /// A name and a value that go with it: 32 of them at most, of 8 KiB together.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Ok(draft) = &mut self.draft {
            draft.headers.insert(name.into(), value.into());
        }
        self
    }

    /// Resolves once that level is reached; [`AckLevel::Local`] by default.
    pub fn ack(mut self, level: AckLevel) -> Self {
        self.level = level;
        self
    }

    /// Resolves once it is sent: nothing is promised. It is written to this node's disk within a second, too.
    pub fn gossip(self) -> Self {
        self.ack(AckLevel::Gossip)
    }

    /// Resolves once so many keepers have it on their disks, as their signed receipts say.
    pub fn kept(self, keepers: u8) -> Self {
        self.ack(AckLevel::Kept(keepers.max(1)))
    }

    /// How long to wait for that, 10 s by default. What was published stays published when the time is over.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Hands it to the writer, and gives what resolves once the level is reached: so many can be under way at a time without a task
    /// for each. Waits only if too much is on its way to the disk.
    ///
    /// # Errors
    /// [`PublishError`] if it is not to be published at all.
    pub async fn send(
        self,
    ) -> Result<impl Future<Output = Result<Published, PublishError>> + Send + use<>, PublishError> {
        let Self { inner, topic, draft, level, within } = self;
        let draft = draft?;
        draft.check().map_err(|error| PublishError::Invalid { reason: error.to_string() })?;
        inner.own_topic(&topic)?;
        let until = inner.clock.now() + within;
        let (wait, nth) = inner.drafts.push(&topic, draft, level, until).await?;
        inner.bell.ring();
        Ok(async move {
            let placed = wait.outcome().await?;
            let seq = Seq(placed.first.0.saturating_add(nth as u64));
            Ok(Published { epoch: placed.epoch, seq, level: placed.level })
        })
    }
}

impl IntoFuture for Publish {
    type Output = Result<Published, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.send().await?.await })
    }
}

impl Inner {
    /// This node publishes on a topic: its own log of that is of interest.
    fn own_topic(self: &Arc<Self>, topic: &TopicName) -> Result<(), PublishError> {
        {
            let logs = self.logs.lock();
            if !logs.policies.may_publish(topic, &self.me) {
                return Err(PublishError::NotAllowed { topic: topic.clone() });
            }
            if logs.shelf.contains(topic) {
                return Ok(());
            }
            let topics = logs.shelf.topics().count();
            if topics >= self.config.most_topics {
                return Err(PublishError::TooMany {
                    reason: format!("this node holds {topics} topics, as many as [topics] most_topics allows"),
                });
            }
        }
        self.want(topic, Scope::Only(self.me));
        Ok(())
    }
}
