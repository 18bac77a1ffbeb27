//! The network in Graphviz's language (DOT, <https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write;

use atoll_node::{cli::text::printable, control::api::GraphNode};

use crate::units::rtt;

#[cfg(test)]
mod tests;

/// Services that a node's label names before it counts the rest.
const NAMED: usize = 5;

/// An undirected graph of everything below `root`: nodes are named by their full id, and labelled for people.
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
        let label = match peer.rtt_ms {
            Some(_) => format!(" [label={}]", quoted(&[format!("{} ms", rtt(peer.rtt_ms))])),
            None => String::new(),
        };
        line(text, &format!("{id} -- {}{label}", quoted(&[peer.node.to_string()])));
    }
    for other in &node.links {
        line(text, &format!("{id} -- {}", quoted(&[other.to_string()])));
    }
    node.peers.iter().for_each(|peer| edges(peer, text));
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
