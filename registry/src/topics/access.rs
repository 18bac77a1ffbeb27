//! Which policy of a topic is in force.
//!
//! The owner that a topic's name says decides, or whom this node's user has named as owner; nobody else does, and topics without an
//! owner are open. Of an owner's policies the one with the highest number is in force.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    sealed::Verified,
    topic::{Policy, Retention},
};

/// Policies that are in force here.
///
/// It holds at most [`Policies::MOST`]; of topics that nobody here has any part in, none should be taken in.
#[derive(Debug, Default)]
pub struct Policies {
    in_force: BTreeMap<TopicName, Verified<Policy>>,
    /// Whom this node's user has named as owners of topics that belong to nobody.
    named: Vec<(TopicPattern, NodeId)>,
}

/// What became of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heard {
    /// It is in force now.
    News,
    /// It was in force before.
    Known,
    /// One with a higher number is in force.
    Overtaken,
    /// Its author does not own the topic, as far as is known here. It may elsewhere.
    NotTheOwner,
    /// There are as many policies as may be.
    Full,
}

impl Policies {
    /// Policies that are kept at most.
    pub const MOST: usize = 10_000;

    /// With these owners of topics that belong to nobody by their names; the first that matches counts.
    #[must_use]
    pub fn new(named: Vec<(TopicPattern, NodeId)>) -> Self {
        Self { in_force: BTreeMap::new(), named }
    }

    /// Who decides about a topic.
    #[must_use]
    pub fn owner(&self, topic: &TopicName) -> Option<NodeId> {
        let named = || self.named.iter().find(|(pattern, _)| pattern.matches(topic)).map(|(_, owner)| *owner);
        topic.owner().or_else(named)
    }

    /// Takes in a policy.
    pub fn hear(&mut self, policy: Verified<Policy>) -> Heard {
        let topic = &policy.value().topic;
        if self.owner(topic) != Some(policy.author()) {
            return Heard::NotTheOwner;
        }
        match self.in_force.get(topic) {
            Some(known) if known.hash() == policy.hash() => return Heard::Known,
            // Of two with one number, which an owner should not make, everybody takes the same.
            Some(known) if (known.value().seq, known.hash()) > (policy.value().seq, policy.hash()) => {
                return Heard::Overtaken;
            }
            None if self.in_force.len() >= Self::MOST => return Heard::Full,
            _ => {}
        }
        self.in_force.insert(topic.clone(), policy);
        Heard::News
    }

    /// The policy that is in force; none where the topic is open to everybody.
    #[must_use]
    pub fn of(&self, topic: &TopicName) -> Option<&Verified<Policy>> {
        self.in_force.get(topic)
    }

    /// Forgets what is said of a topic that nobody here has any part in any more.
    pub fn forget(&mut self, topic: &TopicName) {
        self.in_force.remove(topic);
    }

    /// Whether this node's entries are taken. An owner's always are.
    #[must_use]
    pub fn may_publish(&self, topic: &TopicName, node: &NodeId) -> bool {
        self.allows(topic, node, |policy| policy.may_publish(node))
    }

    /// Whether this node is served. An owner always is.
    #[must_use]
    pub fn may_read(&self, topic: &TopicName, node: &NodeId) -> bool {
        self.allows(topic, node, |policy| policy.may_read(node))
    }

    /// What has to be retained.
    #[must_use]
    pub fn retention(&self, topic: &TopicName) -> Retention {
        self.of(topic).map_or_else(Retention::default, |policy| policy.value().retention)
    }

    fn allows(&self, topic: &TopicName, node: &NodeId, allowed: impl Fn(&Policy) -> bool) -> bool {
        self.of(topic).is_none_or(|policy| policy.author() == *node || allowed(policy.value()))
    }
}
