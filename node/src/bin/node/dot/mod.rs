//! The network in Graphviz's language (DOT, <https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write;

use atoll_node::{cli::text::printable, control::api::GraphNode};
use atoll_protocol::identity::NodeId;

use crate::units::rtt;

#[cfg(test)]
mod tests;

/// Services that a node's label names before it counts the rest.
const NAMED: usize = 5;
/// What a connection looks like that only one end claims.
const CLAIMED: &str = "style=dashed, color=gray";

/// An undirected graph of everything below `root`: nodes are named by their full id, and labelled for people. Connections that only
/// one end claims are dashed, those through a relay dotted.
pub(crate) fn write(root: &GraphNode) -> String {
    let mut text = String::from("graph atoll {\n  node [shape=box, style=rounded];\n");
    nodes(root, true, &mut text);
    edges(root, &mut text);
    text.push('}');
    text
}

fn nodes(node: &GraphNode, root: bool, text: &mut String) {
    let mut lines = vec![if root { format!("{} (this node)", node.node.short()) } else { node.node.short() }];
    let named = node.services.iter().take(NAMED).map(|name| name.as_str().to_owned());
    lines.extend(named);
    if node.services.len() > NAMED {
        lines.push(format!("+{}", node.services.len() - NAMED));
    }
    let bold = if root { ", penwidth=2" } else { "" };
    line(text, &format!("{} [label={}{bold}]", quoted(&[node.node.to_string()]), quoted(&lines)));
    node.peers.iter().for_each(|peer| nodes(peer, false, text));
}

fn edges(node: &GraphNode, text: &mut String) {
    let id = quoted(&[node.node.to_string()]);
    for peer in &node.peers {
        let label = peer.rtt_ms.map(|_| format!("label={}", quoted(&[format!("{} ms", rtt(peer.rtt_ms))])));
        let style = match peer.path.as_deref() {
            _ if peer.claimed => Some(CLAIMED.to_owned()),
            Some("relayed") => Some("style=dotted".to_owned()),
            _ => None,
        };
        let attributes: Vec<String> = label.into_iter().chain(style).collect();
        edge(text, &id, peer.node, &attributes.join(", "));
    }
    for other in &node.links {
        edge(text, &id, *other, "");
    }
    for other in &node.claims {
        edge(text, &id, *other, CLAIMED);
    }
    node.peers.iter().for_each(|peer| edges(peer, text));
}

fn edge(text: &mut String, from: &str, to: NodeId, attributes: &str) {
    let attributes = if attributes.is_empty() { String::new() } else { format!(" [{attributes}]") };
    line(text, &format!("{from} -- {}{attributes}", quoted(&[to.to_string()])));
}

fn line(text: &mut String, statement: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {statement};");
}

/// Lines as one quoted string, in which a backslash stands before a quote or a backslash that is meant.
fn quoted(lines: &[String]) -> String {
    let escaped = lines.iter().map(|line| printable(line).replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}
