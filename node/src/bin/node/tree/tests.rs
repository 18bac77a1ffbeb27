use atoll_protocol::identity::NodeId;

use super::*;

fn node(key: u8, rtt_ms: Option<f64>, services: &[&str], peers: Vec<GraphNode>) -> GraphNode {
    let services = services.iter().map(|name| name.parse().unwrap()).collect();
    let (node, path) = (NodeId::from_public_key([key; 32]), Some("direct".to_owned()));
    GraphNode { node, services, rtt_ms, path, claimed: false, links: vec![], claims: vec![], peers }
}

fn short(key: u8) -> String {
    NodeId::from_public_key([key; 32]).short()
}

#[test]
fn a_node_alone_is_one_line() {
    assert_eq!(draw(&node(1, None, &["system"], vec![])), format!("{}  this node  system", short(1)));
}

#[test]
fn what_is_unusual_about_a_connection_is_said() {
    let relayed = GraphNode { path: Some("relayed".to_owned()), ..node(2, Some(80.0), &["system"], vec![]) };
    let claimed = GraphNode { claimed: true, ..node(3, None, &[], vec![]) };
    let expected = [
        format!("{}  this node", short(1)),
        format!("├─ {}  80.0 ms  relayed  system", short(2)),
        format!("└─ {}  claimed", short(3)),
    ];
    assert_eq!(draw(&node(1, None, &[], vec![relayed, claimed])), expected.join("\n"));
}

#[test]
fn branches_hang_below_their_node() {
    let root = node(
        1,
        None,
        &["system"],
        vec![
            node(
                2,
                Some(1.234),
                &["math.calc", "system"],
                vec![node(3, None, &[], vec![]), node(4, Some(30.0), &[], vec![])],
            ),
            node(5, Some(210.9), &[], vec![node(6, None, &["system"], vec![])]),
        ],
    );
    let expected = [
        format!("{}  this node  system", short(1)),
        format!("├─ {}  1.23 ms  math.calc, system", short(2)),
        format!("│  ├─ {}", short(3)),
        format!("│  └─ {}  30.0 ms", short(4)),
        format!("└─ {}  211 ms", short(5)),
        format!("   └─ {}  system", short(6)),
    ];
    assert_eq!(draw(&root), expected.join("\n"));
}
