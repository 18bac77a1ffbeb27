use super::*;

fn id(key: u8) -> NodeId {
    NodeId::from_public_key([key; 32])
}

/// Connections, each named by both ends.
fn connected(pairs: &[(u8, u8)]) -> Adjacency {
    let mut adjacency = Adjacency::new();
    for (a, b) in pairs {
        for (from, to) in [(a, b), (b, a)] {
            adjacency.entry(id(*from)).or_default().insert(id(*to), Some(f64::from(*to)));
        }
    }
    adjacency
}

/// A tree as `node[links](peers)`.
fn drawn(node: &GraphNode) -> String {
    let number = |node: &NodeId| (0..=u8::MAX).find(|key| id(*key) == *node).unwrap().to_string();
    let mut text = number(&node.node);
    if !node.links.is_empty() {
        let mut links: Vec<_> = node.links.iter().map(number).collect();
        links.sort();
        text.push_str(&format!("[{}]", links.join(",")));
    }
    if !node.peers.is_empty() {
        let mut peers: Vec<_> = node.peers.iter().map(drawn).collect();
        peers.sort();
        text.push_str(&format!("({})", peers.join(",")));
    }
    text
}

fn around_1(radius: u32, pairs: &[(u8, u8)]) -> String {
    drawn(&tree(id(1), radius, &connected(pairs), &BTreeMap::new()))
}

#[test]
fn a_graph_ends_at_its_radius() {
    let line = [(1, 2), (2, 3), (3, 4), (4, 5)];
    assert_eq!(around_1(1, &line), "1(2)");
    assert_eq!(around_1(3, &line), "1(2(3(4)))");
    assert_eq!(around_1(8, &line), "1(2(3(4(5))))");
    assert_eq!(around_1(3, &[]), "1");
}

#[test]
fn a_node_stands_once_and_other_connections_are_links() {
    let links = |text: String| text.matches('[').count();
    let triangle = around_1(3, &[(1, 2), (1, 3), (2, 3)]);
    assert!(["1(2,3[2])", "1(2[3],3)"].contains(&triangle.as_str()), "{triangle}");
    let diamond = around_1(3, &[(1, 2), (1, 3), (2, 4), (3, 4)]);
    assert_eq!((diamond.matches('4').count(), links(diamond.clone())), (2, 1), "{diamond}");
    let diamond = around_1(1, &[(1, 2), (1, 3), (2, 4), (3, 4)]);
    assert_eq!(diamond, "1(2,3)", "links lead only to what is shown");
}

#[test]
fn what_a_neighbour_says_of_itself_or_of_this_node_is_no_loop() {
    let mut adjacency = connected(&[(1, 2)]);
    adjacency.get_mut(&id(2)).unwrap().insert(id(2), None);
    assert_eq!(drawn(&tree(id(1), 3, &adjacency, &BTreeMap::new())), "1(2)");
}

#[test]
fn a_graph_has_an_end() {
    let many = |range: std::ops::Range<u16>| {
        range.map(|n| {
            let mut key = [9; 32];
            key[..2].copy_from_slice(&n.to_le_bytes());
            (NodeId::from_public_key(key), None)
        })
    };
    let mut adjacency = Adjacency::from([(id(1), many(0..200).collect())]);
    let near: Vec<NodeId> = adjacency[&id(1)].keys().copied().collect();
    for (index, node) in (0..).zip(near) {
        adjacency.insert(node, many(200 + index * 100..300 + index * 100).collect());
    }
    let tree = tree(id(1), 3, &adjacency, &BTreeMap::new());
    fn count(node: &GraphNode) -> usize {
        1 + node.peers.iter().map(count).sum::<usize>()
    }
    assert_eq!(count(&tree), NODES);
}

#[test]
fn a_radius_is_a_small_number() {
    assert_eq!(radius(""), Ok(GRAPH_RADIUS));
    assert_eq!(radius("radius=1"), Ok(1));
    assert_eq!(radius("x=2&radius=8"), Ok(8));
    for bad in ["radius=0", "radius=9", "radius=", "radius=far", "radius=-1", "radius=99999999999"] {
        let said = radius(bad).unwrap_err();
        assert!(said.contains("from 1 to 8"), "{said}");
    }
}
