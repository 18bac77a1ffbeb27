//! Floors: below these numbers nothing returns.
//!
//! A record outlives its use: anyone may keep it and send it again. What has ended therefore leaves a mark, the
//! number of the statement that ended it, and only a later statement is listened to. Marks are bounded: those of the
//! node that was marked longest ago are forgotten first.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{identity::NodeId, names::InstanceId, service::Seq};

use super::{FRESH, batch::Heard};
use crate::time::Time;

/// What was said up to this number has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Floor {
    seq: Seq,
    /// When that was heard.
    since: Time,
}

impl Floor {
    /// What a withdrawal with number `seq`, which is not above this floor, is to those who have it.
    fn heard(self, seq: Seq, now: Time) -> Heard {
        if now.since(self.since) >= FRESH {
            Heard::Replayed
        } else if seq == self.seq {
            Heard::Known
        } else {
            Heard::Outdated
        }
    }
}

/// The last lease heard of a node that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeaseFloor {
    /// Its number: only a later lease brings the node back.
    pub(super) seq: Seq,
    /// When the node went.
    pub(super) since: Time,
    /// Until then this lease itself may, too: the node was not gone, there only was no room for it.
    pub(super) ends: Time,
}

/// What has ended, by node.
#[derive(Debug)]
pub(super) struct Floors {
    nodes: BTreeMap<NodeId, NodeFloors>,
    /// Nodes by when they were last marked, oldest first.
    order: BTreeSet<(u64, NodeId)>,
    /// Counts marks, to order them.
    turn: u64,
    /// Marks held: one for each node, one for each instance.
    count: usize,
    limit: usize,
    instances_per_node: usize,
}

#[derive(Debug, Default)]
struct NodeFloors {
    turn: u64,
    lease: Option<LeaseFloor>,
    node: Option<Floor>,
    instances: BTreeMap<InstanceId, Floor>,
    /// The same by number: where one node has too many, the mark with the lowest number goes.
    by_seq: BTreeSet<(Seq, InstanceId)>,
}

impl Floors {
    /// No floors yet; never more than `limit`, nor more than `instances_per_node` of the instances of one node.
    pub(super) fn new(limit: usize, instances_per_node: usize) -> Self {
        Self { nodes: BTreeMap::new(), order: BTreeSet::new(), turn: 0, count: 0, limit, instances_per_node }
    }

    /// Marks held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Which lease brings a node back.
    pub(super) fn lease(&self, node: &NodeId) -> Option<LeaseFloor> {
        self.nodes.get(node).and_then(|floors| floors.lease)
    }

    /// Whether a node's own record with this number may be held.
    pub(super) fn allow_node(&self, node: &NodeId, seq: Seq) -> bool {
        self.nodes.get(node).and_then(|floors| floors.node).is_none_or(|floor| seq > floor.seq)
    }

    /// Whether a record of this instance with this number may be held.
    pub(super) fn allow_instance(&self, node: &NodeId, instance: InstanceId, seq: Seq) -> bool {
        self.floor_of(node, instance).is_none_or(|floor| seq > floor.seq)
    }

    /// The floor of an instance: its own, or its node's if that is higher.
    fn floor_of(&self, node: &NodeId, instance: InstanceId) -> Option<Floor> {
        let floors = self.nodes.get(node)?;
        let own = floors.instances.get(&instance).copied();
        own.into_iter().chain(floors.node).max_by_key(|floor| floor.seq)
    }

    /// Marks the end of a node, at `since`, whose last lease was `seq`; until `ends` that lease itself may return.
    pub(super) fn end_node(&mut self, node: NodeId, seq: Seq, since: Time, ends: Time) {
        self.mark(node, |floors| {
            if floors.lease.is_none_or(|held| seq >= held.seq) {
                floors.lease = Some(LeaseFloor { seq, since, ends });
            }
        });
    }

    /// Marks that a node withdrew everything it had said up to `seq`.
    pub(super) fn withdraw_node(&mut self, node: NodeId, seq: Seq, now: Time) -> Heard {
        let floor = self.nodes.get(&node).and_then(|floors| floors.node);
        if let Some(floor) = floor.filter(|floor| seq <= floor.seq) {
            return floor.heard(seq, now);
        }
        self.end_node(node, seq, now, Time::default());
        self.mark(node, |floors| floors.node = Some(Floor { seq, since: now }));
        Heard::News
    }

    /// Marks that a node withdrew what it had said of an instance up to `seq`.
    pub(super) fn withdraw_instance(&mut self, node: NodeId, instance: InstanceId, seq: Seq, now: Time) -> Heard {
        if let Some(floor) = self.floor_of(&node, instance).filter(|floor| seq <= floor.seq) {
            return floor.heard(seq, now);
        }
        let limit = self.instances_per_node;
        self.mark(node, |floors| {
            if let Some(old) = floors.instances.insert(instance, Floor { seq, since: now }) {
                floors.by_seq.remove(&(old.seq, instance));
            }
            floors.by_seq.insert((seq, instance));
            while floors.instances.len() > limit
                && let Some((_, lowest)) = floors.by_seq.pop_first()
            {
                floors.instances.remove(&lowest);
            }
        });
        Heard::News
    }

    /// Changes a node's floors, then forgets the oldest ones if they are too many.
    fn mark(&mut self, node: NodeId, change: impl FnOnce(&mut NodeFloors)) {
        self.turn += 1;
        let floors = self.nodes.entry(node).or_default();
        let before = floors.weight();
        self.order.remove(&(floors.turn, node));
        floors.turn = self.turn;
        self.order.insert((self.turn, node));
        change(floors);
        // A node that was not there before has weight 0 before its first mark (turn 0).
        self.count = (self.count + floors.weight()).saturating_sub(before);
        while self.count > self.limit
            && let Some((_, oldest)) = self.order.pop_first()
        {
            let weight = self.nodes.remove(&oldest).map_or(0, |floors| floors.weight());
            self.count = self.count.saturating_sub(weight);
        }
    }
}

impl NodeFloors {
    fn weight(&self) -> usize {
        usize::from(self.turn > 0) + self.instances.len()
    }
}
