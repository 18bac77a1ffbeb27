//! `/v1/graph`: who is connected to whom, as far as this node knows.
//!
//! What is known is an [`Adjacency`]; [`tree`] lays it out around this node. Today it is asked for: this node's own
//! connections, and those that its neighbours name when they are asked.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{identity::NodeId, names::ServiceName};
use axum::{Json, extract::RawQuery, http::StatusCode};
use tokio::time::{Duration, timeout};

use super::{
    api::{GRAPH_RADIUS, GRAPH_RADIUS_MAX, GraphNode},
    as_millis, report,
    routes::{Answer, Failure, Shared, node},
};
use crate::{
    Client,
    node::Inner,
    system::{self, Info},
};

#[cfg(test)]
mod tests;

/// How long a neighbour has to name its own neighbours.
const PATIENCE: Duration = Duration::from_secs(1);
/// Neighbours of one node that are taken into account.
const DEGREE: usize = 1024;
/// Nodes that a graph has at most.
const NODES: usize = 10_000;

/// Who says to be connected to whom, with the round trip that it has measured.
type Adjacency = BTreeMap<NodeId, BTreeMap<NodeId, Option<f64>>>;

pub(super) async fn graph(state: Shared, RawQuery(query): RawQuery) -> Answer<GraphNode> {
    let radius = radius(query.as_deref().unwrap_or_default()).map_err(|r| Failure(StatusCode::BAD_REQUEST, r))?;
    let node = node(&state)?;
    let adjacency = adjacency(&node, radius).await;
    Ok(Json(tree(node.net().me, radius, &adjacency, &report::services_by_node(&node))))
}

/// The radius in the address, or the usual one.
fn radius(query: &str) -> Result<u32, String> {
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("radius=")) else { return Ok(GRAPH_RADIUS) };
    match text.parse() {
        Ok(radius) if (1..=GRAPH_RADIUS_MAX).contains(&radius) => Ok(radius),
        _ => Err(format!("radius is {text:?}; it takes a number of hops from 1 to {GRAPH_RADIUS_MAX}")),
    }
}

/// This node's connections, and those of its neighbours, each of which is asked.
async fn adjacency(node: &Inner, radius: u32) -> Adjacency {
    let connections = &node.net().connections;
    let near = connections.peers();
    let rtt = |peer: &NodeId| connections.best(peer).and_then(|c| c.rtt()).map(as_millis);
    let mut adjacency = Adjacency::from([(node.net().me, near.iter().map(|peer| (*peer, rtt(peer))).collect())]);
    if radius > 1 {
        let answers = near.iter().map(async |peer| (*peer, neighbours_of(node, *peer).await));
        adjacency.extend(futures::future::join_all(answers).await);
    }
    adjacency
}

/// Whom a neighbour is connected to; nobody, if it does not say so in time.
async fn neighbours_of(node: &Inner, peer: NodeId) -> BTreeMap<NodeId, Option<f64>> {
    let Ok(query) = system::NAME.parse() else { return BTreeMap::new() };
    let client = Client::new(std::sync::Arc::clone(&node.rpc), query);
    let call = client.call::<_, Info>("info", &()).peer(peer).deadline(PATIENCE);
    let Ok(Ok(info)) = timeout(PATIENCE, call.into_future()).await else { return BTreeMap::new() };
    info.peers.into_iter().take(DEGREE).filter_map(|p| Some((p.node.parse().ok()?, p.rtt_ms))).collect()
}

/// What lies around `me`, `radius` hops far: each node once, below the first of its neighbours that is nearest to `me`. Further
/// connections between nodes of the tree are told with one of their ends.
fn tree(me: NodeId, radius: u32, adjacency: &Adjacency, services: &BTreeMap<NodeId, Vec<ServiceName>>) -> GraphNode {
    let mut above: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let mut below: BTreeMap<NodeId, Vec<(NodeId, Option<f64>)>> = BTreeMap::new();
    let mut placed = BTreeSet::from([me]);
    let mut ring = vec![me];
    for _ in 0..radius {
        let mut next = Vec::new();
        for node in ring {
            for (peer, rtt_ms) in adjacency.get(&node).into_iter().flatten() {
                if placed.len() < NODES && placed.insert(*peer) {
                    above.insert(*peer, node);
                    below.entry(node).or_default().push((*peer, *rtt_ms));
                    next.push(*peer);
                }
            }
        }
        ring = next;
    }
    // Of two nodes that both name the connection, the first one tells of it.
    let mut links: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for (node, peers) in adjacency.iter().filter(|(node, _)| placed.contains(node)) {
        for peer in peers.keys().filter(|peer| placed.contains(peer) && *peer != node) {
            let in_tree = above.get(peer) == Some(node) || above.get(node) == Some(peer);
            if !in_tree {
                links.entry(*node.min(peer)).or_default().insert(*node.max(peer));
            }
        }
    }
    Layout { below, links, services }.node(me, None)
}

struct Layout<'a> {
    below: BTreeMap<NodeId, Vec<(NodeId, Option<f64>)>>,
    links: BTreeMap<NodeId, BTreeSet<NodeId>>,
    services: &'a BTreeMap<NodeId, Vec<ServiceName>>,
}

impl Layout<'_> {
    /// A node and what hangs below it: no deeper than the radius, which has a bound.
    fn node(&mut self, node: NodeId, rtt_ms: Option<f64>) -> GraphNode {
        let below = self.below.remove(&node).unwrap_or_default();
        GraphNode {
            node,
            services: self.services.get(&node).cloned().unwrap_or_default(),
            rtt_ms,
            links: self.links.remove(&node).unwrap_or_default().into_iter().collect(),
            peers: below.into_iter().map(|(peer, rtt_ms)| self.node(peer, rtt_ms)).collect(),
        }
    }
}
