use atoll_protocol::identity::NodeId;

use super::*;

fn node(key: u8, rtt_ms: Option<f64>, services: &[&str], peers: Vec<GraphNode>) -> GraphNode {
    let services = services.iter().map(|name| name.parse().unwrap()).collect();
    GraphNode { node: NodeId::from_public_key([key; 32]), services, rtt_ms, links: vec![], peers }
}

fn short(key: u8) -> String {
    NodeId::from_public_key([key; 32]).short()
}

#[test]
fn a_node_alone_is_one_line() {
    assert_eq!(draw(&node(1, None, &["system"], vec![])), format!("{}  this node  system", short(1)));
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
