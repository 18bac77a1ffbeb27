//! The cheapest ways through the links that are known.
//!
//! Hops are bounded, so this is Bellman and Ford's algorithm ring by ring (R. Bellman, On a routing problem, 1958): what can be
//! reached with so many hops, and not more cheaply with fewer. Every link costs something, so a cheapest way never comes to
//! a node twice.

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::identity::NodeId;

use super::links::{Edge, Links};
use crate::time::Time;

/// The longest way, in hops. A link through a relay is two.
pub const HOP_LIMIT: u32 = 8;
/// What a link is taken to cost that nobody has measured: a round trip across a continent.
pub const UNMEASURED: Duration = Duration::from_millis(100);

/// A way to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The nodes on it, this node left out, the one that it leads to last.
    pub nodes: Vec<NodeId>,
    /// The sum of the round trips.
    pub metric: Duration,
    /// Its length; at most [`HOP_LIMIT`].
    pub hops: u32,
    /// When the first of its links is no longer good.
    pub expires: Time,
}

/// How a node is reached with a number of hops.
#[derive(Debug, Clone, Copy)]
struct Step {
    metric: Duration,
    /// The node before it, and with how many hops that is reached.
    from: Option<(NodeId, u32)>,
    expires: Time,
}

/// The cheapest ways from one node: see the [module docs](self).
#[derive(Debug)]
pub struct Paths {
    me: NodeId,
    /// By hops: what was reached more cheaply than with fewer.
    rings: Vec<BTreeMap<NodeId, Step>>,
    /// How many hops the cheapest way to each node has.
    best: BTreeMap<NodeId, (Duration, u32)>,
}

impl Paths {
    /// All cheapest ways from the node whose links these are, over links that are proved.
    #[must_use]
    pub fn from(links: &Links<'_>) -> Self {
        let me = links.me();
        let start = Step { metric: Duration::ZERO, from: None, expires: Time::NEVER };
        let mut paths = Self { me, rings: vec![BTreeMap::from([(me, start)])], best: BTreeMap::new() };
        paths.rings.resize_with(HOP_LIMIT as usize + 1, BTreeMap::new);
        for hops in 0..=HOP_LIMIT {
            for (node, step) in paths.settle(hops) {
                for edge in links.of(&node).into_iter().filter(|edge| edge.proved) {
                    paths.extend((node, hops), step, &edge);
                }
            }
        }
        paths
    }

    /// The cheapest way to `node`; `None` if none is known.
    #[must_use]
    pub fn to(&self, node: &NodeId) -> Option<Path> {
        let (metric, hops) = *self.best.get(node)?;
        let (mut nodes, mut at, mut ring) = (Vec::new(), *node, hops);
        let mut expires = Time::NEVER;
        // Each step leads to a ring further in, so this ends.
        while let Some(step) = self.rings.get(ring as usize).and_then(|steps| steps.get(&at)) {
            expires = expires.min(step.expires);
            let Some((before, nearer)) = step.from else { break };
            nodes.push(at);
            (at, ring) = (before, nearer);
        }
        nodes.reverse();
        (at == self.me && !nodes.is_empty()).then_some(Path { nodes, metric, hops, expires })
    }

    /// Drops from a ring what is reached as cheaply with fewer hops, and gives the rest.
    fn settle(&mut self, hops: u32) -> Vec<(NodeId, Step)> {
        let Some(steps) = self.rings.get_mut(hops as usize) else { return Vec::new() };
        let best = &mut self.best;
        steps.retain(|node, step| {
            let cheaper = best.get(node).is_none_or(|(held, _)| step.metric < *held);
            if cheaper {
                best.insert(*node, (step.metric, hops));
            }
            cheaper
        });
        steps.iter().map(|(node, step)| (*node, *step)).collect()
    }

    fn extend(&mut self, (from, hops): (NodeId, u32), step: Step, edge: &Edge) {
        let reached = hops + if edge.relayed { 2 } else { 1 };
        let cost = edge.rtt.unwrap_or(UNMEASURED).max(Duration::from_micros(1));
        let metric = step.metric.saturating_add(cost);
        let next = Step { metric, from: Some((from, hops)), expires: edge.expires };
        let cheaper = self.best.get(&edge.to).is_none_or(|(held, _)| metric < *held);
        let Some(ring) = self.rings.get_mut(reached as usize).filter(|_| cheaper && edge.to != self.me) else { return };
        let held = ring.entry(edge.to).or_insert(next);
        if next.metric < held.metric {
            *held = next;
        }
    }
}
