//! Who has subscribed to what: for each entry that comes, those that it is to be given to.
//!
//! A subscription is a pattern. Which ones stand for a topic is found once, and kept until subscriptions change: an entry costs one
//! look-up, however many subscriptions there are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use atoll_protocol::names::{TopicName, TopicPattern};

/// A subscription, by a number of the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscription(pub u64);

/// There are as many subscriptions as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("there are {} subscriptions, as many as may be", Interest::SUBSCRIPTIONS)]
pub struct Full;

/// See the [module docs](self).
#[derive(Debug, Default)]
pub struct Interest {
    patterns: BTreeMap<Subscription, TopicPattern>,
    /// Those without wildcards.
    literal: HashMap<TopicName, BTreeSet<Subscription>>,
    /// Those with.
    wild: BTreeSet<Subscription>,
    /// At most [`Interest::FOUND`].
    found: HashMap<TopicName, Arc<[Subscription]>>,
}

impl Interest {
    /// Subscriptions at most.
    pub const SUBSCRIPTIONS: usize = 64 * 1024;
    /// Topics for which it is remembered who has subscribed; of more it is found anew.
    pub const FOUND: usize = 16 * 1024;

    /// Nobody has subscribed to anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A subscription begins, or is to something else from now on.
    ///
    /// # Errors
    /// [`Full`].
    pub fn subscribe(&mut self, subscription: Subscription, pattern: TopicPattern) -> Result<(), Full> {
        self.unsubscribe(subscription);
        if self.patterns.len() >= Self::SUBSCRIPTIONS {
            return Err(Full);
        }
        match pattern.literal() {
            Some(topic) => {
                self.found.remove(&topic);
                self.literal.entry(topic).or_default().insert(subscription);
            }
            None => {
                self.forget(&pattern);
                self.wild.insert(subscription);
            }
        }
        self.patterns.insert(subscription, pattern);
        Ok(())
    }

    /// A subscription ends.
    pub fn unsubscribe(&mut self, subscription: Subscription) {
        let Some(pattern) = self.patterns.remove(&subscription) else { return };
        if self.wild.remove(&subscription) {
            self.forget(&pattern);
            return;
        }
        let Some(topic) = pattern.literal() else { return };
        self.found.remove(&topic);
        if let Some(all) = self.literal.get_mut(&topic) {
            all.remove(&subscription);
            if all.is_empty() {
                self.literal.remove(&topic);
            }
        }
    }

    /// The subscriptions that stand for this topic, each once, in the order of their numbers.
    pub fn of(&mut self, topic: &TopicName) -> Arc<[Subscription]> {
        if let Some(found) = self.found.get(topic) {
            return Arc::clone(found);
        }
        let matches = |wild: &&Subscription| self.patterns.get(wild).is_some_and(|pattern| pattern.matches(topic));
        let mut all: BTreeSet<Subscription> = self.wild.iter().filter(matches).copied().collect();
        all.extend(self.literal.get(topic).into_iter().flatten());
        let found: Arc<[Subscription]> = all.into_iter().collect();
        if self.found.len() >= Self::FOUND {
            self.found.clear();
        }
        self.found.insert(topic.clone(), Arc::clone(&found));
        found
    }

    /// What is subscribed to, each pattern once, in their order: what is asked for and followed elsewhere.
    #[must_use]
    pub fn patterns(&self) -> BTreeSet<&TopicPattern> {
        self.patterns.values().collect()
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// What was found for topics that the pattern stands for is to be found anew.
    fn forget(&mut self, pattern: &TopicPattern) {
        self.found.retain(|topic, _| !pattern.matches(topic));
    }
}
