//! Which links count.

use super::*;
use crate::{
    exchange::Publisher,
    services::{Directory, DirectoryLimits},
};

fn own(peer: u8, ms: u64) -> Link {
    link(peer, None, Some(ms))
}

fn ends(edges: &[Edge], proved: bool) -> Vec<u8> {
    let mut ends: Vec<u8> = edges.iter().filter(|edge| edge.proved == proved).map(|edge| seed(&edge.to)).collect();
    ends.sort_unstable();
    ends
}

#[test]
fn a_link_of_others_counts_where_both_say_so() {
    let mut table = LinkState::new(id(1));
    learn(&mut table, says(2, 1, &[(1, 1), (3, 1), (4, 1), (5, 1)]), 0);
    learn(&mut table, says(3, 1, &[(2, 1)]), 0);
    learn(&mut table, says(4, 1, &[(3, 1)]), 0);
    let links = links_of(&table, &[own(2, 1)], 0);
    assert_eq!(ends(&links.of(&id(2)), true), [1, 3]);
    assert_eq!(ends(&links.of(&id(2)), false), [4, 5], "4 denies it, 5 says nothing");
    assert_eq!(ends(&links.of(&id(4)), false), [3]);
    assert_eq!(links.of(&id(77)), []);
}

#[test]
fn of_its_own_links_a_node_knows_itself() {
    let table = table(&[(1, 2, 1), (1, 3, 1), (2, 3, 1)]);
    let links = links_of(&table, &[own(2, 9), own(7, 4)], 0);
    assert_eq!(ends(&links.of(&id(1)), true), [2, 7]);
    let end = |of: u8, to: u8| links.of(&id(of)).into_iter().find(|edge| edge.to == id(to));
    assert_eq!(end(3, 1), None, "3 says so, but this node is not connected to it");
    assert_eq!(end(2, 1).map(|edge| edge.rtt), Some(Some(Duration::from_millis(9))), "its own measurement");
    assert_eq!(end(7, 1).map(|edge| edge.expires), Some(Time::NEVER), "7 has said nothing at all");
}

#[test]
fn the_larger_measurement_counts() {
    let rtt = |a: u32, b: u32| {
        let mut table = LinkState::new(id(1));
        learn(&mut table, says(2, 1, &[(3, a)]), 0);
        learn(&mut table, says(3, 1, &[(2, b)]), 0);
        let links = links_of(&table, &[], 0);
        let (there, back) = (links.of(&id(2))[0], links.of(&id(3))[0]);
        assert_eq!((there.rtt, there.expires), (back.rtt, back.expires), "the same from both ends");
        there.rtt.map(|rtt| rtt.as_millis())
    };
    assert_eq!(rtt(1, 30), Some(30), "who says less than the truth gains nothing");
    assert_eq!(rtt(30, 1), Some(30));
    assert_eq!((rtt(0, 5), rtt(5, 0), rtt(0, 0)), (Some(5), Some(5), None));
}

#[test]
fn a_link_is_relayed_if_either_end_says_so_and_ends_with_the_first() {
    let mut table = LinkState::new(id(1));
    let relayed = Neighbour { node: id(3), rtt_us: None, relayed: true };
    learn(&mut table, sealed(2, 1, vec![relayed]), 50);
    table.learn(says(3, 1, &[(2, 1)]), Duration::from_secs(9), id(2), Time(50), WALL);
    let edge = |now| links_of(&table, &[], now).of(&id(2))[0];
    assert_eq!((edge(50).relayed, edge(50).proved, edge(50).expires), (true, true, Time(9_050)));
    assert_eq!((edge(9_050).proved, edge(9_050).expires), (false, Time(120_050)), "a claim is left");
}

#[test]
fn what_has_gone_has_no_links() {
    let mut table = table(&[(1, 2, 1), (2, 3, 1), (3, 4, 1)]);
    let around = |table: &LinkState| links_of(table, &[own(2, 1)], 0).around(id(1), 7, 100).len();
    assert_eq!(around(&table), 4);
    table.forget(&id(3));
    table.forget(&id(77));
    assert_eq!(around(&table), 2);
    assert_eq!(learn(&mut table, says(3, 1, &[(2, 1), (4, 1)]), 0), Taken::Outdated, "said again by others");
    assert_eq!(around(&table), 2);
    learn(&mut table, says(3, 2, &[(2, 1), (4, 1)]), 0);
    assert_eq!(around(&table), 4, "it has come back, and says so");
}

#[test]
fn whom_the_directory_gives_up_is_forgotten() {
    let mut view = Directory::new(id(1), DirectoryLimits::default());
    let mut publisher = Publisher::new(key(2), NetworkName::main(), Seq(0));
    publisher.add(crate::exchange::tests::record("a", "1.0.0", 1), WALL).unwrap();
    publisher.add(crate::exchange::tests::record("b", "1.0.0", 2), WALL).unwrap();
    view.apply(publisher.whole(Duration::from_secs(90), WALL).unwrap(), Time(0), WALL).unwrap();
    let mut table = table(&[(1, 2, 1)]);
    let mut follow = |view: &mut Directory| {
        let changes = view.take_changes();
        assert!(!changes.is_empty());
        changes.iter().for_each(|change| table.follow(change, view));
        table.len()
    };
    assert_eq!(follow(&mut view), 1);
    let gone = publisher.remove([InstanceId(1)], WALL).unwrap().unwrap();
    view.withdraw(&gone, Time(1));
    assert_eq!(follow(&mut view), 1, "one service less is no departure");
    view.withdraw(&publisher.leave(WALL).unwrap(), Time(2));
    assert_eq!(follow(&mut view), 0);
}

#[test]
fn what_is_around_a_node_comes_nearest_first() {
    let table = table(&[(1, 2, 1), (1, 3, 1), (2, 4, 1), (3, 4, 1), (4, 5, 1), (5, 6, 1), (8, 9, 1)]);
    let links = links_of(&table, &[own(2, 1), own(3, 1)], 0);
    let around =
        |centre: u8, hops, most| -> Vec<u8> { links.around(id(centre), hops, most).iter().map(seed).collect() };
    assert_eq!(around(1, 0, 9), [1]);
    let all = around(1, 7, 99);
    let mut two = all[1..3].to_vec();
    two.sort_unstable();
    assert_eq!((all[0], two, &all[3..]), (1, vec![2, 3], &[4, 5, 6][..]));
    assert_eq!(around(1, 2, 99).len(), 4);
    assert_eq!(around(1, 7, 2), all[..2]);
    assert_eq!(around(5, 1, 99).len(), 3);
}
