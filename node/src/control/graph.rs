//! `/v1/graph`: who is connected to whom, as far as this node knows.
//!
//! What is known comes from what nodes say of themselves, signed (`atoll_registry::routes`), and is brought up to date when somebody
//! looks. [`tree`] lays it out around this node.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{identity::NodeId, names::ServiceName};
use atoll_registry::routes::{Edge, Links};
use axum::{Json, extract::RawQuery, http::StatusCode};

use super::{
    api::{GRAPH_RADIUS, GRAPH_RADIUS_MAX, GraphNode},
    as_millis, report as reports,
    routes::{Answer, Failure, Shared, node},
};
use crate::node::Inner;

#[cfg(test)]
mod tests;

/// Nodes that a graph has at most.
const NODES: usize = 10_000;

pub(super) async fn graph(state: Shared, RawQuery(query): RawQuery) -> Answer<GraphNode> {
    let refused = |reason| Failure(StatusCode::BAD_REQUEST, reason);
    let radius = radius(query.as_deref().unwrap_or_default()).map_err(refused)?;
    report(&*node(&state)?, radius).await.map(Json).map_err(refused)
}

/// What lies around this node, so many hops far.
///
/// # Errors
/// In words, if that is too far.
pub(crate) async fn report(node: &Inner, radius: u32) -> Result<GraphNode, String> {
    let radius = bounded(radius)?;
    // What lies at the radius tells itself of the last links.
    node.rpc.directory.look(u8::try_from(radius.saturating_sub(1)).unwrap_or(u8::MAX)).await;
    let services = reports::services_by_node(node);
    Ok(node.rpc.directory.with_links(|links| tree(links, radius, &services)))
}

/// The radius in the address, or the usual one.
fn radius(query: &str) -> Result<u32, String> {
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("radius=")) else { return Ok(GRAPH_RADIUS) };
    bounded(text.parse().map_err(|_| no_radius(text))?)
}

fn bounded(radius: u32) -> Result<u32, String> {
    if (1..=GRAPH_RADIUS_MAX).contains(&radius) { Ok(radius) } else { Err(no_radius(&radius.to_string())) }
}

fn no_radius(text: &str) -> String {
    format!("radius is {text:?}; it takes a number of hops from 1 to {GRAPH_RADIUS_MAX}")
}

/// What lies around the node whose links these are, `radius` hops far: each node once, below the first of its neighbours that is
/// nearest. Nodes that only a claim leads to come last and have nothing below them. Further connections between nodes of the tree
/// are told with one of their ends.
fn tree(links: &Links<'_>, radius: u32, services: &BTreeMap<NodeId, Vec<ServiceName>>) -> GraphNode {
    let me = links.me();
    let mut layout = Layout { services, below: BTreeMap::new(), links: BTreeMap::new(), claims: BTreeMap::new() };
    let mut placed = BTreeSet::from([me]);
    let mut above: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let (mut inner, mut ring) = (Vec::new(), vec![me]);
    for _ in 0..radius {
        let mut next = Vec::new();
        for node in &ring {
            for edge in links.of(node).into_iter().filter(|edge| edge.proved) {
                if placed.len() < NODES && placed.insert(edge.to) {
                    above.insert(edge.to, *node);
                    layout.below.entry(*node).or_default().push(edge);
                    next.push(edge.to);
                }
            }
        }
        inner.append(&mut ring);
        ring = next;
    }
    let proved: Vec<NodeId> = placed.iter().copied().collect();
    for node in inner {
        for edge in links.of(&node).into_iter().filter(|edge| !edge.proved) {
            if placed.len() < NODES && placed.insert(edge.to) {
                above.insert(edge.to, node);
                layout.below.entry(node).or_default().push(edge);
            }
        }
    }
    for node in proved {
        for edge in links.of(&node).into_iter().filter(|edge| placed.contains(&edge.to)) {
            let in_tree = above.get(&edge.to) == Some(&node) || above.get(&node) == Some(&edge.to);
            if in_tree {
                continue;
            }
            // Where both ends name it, the first one tells of it.
            let (of, with, to) = if edge.proved {
                (&mut layout.links, node.min(edge.to), node.max(edge.to))
            } else {
                (&mut layout.claims, node, edge.to)
            };
            of.entry(with).or_default().insert(to);
        }
    }
    layout.node(me, None)
}

struct Layout<'a> {
    services: &'a BTreeMap<NodeId, Vec<ServiceName>>,
    /// What hangs below each node in the tree.
    below: BTreeMap<NodeId, Vec<Edge>>,
    links: BTreeMap<NodeId, BTreeSet<NodeId>>,
    claims: BTreeMap<NodeId, BTreeSet<NodeId>>,
}

impl Layout<'_> {
    /// A node and what hangs below it: no deeper than the radius, which has a bound.
    fn node(&mut self, node: NodeId, edge: Option<Edge>) -> GraphNode {
        let below = self.below.remove(&node).unwrap_or_default();
        GraphNode {
            node,
            services: self.services.get(&node).cloned().unwrap_or_default(),
            rtt_ms: edge.and_then(|edge| edge.rtt).map(as_millis),
            path: edge.map(|edge| if edge.relayed { "relayed" } else { "direct" }.to_owned()),
            claimed: edge.is_some_and(|edge| !edge.proved),
            links: self.links.remove(&node).unwrap_or_default().into_iter().collect(),
            claims: self.claims.remove(&node).unwrap_or_default().into_iter().collect(),
            peers: below.into_iter().map(|edge| self.node(edge.to, Some(edge))).collect(),
        }
    }
}
