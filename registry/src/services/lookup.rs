//! Questions to the directory. None of them changes it.

use std::{collections::BTreeMap, ops::Bound};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceQuery},
    service::{Seq, ServiceRecord, UnixMillis},
};

use super::{
    Directory,
    known::{Holding, Instance, KnownNode},
    names::Listed,
    order::by_version,
    table::Entry,
};
use crate::time::Time;

impl Directory {
    /// Live instances that will do, latest version first and suspect ones last: all of known nodes, and a thousand of strangers
    /// at most. Counts as use of their nodes.
    #[must_use]
    pub fn find(&self, query: &ServiceQuery) -> Vec<Instance> {
        let records = self.table.names().looked_up(&query.name, &self.me, self.now);
        let mut found: Vec<Instance> = records
            .filter(|listed| query.matches(&query.name, &listed.record.value().version))
            .map(|listed| {
                listed.node.mark_used(self.now);
                listed.instance()
            })
            .collect();
        found.sort_unstable_by(|a, b| a.suspect.cmp(&b.suspect).then_with(|| by_version(&a.record, &b.record)));
        found
    }

    /// Live instances of one node that will do, in the order of their numbers. Counts as use of the node.
    #[must_use]
    pub fn of_node(&self, node: &NodeId, query: &ServiceQuery) -> Vec<Instance> {
        let Some(entry) = self.table.node(node) else { return Vec::new() };
        entry.mark_used(self.now);
        let will_do = |record: &ServiceRecord| query.matches(&record.name, &record.version);
        let services = entry.services.values().filter(|held| will_do(held.record.value()));
        services.map(|held| entry.instance(held)).collect()
    }

    /// Every live instance, ordered by name, then version (latest first), then node.
    pub fn instances(&self) -> impl Iterator<Item = Instance> {
        self.table.names().records().map(Listed::instance)
    }

    /// Every node with a live lease, this one included, ordered by id.
    pub fn nodes(&self) -> impl Iterator<Item = KnownNode> {
        self.table.nodes().map(|(node, entry)| known(*node, entry))
    }

    /// A node with a live lease.
    #[must_use]
    pub fn node(&self, node: &NodeId) -> Option<KnownNode> {
        self.table.node(node).map(|entry| known(*node, entry))
    }

    /// The node whose directory this is.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// How many nodes have a live lease, this one included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.table.len()
    }

    /// The number of a node's lease.
    #[must_use]
    pub fn lease_of(&self, node: &NodeId) -> Option<Seq> {
        self.table.node(node).map(|entry| entry.lease.value().seq)
    }

    /// When a node's lease was made, by the node's clock.
    #[must_use]
    pub fn issued_of(&self, node: &NodeId) -> Option<UnixMillis> {
        self.table.node(node).map(|entry| entry.lease.value().issued)
    }

    /// Nodes whose lease will soon end: at least one renewal was not heard, or there was none. At most `most`.
    #[must_use]
    pub fn fading(&self, now: Time, most: usize) -> Vec<NodeId> {
        let fades = |entry: &Entry| !entry.suspect() && entry.expires().since(now) < entry.lease.value().ttl() / 3;
        self.table.nodes().filter(|(_, entry)| fades(entry)).map(|(node, _)| *node).take(most).collect()
    }

    /// The nodes whose whole record set is held, each with the number of the lease that covers it; also those that are
    /// known only from before a restart.
    #[must_use]
    pub fn known(&self) -> Vec<(NodeId, Seq)> {
        self.whole().map(|(node, entry)| (*node, entry.lease.value().seq)).collect()
    }

    /// The nodes whose whole record set is held here under a higher lease than in `known`, or not in `known` at all: those of
    /// the part that all views of this depth list.
    #[must_use]
    pub fn newer_than(&self, known: &[(NodeId, Seq)]) -> Vec<NodeId> {
        // Of a node that a stranger lists twice the higher number counts.
        let mut theirs: BTreeMap<NodeId, Seq> = BTreeMap::new();
        for &(node, seq) in known {
            let highest = theirs.entry(node).or_insert(seq);
            *highest = seq.max(*highest);
        }
        self.attested()
            .filter(|(node, _)| self.table.part().covers(node))
            .filter(|(node, entry)| theirs.get(node).is_none_or(|seq| entry.lease.value().seq > *seq))
            .map(|(node, _)| *node)
            .collect()
    }

    /// All that `node` has said, to answer a synchronisation; `None` if its whole record set is not held, is known only from
    /// before a restart, or its lease has ended.
    #[must_use]
    pub fn holding(&self, node: &NodeId, now: Time) -> Option<Holding> {
        self.held(node, now).filter(|_| self.table.node(node).is_some_and(|entry| !entry.restored))
    }

    /// The same, whether it is known from this run or not.
    pub(super) fn held(&self, node: &NodeId, now: Time) -> Option<Holding> {
        let entry = self.table.node(node).filter(|entry| entry.complete())?;
        // This node's own lease never ends here, but it does for whoever is told of it.
        let ends = entry.expires().min(entry.renewed + entry.lease.value().ttl());
        let remaining = ends.since(now);
        if remaining.is_zero() {
            return None;
        }
        Some(Holding {
            lease: entry.lease.clone(),
            remaining,
            node: entry.record.clone(),
            services: entry.services.values().map(|held| held.record.clone()).collect(),
        })
    }

    /// A number that is another one after every change that [`Change`](super::Change) tells of: what was found while it was
    /// the same is still true.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.changes.count()
    }

    /// Service records held, of all nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.records()
    }

    /// Whether no service record is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn whole(&self) -> impl Iterator<Item = (&NodeId, &Entry)> {
        self.table.nodes().filter(|(_, entry)| entry.complete())
    }

    /// The same, from some place on.
    pub(super) fn whole_from(&self, from: Bound<NodeId>) -> impl Iterator<Item = (&NodeId, &Entry)> {
        self.table.nodes_from(from).filter(|(_, entry)| entry.complete())
    }

    /// Whether a node's whole record set is held.
    pub(super) fn is_whole(&self, node: &NodeId) -> bool {
        self.table.node(node).is_some_and(Entry::complete)
    }

    /// Those of the whole sets that are known from this run: what is told to others.
    pub(super) fn attested(&self) -> impl Iterator<Item = (&NodeId, &Entry)> {
        self.whole().filter(|(_, entry)| !entry.restored)
    }

    /// An instance of a node.
    pub(super) fn instance(&self, node: &NodeId, instance: InstanceId) -> Option<Instance> {
        let entry = self.table.node(node)?;
        entry.services.get(&instance).map(|held| entry.instance(held))
    }
}

fn known(node: NodeId, entry: &Entry) -> KnownNode {
    KnownNode {
        node,
        record: entry.record.clone(),
        renewed: entry.renewed,
        expires: entry.expires(),
        suspect: entry.suspect(),
        services: entry.services.len(),
    }
}
