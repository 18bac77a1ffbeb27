//! The cheapest ways.

use super::*;

fn way(links: &[(u8, u8, u32)], to: u8) -> Option<(Vec<u8>, u128, u32)> {
    let own: Vec<Link> = links
        .iter()
        .filter(|(a, _, _)| *a == 1)
        .map(|(_, b, ms)| link(*b, None, Some(u64::from(*ms)).filter(|ms| *ms > 0)))
        .collect();
    let table = table(links);
    let path = Paths::from(&links_of(&table, &own, 0)).to(&id(to))?;
    Some((path.nodes.iter().map(seed).collect(), path.metric.as_millis(), path.hops))
}

#[test]
fn the_sum_of_round_trips_decides() {
    let detour = [(1, 2, 50), (1, 3, 10), (3, 4, 10), (4, 2, 10), (2, 5, 1)];
    assert_eq!(way(&detour, 2), Some((vec![3, 4, 2], 30, 3)));
    assert_eq!(way(&detour, 5), Some((vec![3, 4, 2, 5], 31, 4)));
    assert_eq!(way(&detour, 1), None, "there is no way to oneself");
    assert_eq!(way(&detour, 9), None);
    // Of equal cost, the shorter one.
    assert_eq!(way(&[(1, 2, 20), (1, 3, 10), (3, 2, 10)], 2), Some((vec![2], 20, 1)));
}

#[test]
fn what_nobody_has_measured_has_a_price() {
    assert_eq!(way(&[(1, 2, 5), (2, 3, 0)], 3), Some((vec![2, 3], 105, 2)));
    assert_eq!(way(&[(1, 2, 0), (1, 3, 40), (3, 2, 40)], 2), Some((vec![3, 2], 80, 2)));
}

#[test]
fn no_way_is_longer_than_the_limit() {
    let chain: Vec<(u8, u8, u32)> = (1..=10).map(|n| (n, n + 1, 1)).collect();
    assert_eq!(way(&chain, 9).map(|(_, _, hops)| hops), Some(HOP_LIMIT));
    assert_eq!(way(&chain, 10), None);
    // The cheap way is too long, so the dear one is taken, for as much of it as there must be.
    let shortcut = [&chain[..], &[(1, 5, 500)]].concat();
    assert_eq!(way(&shortcut, 9).map(|(_, metric, hops)| (metric, hops)), Some((8, 8)));
    assert_eq!(way(&shortcut, 10), Some((vec![5, 6, 7, 8, 9, 10], 505, 6)));
}

#[test]
fn a_relay_is_a_hop_more() {
    let mut table = LinkState::new(id(1));
    for n in 2..=7 {
        let neighbour = |peer: u8| Neighbour { node: id(peer), rtt_us: Some(1_000), relayed: true };
        learn(&mut table, sealed(n, 1, vec![neighbour(n - 1), neighbour(n + 1)]), 0);
    }
    let paths = Paths::from(&links_of(&table, &[link(2, None, Some(1))], 0));
    let hops = |to: u8| paths.to(&id(to)).map(|path| path.hops);
    assert_eq!([2, 3, 4, 5, 6].map(hops), [Some(1), Some(3), Some(5), Some(7), None]);
}

#[test]
fn claims_are_no_way() {
    let mut table = LinkState::new(id(1));
    learn(&mut table, says(2, 1, &[(1, 1), (3, 1)]), 0);
    let own = [link(2, None, Some(1))];
    assert_eq!(Paths::from(&links_of(&table, &own, 0)).to(&id(3)), None);
    learn(&mut table, says(3, 1, &[(2, 1)]), 0);
    assert!(Paths::from(&links_of(&table, &own, 0)).to(&id(3)).is_some());
    assert_eq!(Paths::from(&links_of(&table, &own, 120_000)).to(&id(3)), None, "its links have ended");
}
