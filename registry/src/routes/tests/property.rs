//! Of any network: no way is too long, comes to a node twice, takes a link that is only claimed, or is dearer than it must be.

use std::collections::BTreeSet;

use proptest::{collection, prelude::*};

use super::*;

/// What nodes 2 to 9 say, how long it lasts, and the links of node 1.
type Said = (Vec<(u8, Vec<(u8, u32)>, u64)>, Vec<(u8, u64)>);

fn network() -> impl Strategy<Value = Said> {
    let links =
        collection::btree_map(1..=9_u8, 0..50_u32, 0..6).prop_map(|links| links.into_iter().collect::<Vec<_>>());
    let said = (2..=9_u8, links, 1..120_u64).prop_map(|(author, mut links, secs)| {
        links.retain(|(peer, _)| *peer != author);
        (author, links, secs)
    });
    (
        collection::vec(said, 0..12),
        collection::btree_map(2..=9_u8, 1..50_u64, 0..4).prop_map(|own| own.into_iter().collect()),
    )
}

/// Who says so, to whom it is connected and how far away those are, and for how many seconds it is believed.
type Told = (u8, Vec<(u8, u32)>, u64);

fn tabled(said: &[Told]) -> LinkState {
    let mut table = LinkState::new(id(1));
    for (seq, (author, links, secs)) in (1..).zip(said) {
        table.learn(says(*author, seq, links), Duration::from_secs(*secs), id(*author), Time(0), WALL);
    }
    table
}

/// The cheapest way by trying all of them.
fn cheapest(links: &Links<'_>, at: NodeId, to: NodeId, hops: u32, seen: &mut BTreeSet<NodeId>) -> Option<Duration> {
    if at == to {
        return Some(Duration::ZERO);
    }
    if hops == 0 {
        return None;
    }
    let mut best: Option<Duration> = None;
    for edge in links.of(&at).into_iter().filter(|edge| edge.proved) {
        if seen.insert(edge.to) {
            let rest = cheapest(links, edge.to, to, hops - 1, seen);
            let cost = rest.map(|rest| rest + edge.rtt.unwrap_or(UNMEASURED));
            best = [best, cost].into_iter().flatten().min();
            seen.remove(&edge.to);
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn ways_are_short_simple_proved_and_cheapest((said, own) in network(), now in 0..130_000_u64) {
        let table = tabled(&said);
        let own: Vec<Link> = own.iter().map(|(peer, ms)| link(*peer, None, Some(*ms))).collect();
        let links = links_of(&table, &own, now);
        let paths = Paths::from(&links);
        for node in (2..=9).map(id) {
            let best = cheapest(&links, id(1), node, HOP_LIMIT, &mut BTreeSet::from([id(1)]));
            let Some(path) = paths.to(&node) else {
                prop_assert_eq!(best, None);
                continue;
            };
            prop_assert_eq!(Some(path.metric), best);
            prop_assert!(path.hops <= HOP_LIMIT && path.hops as usize == path.nodes.len());
            prop_assert_eq!(path.nodes.last(), Some(&node));
            let distinct: BTreeSet<_> = path.nodes.iter().filter(|node| **node != id(1)).collect();
            prop_assert_eq!(distinct.len(), path.nodes.len());
            let (mut at, mut ends) = (id(1), Time::NEVER);
            for next in &path.nodes {
                let edge = links.of(&at).into_iter().find(|edge| edge.to == *next).unwrap();
                prop_assert!(edge.proved);
                (at, ends) = (*next, ends.min(edge.expires));
            }
            prop_assert!(ends == path.expires && path.expires > Time(now));
        }
    }

    #[test]
    fn both_ends_see_the_same_link((said, _) in network(), now in 0..130_000_u64) {
        let table = tabled(&said);
        let links = links_of(&table, &[], now);
        for node in (2..=9).map(id) {
            for edge in links.of(&node).into_iter().filter(|edge| edge.proved) {
                let back = links.of(&edge.to).into_iter().find(|back| back.to == node);
                prop_assert_eq!(back, Some(Edge { to: node, ..edge }));
            }
        }
    }
}
