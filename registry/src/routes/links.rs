//! Which links there are, and how certain that is.
//!
//! A link between two other nodes counts where *both* say that it is there: one alone could invent links of others. What only one
//! end says is a claim, told apart everywhere and never part of a route. Of its own links this node knows itself. A measured
//! round trip is the larger one of what the two ends say, so that whoever lies about it only makes its own links look worse.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour},
    identity::NodeId,
};

use super::{Link, LinkState};
use crate::time::Time;

/// One link, seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The other end.
    pub to: NodeId,
    /// The measured round trip.
    pub rtt: Option<Duration>,
    /// Whether the bytes pass through a relay.
    pub relayed: bool,
    /// Whether both ends say so, or this node is one of them; else it is a claim.
    pub proved: bool,
    /// Until when that is good; [`Time::NEVER`] for this node's own links, which end when they do.
    pub expires: Time,
}

/// The links that a node knows of: made by [`LinkState::links`].
#[derive(Debug)]
pub struct Links<'a> {
    table: &'a LinkState,
    own: BTreeMap<NodeId, Link>,
    now: Time,
}

impl<'a> Links<'a> {
    pub(super) fn new(table: &'a LinkState, own: &[Link], now: Time) -> Self {
        Self { table, own: super::best(own.iter().copied()), now }
    }

    /// The node whose links these are, in the middle.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.table.me()
    }

    /// This node's own link to `peer`.
    #[must_use]
    pub fn own(&self, peer: &NodeId) -> Option<&Link> {
        self.own.get(peer)
    }

    /// The links of one node, in the order of their other ends. Of this node: its connections. Of others: what they say; links
    /// that others say to have with this node and it does not have are left out.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> Vec<Edge> {
        let me = self.table.me();
        if *node == me {
            return self.own.values().map(own_edge).collect();
        }
        let Some((said, expires)) = self.said(node) else {
            return self.own.get(node).map(|link| Edge { to: me, ..own_edge(link) }).into_iter().collect();
        };
        let mut edges: Vec<Edge> =
            said.neighbours.iter().filter_map(|neighbour| self.edge(node, neighbour, expires)).collect();
        if let Some(link) = self.own.get(node) {
            edges.push(Edge { to: me, ..own_edge(link) });
            edges.sort_by_key(|edge| edge.to);
        }
        edges
    }

    /// All nodes within so many hops of `centre`, over links that are proved, the nearest first and itself before them; at most
    /// `most`.
    #[must_use]
    pub fn around(&self, centre: NodeId, hops: u8, most: usize) -> Vec<NodeId> {
        let mut seen = BTreeSet::from([centre]);
        let mut all = vec![centre];
        let mut from = 0;
        for _ in 0..hops {
            let ring = all.get(from..).unwrap_or_default().to_vec();
            from = all.len();
            for node in ring {
                for edge in self.of(&node).into_iter().filter(|edge| edge.proved) {
                    if all.len() >= most {
                        return all;
                    }
                    if seen.insert(edge.to) {
                        all.push(edge.to);
                    }
                }
            }
        }
        all
    }

    /// What `node` says, if that is held.
    fn said(&self, node: &NodeId) -> Option<(&Adjacency, Time)> {
        self.table.adjacency(node, self.now).map(|(said, expires)| (said.value(), expires))
    }

    /// The link that `node` says to have with its `neighbour`, neither of which is this node.
    fn edge(&self, node: &NodeId, neighbour: &Neighbour, expires: Time) -> Option<Edge> {
        let to = neighbour.node;
        if to == self.table.me() {
            return None;
        }
        let here = Edge { to, rtt: measured(neighbour), relayed: neighbour.relayed, proved: false, expires };
        let there = self.said(&to).and_then(|(said, until)| Some((said.neighbour(node)?, until)));
        Some(match there {
            None => here,
            Some((there, until)) => Edge {
                to,
                // `None` is less than any measurement.
                rtt: here.rtt.max(measured(there)),
                relayed: here.relayed || there.relayed,
                proved: true,
                expires: expires.min(until),
            },
        })
    }
}

fn own_edge(link: &Link) -> Edge {
    let relayed = link.relayed_by.is_some();
    Edge { to: link.peer, rtt: link.rtt, relayed, proved: true, expires: Time::NEVER }
}

fn measured(neighbour: &Neighbour) -> Option<Duration> {
    neighbour.rtt_us.map(|rtt| Duration::from_micros(rtt.into()))
}
