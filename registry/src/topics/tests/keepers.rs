//! Who keeps a topic.

use std::{collections::BTreeSet, net::IpAddr};

use super::*;
use crate::{
    peers::Subnet,
    topics::keepers::{Duty, KEEPERS, Volunteer, duty, elect},
};

fn volunteer(number: u8) -> Volunteer {
    Volunteer { node: key(number).node_id(), weight: 1, subnet: None }
}

fn volunteers(count: u8) -> Vec<Volunteer> {
    (1..=count).map(volunteer).collect()
}

fn in_subnet(number: u8, subnet: u8) -> Volunteer {
    Volunteer { subnet: Subnet::counted(IpAddr::from([203, 0, subnet, number])), ..volunteer(number) }
}

#[test]
fn all_agree_whatever_their_order() {
    let mut all = volunteers(20);
    let elected = elect(&topic(0), &[], &all, KEEPERS);
    assert_eq!(elected.iter().collect::<BTreeSet<_>>().len(), KEEPERS);
    all.reverse();
    assert_eq!(elect(&topic(0), &[], &all, KEEPERS), elected);
    assert_eq!(elect(&topic(0), &[], &[all.clone(), all].concat(), KEEPERS), elected, "whoever is listed twice");
    assert_eq!(elect(&topic(0), &[], &volunteers(2), KEEPERS).len(), 2);
    assert!(elect(&topic(0), &[], &[], KEEPERS).is_empty());
}

#[test]
fn only_what_a_keeper_had_moves() {
    let all = volunteers(20);
    let gone = all[4].node;
    let left: Vec<_> = all.iter().copied().filter(|volunteer| volunteer.node != gone).collect();
    for number in 0..200 {
        let (before, after) = (elect(&topic(number), &[], &all, 3), elect(&topic(number), &[], &left, 3));
        let stayed: Vec<_> = before.iter().filter(|node| **node != gone).collect();
        assert!(stayed.iter().all(|node| after.contains(node)));
        assert_eq!(before == after, !before.contains(&gone));
    }
}

#[test]
fn work_goes_by_weight() {
    let mut all = volunteers(10);
    all[0].weight = 4;
    all[1].weight = 0;
    let mut kept = [0; 10];
    for number in 0..2_000 {
        let first = elect(&topic(number), &[], &all, 1)[0];
        kept[all.iter().position(|volunteer| volunteer.node == first).unwrap()] += 1;
    }
    // Four of twelve parts are 667, one is 167.
    assert!((600..735).contains(&kept[0]) && kept[1] == 0, "{kept:?}");
    assert!(kept[2..].iter().all(|count| (120..215).contains(count)), "{kept:?}");
}

#[test]
fn subnets_differ_where_they_can() {
    let crowd: Vec<_> =
        (1..=20).map(|number| in_subnet(number, 1)).chain([in_subnet(30, 2), in_subnet(31, 3)]).collect();
    for number in 0..50 {
        let elected = elect(&topic(number), &[], &crowd, 3);
        let alone = [30, 31].map(|number| key(number).node_id());
        assert!(elected.len() == 3 && alone.iter().all(|node| elected.contains(node)));
        assert_eq!(elect(&topic(number), &[], &crowd[..20], 3).len(), 3, "better in one subnet than nowhere");
    }
}

#[test]
fn whom_the_owner_pins_comes_first() {
    let (all, pinned) = (volunteers(9), [node(200), key(3).node_id(), node(200)]);
    let elected = elect(&topic(0), &pinned, &all, 3);
    assert_eq!((&elected[..2], elected.len()), (&[node(200), key(3).node_id()][..], 3));
    let many: Vec<_> = (100..105).map(node).collect();
    assert_eq!(elect(&topic(0), &many, &all, 3), many, "as many as are pinned");
}

#[test]
fn whoever_becomes_a_keeper_catches_up() {
    let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(node);
    let (before, after) = ([a, b, c], [b, c, d]);
    assert_eq!(duty(&d, &before, &after), Duty::CatchUp { from: vec![b, c] });
    assert_eq!(duty(&b, &before, &after), Duty::Keep);
    assert_eq!(duty(&a, &before, &after), Duty::HandOver { to: vec![d] });
    assert_eq!(duty(&e, &before, &after), Duty::Nothing);
    assert_eq!(duty(&d, &[a, b], &[d, e]), Duty::CatchUp { from: vec![a, b] }, "where none stayed");
}
