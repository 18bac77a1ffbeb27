//! Which part of a large network every node lists.
//!
//! A network may have more records than a view has room for. If each node then kept whatever it heard last, no two views
//! would be alike, and neighbours could not compare them. So all keep the same part: every node has a *position*, a
//! number that looks drawn at random from its id, and a view of depth *d* lists those nodes whose position begins with *d*
//! zero bits: everything at depth 0, half of it at depth 1, and so on. Each depth's part lies within that of the depth
//! before, so that two nodes of different depths can still compare what both of them list.
//!
//! A view goes deeper when its part takes more than three quarters of its room; the rest is for nodes whose services are
//! used here, wherever they stand. It comes up again when a part twice as large would take no more than half of it. What
//! lies outside is found through the DHT.

use atoll_protocol::identity::NodeId;

use super::Directory;
use crate::mix::mix;

/// No view goes deeper: a part of 2⁻³² of a network.
const DEPTH_MAX: u8 = 32;

/// The part that is listed, and what it has. It is counted along by the table.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) depth: u8,
    pub(super) nodes: usize,
    pub(super) records: usize,
}

impl Part {
    pub(super) fn covers(&self, node: &NodeId) -> bool {
        covers(self.depth, node)
    }
}

/// Where a node stands among all: evenly spread, for ids are public keys.
pub(super) fn position(node: &NodeId) -> u64 {
    mix(start_of(node.public_key()))
}

pub(super) fn covers(depth: u8, node: &NodeId) -> bool {
    position(node).leading_zeros() >= u32::from(depth)
}

pub(super) fn start_of(bytes: &[u8; 32]) -> u64 {
    bytes.first_chunk().map_or(0, |start| u64::from_le_bytes(*start))
}

impl Directory {
    /// How deep the view is: of the network's nodes it lists one in 2^depth, and those that are used here.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.table.part().depth
    }

    /// How many nodes the network has, as far as can be told from the part that is listed.
    #[must_use]
    pub fn network_size(&self) -> usize {
        match self.table.part() {
            Part { depth: 0, .. } => self.table.len(),
            Part { depth, nodes, .. } => nodes.saturating_mul(1 << depth),
        }
    }

    /// Whether what this node says is news to everybody: to views of this depth, and of one less, so that those that go up have heard
    /// of what they come to list. Whoever uses another node asks that one.
    #[must_use]
    pub fn is_told_of(&self, node: &NodeId) -> bool {
        covers(self.depth().saturating_sub(1), node)
    }

    /// How many nodes there are that everybody is told of, about.
    #[must_use]
    pub fn told_of(&self) -> usize {
        self.network_size() >> self.depth().saturating_sub(1)
    }

    /// Whether what is heard of this node is to be listed, though nobody has asked for it.
    #[must_use]
    pub fn has_place_for(&self, node: &NodeId) -> bool {
        self.table.part().covers(node) || *node == self.me || self.table.node(node).is_some()
    }

    /// Goes deeper where the part that is listed takes too much room, and up where there is room for twice as much.
    pub fn fit(&mut self) {
        while self.depth() < DEPTH_MAX && self.part_exceeds(3, 4) {
            self.table.set_depth(self.depth() + 1);
        }
        if self.depth() > 0 && !self.part_exceeds(1, 4) {
            self.table.set_depth(self.depth() - 1);
        }
    }

    /// Takes over a neighbour's depth, as far as three eighths of the room are still taken then: a newcomer that has heard
    /// of the neighbour's part only would otherwise take that for the network.
    pub fn adopt(&mut self, depth: u8) {
        while self.depth() < depth.min(DEPTH_MAX) && self.records_at(self.depth() + 1) >= self.limits.records * 3 / 8 {
            self.table.set_depth(self.depth() + 1);
        }
    }

    /// Whether the part that is listed takes more than this share of the room, in records or in nodes.
    fn part_exceeds(&self, numerator: usize, denominator: usize) -> bool {
        let part = self.table.part();
        let exceeds = |count: usize, limit: usize| count > limit * numerator / denominator;
        exceeds(part.records, self.limits.records) || exceeds(part.nodes, self.limits.nodes)
    }

    fn records_at(&self, depth: u8) -> usize {
        self.table.nodes().filter(|(node, _)| covers(depth, node)).map(|(_, entry)| entry.services.len()).sum()
    }
}
