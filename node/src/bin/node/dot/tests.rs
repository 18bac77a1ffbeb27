use atoll_protocol::identity::NodeId;

use super::*;

fn id(key: u8) -> NodeId {
    NodeId::from_public_key([key; 32])
}

fn node(key: u8, rtt_ms: Option<f64>, services: &[&str], links: &[u8], peers: Vec<GraphNode>) -> GraphNode {
    let services = services.iter().map(|name| name.parse().unwrap()).collect();
    GraphNode { node: id(key), services, rtt_ms, links: links.iter().copied().map(id).collect(), peers }
}

#[test]
fn nodes_and_connections_are_statements() {
    let root = node(
        1,
        None,
        &["system"],
        &[],
        vec![
            node(2, Some(1.25), &["a", "b", "c", "d", "e", "f", "g"], &[3], vec![node(4, None, &[], &[], vec![])]),
            node(3, Some(20.0), &[], &[], vec![]),
        ],
    );
    let (a, b, c, d) = (id(1), id(2), id(3), id(4));
    let expected = format!(
        r#"graph atoll {{
  node [shape=box, style=rounded];
  "{a}" [label="{} (this node)\nsystem", penwidth=2];
  "{b}" [label="{}\na\nb\nc\nd\ne\n+2"];
  "{d}" [label="{}"];
  "{c}" [label="{}"];
  "{a}" -- "{b}" [label="1.25 ms"];
  "{a}" -- "{c}" [label="20.0 ms"];
  "{b}" -- "{d}";
  "{b}" -- "{c}";
}}"#,
        a.short(),
        b.short(),
        d.short(),
        c.short()
    );
    assert_eq!(write(&root), expected);
}

#[test]
fn whatever_a_label_says_it_stays_inside_its_quotes() {
    let lines = ["a\"b", "c\\", "\u{1b}[2J", "\\n"].map(str::to_owned);
    assert_eq!(quoted(&lines), "\"a\\\"b\\nc\\\\\\n\u{fffd}[2J\\n\\\\n\"");
}
