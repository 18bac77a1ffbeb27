//! The nodes that this node has met, and where: what their class and subnet are known from.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::identity::NodeId;

use super::shares::{Class, Member, Standing};
use crate::peers::Subnet;

/// What is known of a node beside what it says.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    standing: Standing,
    connected: bool,
    subnet: Option<Subnet>,
    turn: u64,
}

/// Nodes that are known, bounded: the one that was met longest ago is forgotten first, connected ones and those with a
/// standing last.
#[derive(Debug)]
pub(super) struct Places {
    nodes: BTreeMap<NodeId, Place>,
    order: BTreeSet<(bool, u64, NodeId)>,
    turn: u64,
    limit: usize,
}

impl Place {
    fn rank(&self, node: NodeId) -> (bool, u64, NodeId) {
        (self.connected || self.standing > Standing::New, self.turn, node)
    }
}

impl Places {
    pub(super) fn new(limit: usize) -> Self {
        Self { nodes: BTreeMap::new(), order: BTreeSet::new(), turn: 0, limit: limit.max(1) }
    }

    /// Where a node is counted.
    pub(super) fn member(&self, node: &NodeId) -> Member {
        self.nodes.get(node).map_or(Member::STRANGER, |place| Member {
            class: Class::Known,
            subnet: place.subnet,
            trusted: place.standing == Standing::Trusted,
        })
    }

    /// A node is connected from `subnet`. Returns who is forgotten for it.
    pub(super) fn connected(&mut self, node: NodeId, subnet: Option<Subnet>) -> Option<NodeId> {
        self.change(node, |place| (place.connected, place.subnet) = (true, subnet))
    }

    /// A node is not connected any more; it stays known.
    pub(super) fn disconnected(&mut self, node: NodeId) {
        if self.nodes.contains_key(&node) {
            self.change(node, |place| place.connected = false);
        }
    }

    /// Sets a node's standing. Without one, it is known only if it was met. Returns who is forgotten for it.
    pub(super) fn set_standing(&mut self, node: NodeId, standing: Standing) -> Option<NodeId> {
        if standing == Standing::New && !self.nodes.contains_key(&node) {
            return None;
        }
        self.change(node, |place| place.standing = standing)
    }

    fn change(&mut self, node: NodeId, change: impl FnOnce(&mut Place)) -> Option<NodeId> {
        self.turn += 1;
        let place = self.nodes.entry(node).or_default();
        self.order.remove(&place.rank(node));
        change(place);
        place.turn = self.turn;
        self.order.insert(place.rank(node));
        if self.nodes.len() <= self.limit {
            return None;
        }
        let (.., oldest) = self.order.pop_first()?;
        self.nodes.remove(&oldest);
        Some(oldest)
    }
}
