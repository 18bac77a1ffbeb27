//! Nodes inside the test itself, as a Rust program embeds them.

use anyhow::{Context, Result};
use atoll_node::{Multiaddr, Node};
use tokio::time::timeout;

use crate::{node::LOOPBACK, wait::PATIENCE};

/// A node that has joined through `bootstrap`, with its state in memory.
///
/// # Errors
/// If it cannot be started or does not join within [`PATIENCE`].
pub async fn join(bootstrap: &Multiaddr) -> Result<Node> {
    let listen: Multiaddr = LOOPBACK.parse()?;
    let node = Node::builder().listen([listen]).mdns(false).bootstrap([bootstrap.clone()]).spawn().await?;
    timeout(PATIENCE, node.joined()).await.with_context(|| format!("not joined within {PATIENCE:?}"))?;
    Ok(node)
}

/// Whether a node lists a service.
#[must_use]
pub fn lists(node: &Node, service: &str) -> bool {
    node.services().iter().any(|instance| instance.record.value().name.as_str() == service)
}
