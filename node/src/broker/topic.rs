//! One topic, as a program uses it.

use std::sync::Arc;

use atoll_protocol::{
    codec,
    identity::NodeId,
    limits,
    names::{NameError, TopicName, TopicPattern},
    sealed::Signed,
    service::{Extensions, Seq},
    topic::{Access, Draft, Policy, Retention},
};
use bytes::Bytes;
use serde::Serialize;

use super::{Group, Inner, Publish, Published, Subscribe};
use crate::error::PublishError;

/// A topic; see [`Node::topic`](crate::Node::topic). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Topic {
    inner: Arc<Inner>,
    name: TopicName,
}

impl Topic {
    pub(super) fn new(inner: Arc<Inner>, name: TopicName) -> Self {
        Self { inner, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// A message in JSON. Await it to publish it, here and wherever it is subscribed to, now or later.
    pub fn publish<T: Serialize + ?Sized>(&self, message: &T) -> Publish {
        let draft = serde_json::to_vec(message)
            .map(Draft::of)
            .map_err(|error| PublishError::Invalid { reason: format!("it cannot be written as JSON: {error}") });
        Publish::new(Arc::clone(&self.inner), self.name.clone(), draft)
    }

    /// A message of any bytes, 256 KiB at most.
    pub fn publish_raw(&self, payload: impl Into<Bytes>) -> Publish {
        Publish::new(Arc::clone(&self.inner), self.name.clone(), Ok(Draft::of(payload)))
    }

    /// Begins to say what of this topic to be given.
    pub fn subscribe(&self) -> Subscribe {
        Subscribe::new(Arc::clone(&self.inner), TopicPattern::from(self.name.clone()))
    }

    /// Begins to join a group that shares this topic's work: each message is given to one of its members at a time, on whatever node,
    /// until one has managed it.
    ///
    /// ```no_run
    /// # async fn example(node: &atoll_node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut member = node.topic("jobs")?.group("workers")?.deliveries(3).join().await?;
    /// while let Some(job) = member.next().await {
    ///     match job.json::<String>() {
    ///         Ok(text) => println!("{text}"),
    ///         Err(error) => {
    ///             job.reject(error.to_string()).await?;
    ///             continue;
    ///         }
    ///     }
    ///     job.ack().await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NameError`] if that is no group's name, or too long for this topic.
    pub fn group(&self, name: &str) -> Result<Group, NameError> {
        Group::new(Arc::clone(&self.inner), self.name.clone(), name)
    }

    /// The policy that is in force here, if there is one.
    #[must_use]
    pub fn policy(&self) -> Option<Policy> {
        self.inner.logs.lock().policies.of(&self.name).map(|policy| policy.value().clone())
    }

    /// Says who may publish and read, which nodes keep the topic beside those elected, and what is retained; everybody who holds the
    /// topic acts on it. Only its owner can.
    ///
    /// # Errors
    /// [`PublishError::NotTheOwner`], or why the policy could not be published.
    pub async fn decide(
        &self,
        access: Access,
        keepers: Vec<NodeId>,
        retention: Retention,
    ) -> Result<Published, PublishError> {
        let owner = self.inner.logs.lock().policies.owner(&self.name);
        if owner != Some(self.inner.me) {
            return Err(PublishError::NotTheOwner { topic: self.name.clone(), owner });
        }
        let known = self.policy().map_or(0, |policy| policy.seq.0);
        let issued = self.inner.clock.wall();
        let policy = Policy {
            topic: self.name.clone(),
            seq: Seq(issued.0.max(known.saturating_add(1))),
            issued,
            access,
            keepers,
            retention,
            extensions: Extensions::new(),
        };
        let invalid = |reason: String| PublishError::Invalid { reason };
        let policy = Signed::seal(&self.inner.key, &self.inner.network, policy).map_err(|e| invalid(e.to_string()))?;
        let draft = Draft::of_policy(&policy).map_err(|e| invalid(e.to_string()));
        Publish::new(Arc::clone(&self.inner), self.name.clone(), draft).await
    }
}

impl Inner {
    /// Takes up the policies that were in force before a restart.
    pub(super) fn restore_policies(&self) {
        for (_, value) in self.disk.cursors(super::disk::POLICY) {
            let read = codec::decode::<Signed<Policy>>(&value, limits::TOPIC_POLICY + 128).ok();
            match read.and_then(|policy| policy.open(&self.network).ok()) {
                Some(policy) => self.logs.lock().hear_policy(policy),
                None => tracing::warn!("a stored policy cannot be read; it is learnt anew from its topic"),
            }
        }
    }
}
