use super::*;

fn id(key: u8) -> NodeId {
    NodeId::from_public_key([key; 32])
}

fn node(key: u8, rtt_ms: Option<f64>, services: &[&str], links: &[u8], peers: Vec<GraphNode>) -> GraphNode {
    let services = services.iter().map(|name| name.parse().unwrap()).collect();
    let (links, path) = (links.iter().copied().map(id).collect(), Some("direct".to_owned()));
    GraphNode { node: id(key), services, rtt_ms, path, claimed: false, links, claims: vec![], peers }
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
fn what_only_one_end_claims_is_dashed() {
    let relayed = GraphNode { path: Some("relayed".to_owned()), ..node(2, Some(80.0), &[], &[], vec![]) };
    let claimed = GraphNode { claimed: true, ..node(3, Some(1.0), &[], &[], vec![]) };
    let root = GraphNode { claims: vec![id(4)], ..node(1, None, &[], &[], vec![relayed, claimed]) };
    let text = write(&root);
    let (a, b, c, d) = (id(1), id(2), id(3), id(4));
    for line in [
        format!(r#"  "{a}" -- "{b}" [label="80.0 ms", style=dotted];"#),
        format!(r#"  "{a}" -- "{c}" [label="1.00 ms", style=dashed, color=gray];"#),
        format!(r#"  "{a}" -- "{d}" [style=dashed, color=gray];"#),
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}

#[test]
fn whatever_a_label_says_it_stays_inside_its_quotes() {
    let lines = ["a\"b", "c\\", "\u{1b}[2J", "\\n"].map(str::to_owned);
    assert_eq!(quoted(&lines), "\"a\\\"b\\nc\\\\\\n\u{fffd}[2J\\n\\\\n\"");
}
