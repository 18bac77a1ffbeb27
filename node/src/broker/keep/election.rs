//! Who keeps a topic: the volunteers that everybody lists, and those of them that are elected for it.

use std::sync::Arc;

use atoll_protocol::{
    identity::NodeId,
    names::{ServiceName, ServiceQuery, TopicName},
};
use atoll_registry::{
    services::Instance,
    topics::keepers::{Volunteer, elect},
};

use crate::broker::Inner;

/// The service that volunteers offer; its metadata say how much each can keep.
pub(crate) const SERVICE: &str = "keeper";
pub(crate) const WEIGHT: &str = "weight";
/// Receipts of so many more nodes than keep a topic are given and count: not everybody knows the same volunteers at all times.
const SPARE: usize = 2;

impl Inner {
    /// The nodes that have offered to keep topics, as the directory lists them now.
    pub(in crate::broker) fn volunteers(&self) -> Arc<[Volunteer]> {
        let generation = self.directory.generation();
        let mut known = self.volunteers.lock();
        if known.0 != generation {
            *known = (generation, self.find_volunteers().into());
        }
        Arc::clone(&known.1)
    }

    fn find_volunteers(&self) -> Vec<Volunteer> {
        let Ok(name) = SERVICE.parse::<ServiceName>() else { return Vec::new() };
        let volunteer = |instance: &Instance| {
            let weight = instance.record.value().metadata.get(WEIGHT).and_then(|text| text.parse().ok()).unwrap_or(1);
            // By what the node says of itself, so that everybody takes the same for it.
            let addresses = self.directory.addresses_of(&instance.node);
            let subnet = addresses.iter().find_map(|address| self.net.subnet(address));
            Volunteer { node: instance.node, weight, subnet }
        };
        // Frauds are known to everybody soon, so this does not divide the network for long.
        let honest = |instance: &&Instance| !self.net.conduct.is_convicted(&instance.node);
        self.directory.find(&ServiceQuery::any(name)).iter().filter(honest).map(volunteer).collect()
    }

    /// The nodes that keep a topic, this one perhaps among them.
    pub(in crate::broker) fn keepers_of(&self, topic: &TopicName) -> Vec<NodeId> {
        self.elected(topic, self.config.keepers)
    }

    pub(in crate::broker) fn elected(&self, topic: &TopicName, count: usize) -> Vec<NodeId> {
        let pinned = self.logs.lock().policies.of(topic).map(|policy| policy.value().keepers.clone());
        elect(topic, &pinned.unwrap_or_default(), &self.volunteers(), count)
    }

    /// Whether receipts of a node for a topic count.
    pub(super) fn may_keep(&self, topic: &TopicName, node: &NodeId) -> bool {
        self.elected(topic, SPARE * self.config.keepers).contains(node)
    }
}
