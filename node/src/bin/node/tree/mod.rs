//! The network as a drawn tree.

use atoll_node::{cli::text::printable, control::api::GraphNode};

use crate::units::rtt;

#[cfg(test)]
mod tests;

/// Draws the network as seen from `root`, one node a line: id, round trip from the node above, what is unusual about
/// that connection, services.
pub(crate) fn draw(root: &GraphNode) -> String {
    let mut lines = vec![label(root, true)];
    branches(&root.peers, "", &mut lines);
    lines.join("\n")
}

fn branches(peers: &[GraphNode], indent: &str, lines: &mut Vec<String>) {
    let last = peers.len().saturating_sub(1);
    for (index, peer) in peers.iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(format!("{indent}{branch}{}", label(peer, false)));
        branches(&peer.peers, &format!("{indent}{below}"), lines);
    }
}

fn label(node: &GraphNode, root: bool) -> String {
    let mut parts = vec![node.node.short()];
    if root {
        parts.push("this node".to_owned());
    } else if node.rtt_ms.is_some() {
        parts.push(format!("{} ms", rtt(node.rtt_ms)));
    }
    if node.path.as_deref() == Some("relayed") {
        parts.push("relayed".to_owned());
    }
    if node.claimed {
        parts.push("claimed".to_owned());
    }
    if !node.services.is_empty() {
        let names: Vec<_> = node.services.iter().map(|name| printable(name.as_str())).collect();
        parts.push(names.join(", "));
    }
    parts.join("  ")
}
