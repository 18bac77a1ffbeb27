use std::time::Duration;

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour},
    identity::SecretKey,
    sealed::Signed,
    service::{Extensions, Seq, UnixMillis},
};
use atoll_registry::{
    routes::{Link, LinkState},
    time::Time,
};

use super::*;

const NOW: Time = Time(0);

fn key(key: u16) -> SecretKey {
    let mut seed = [9; 32];
    seed[..2].copy_from_slice(&key.to_le_bytes());
    SecretKey::from_seed(&seed)
}

fn id(number: u16) -> NodeId {
    key(number).node_id()
}

/// What node 1 knows of a network.
struct Known {
    map: LinkState,
    own: Vec<Link>,
}

impl Known {
    /// Who says to be connected to whom.
    fn of(said: BTreeMap<u16, BTreeSet<u16>>) -> Self {
        let mut known = Self { map: LinkState::new(id(1)), own: Vec::new() };
        for (author, peers) in said {
            if author == 1 {
                let link = |peer: &u16| Link { peer: id(*peer), relayed_by: None, rtt: None };
                known.own = peers.iter().map(link).collect();
                continue;
            }
            let told = |peer: &u16| Neighbour { node: id(*peer), rtt_us: None, relayed: false };
            let mut neighbours: Vec<Neighbour> = peers.iter().map(told).collect();
            neighbours.sort_by_key(|neighbour| neighbour.node);
            let (issued, extensions) = (UnixMillis(0), Extensions::new());
            let said = Adjacency { seq: Seq(1), issued, ttl_secs: 60, neighbours, extensions };
            let said = Signed::seal(&key(author), &crate::testing::network(), said).unwrap();
            known.map.learn(said, Duration::from_secs(60), id(author), NOW, issued);
        }
        known
    }

    fn tree(&self, radius: u32) -> GraphNode {
        tree(&self.map.links(&self.own, NOW), radius, &BTreeMap::new())
    }
}

/// Connections, each named by both ends.
fn connected(pairs: &[(u16, u16)]) -> BTreeMap<u16, BTreeSet<u16>> {
    let mut said: BTreeMap<u16, BTreeSet<u16>> = BTreeMap::new();
    for (a, b) in pairs.iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
        said.entry(*a).or_default().insert(*b);
    }
    said
}

/// A tree as `node[links]{claims}(peers)`, with a question mark after what is only claimed.
fn drawn(node: &GraphNode) -> String {
    let number = |node: &NodeId| (0..50).find(|key| id(*key) == *node).unwrap().to_string();
    let mut text = number(&node.node);
    if node.claimed {
        text.push('?');
    }
    for (others, open, close) in [(&node.links, '[', ']'), (&node.claims, '{', '}')] {
        let mut others: Vec<_> = others.iter().map(number).collect();
        others.sort();
        if !others.is_empty() {
            text.push_str(&format!("{open}{}{close}", others.join(",")));
        }
    }
    if !node.peers.is_empty() {
        let mut peers: Vec<_> = node.peers.iter().map(drawn).collect();
        peers.sort();
        text.push_str(&format!("({})", peers.join(",")));
    }
    text
}

fn around_1(radius: u32, pairs: &[(u16, u16)]) -> String {
    drawn(&Known::of(connected(pairs)).tree(radius))
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
    let triangle = around_1(3, &[(1, 2), (1, 3), (2, 3)]);
    assert!(["1(2,3[2])", "1(2[3],3)"].contains(&triangle.as_str()), "{triangle}");
    let diamond = around_1(3, &[(1, 2), (1, 3), (2, 4), (3, 4)]);
    let either = ["1(2(4),3[4])", "1(2(4[3]),3)", "1(2,3(4[2]))", "1(2[4],3(4))"];
    assert!(either.contains(&diamond.as_str()), "{diamond}");
    let diamond = around_1(1, &[(1, 2), (1, 3), (2, 4), (3, 4)]);
    assert_eq!(diamond, "1(2,3)", "links lead only to what is shown");
}

#[test]
fn what_only_one_end_says_is_marked_and_leads_nowhere() {
    // 2 names 5 and 6, which do not name it; 6 is known from elsewhere. 7 would lie behind 5.
    let mut said = connected(&[(1, 2), (1, 3), (3, 6), (5, 7)]);
    said.get_mut(&2).unwrap().extend([5, 6]);
    let known = Known::of(said);
    assert_eq!(drawn(&known.tree(3)), "1(2{6}(5?),3(6))");
    assert_eq!(drawn(&known.tree(1)), "1(2,3)", "claims end at the radius, too");
}

#[test]
fn what_others_say_of_this_node_does_not_count() {
    let mut said = connected(&[(1, 2), (2, 3)]);
    said.get_mut(&3).unwrap().insert(1);
    assert_eq!(drawn(&Known::of(said).tree(3)), "1(2(3))");
}

#[test]
fn a_graph_has_an_end() {
    let mut said = BTreeMap::from([(1, (1000..1060).collect::<BTreeSet<u16>>())]);
    for (index, node) in (0..).zip(1000..1060_u16) {
        let mut peers: BTreeSet<u16> = (2000 + index * 200..2000 + index * 200 + 63).collect();
        peers.insert(1);
        for peer in peers.iter().filter(|peer| **peer > 1) {
            // Each of them claims to know three more.
            said.insert(*peer, [node].into_iter().chain(peer * 4..peer * 4 + 3).collect());
        }
        said.insert(node, peers);
    }
    let tree = Known::of(said).tree(3);
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
