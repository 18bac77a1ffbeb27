//! Receipts between two tables of pairs, without a network between.

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn later(ms: u64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn pairs(number: u8, stored: Vec<StoredPair>) -> Pairs {
    Pairs::new(key(number), crate::testing::network(), stored)
}

fn counted(good: u32, answered: u32) -> Counted {
    Counted { endings: [good, 0, 0, 0], answered }
}

/// One proposes, the other signs, and the first one hears of it.
fn agree(one: &mut Pairs, other: &mut Pairs, now: UnixMillis) -> bool {
    let (a, b) = (one.key.node_id(), other.key.node_id());
    let Some(half) = one.propose(&b, now) else { return false };
    match other.countersign(a, half, now) {
        Ok(Countersign::Agreed(receipt)) => one.agree(&b, &receipt).unwrap(),
        refused => panic!("{refused:?}"),
    }
}

#[test]
fn what_was_counted_becomes_a_receipt_of_both() {
    let (mut one, mut other) = (pairs(1, Vec::new()), pairs(2, Vec::new()));
    let (a, b) = (key(1).node_id(), key(2).node_id());
    one.count(b, counted(7, 0), NOW);
    other.count(a, counted(0, 7), NOW);
    assert!(agree(&mut one, &mut other, later(1)));
    let receipt = &one.agreed(&b).unwrap().receipt;
    assert_eq!(receipt.experience(&a).unwrap().good, 7);
    assert_eq!((one.number(&b), other.number(&a)), (Some(receipt.number()), Some(receipt.number())));
    assert!(one.propose(&b, later(10_000)).is_none(), "there is nothing new to say");
}

#[test]
fn at_most_one_is_proposed_in_five_seconds() {
    let (mut one, mut other) = (pairs(1, Vec::new()), pairs(2, Vec::new()));
    let mut proposed = 0;
    for tenth in 0..300 {
        one.count(key(2).node_id(), counted(1, 0), later(tenth * 100));
        other.count(key(1).node_id(), counted(0, 1), later(tenth * 100));
        proposed += u32::from(agree(&mut one, &mut other, later(tenth * 100)));
    }
    assert_eq!(proposed, 6);
}

#[test]
fn what_is_on_the_disk_goes_on_where_it_was() {
    let (mut one, mut other) = (pairs(1, Vec::new()), pairs(2, Vec::new()));
    let (a, b) = (key(1).node_id(), key(2).node_id());
    assert!(one.stored(&b).is_none(), "as long as nothing was agreed on");
    one.count(b, counted(3, 0), NOW);
    other.count(a, counted(0, 3), NOW);
    agree(&mut one, &mut other, later(1));
    let mut again = pairs(1, one.stored(&b).into_iter().collect());
    assert_eq!(again.number(&b), one.number(&b));
    again.count(b, counted(2, 0), later(9_000));
    other.count(a, counted(0, 2), later(9_000));
    assert!(agree(&mut again, &mut other, later(9_000)));
    assert_eq!(again.agreed(&b).unwrap().receipt.experience(&a).unwrap().good, 5);
}

#[test]
fn more_than_was_answered_is_not_signed() {
    let (mut one, mut other) = (pairs(1, Vec::new()), pairs(2, Vec::new()));
    let (a, b) = (key(1).node_id(), key(2).node_id());
    one.count(b, counted(1_000_000, 0), NOW);
    other.count(a, counted(0, 5), NOW);
    let half = one.propose(&b, later(1)).unwrap();
    let refused = other.countersign(a, half, later(1)).unwrap_err();
    assert!(matches!(refused, NotSigned::Untrue { .. }), "{refused}");
    assert!(other.agreed(&a).is_none());
}

#[test]
fn a_node_has_no_pair_with_itself_and_pairs_are_bounded() {
    let mut one = pairs(1, Vec::new());
    one.count(key(1).node_id(), counted(5, 5), NOW);
    assert_eq!(one.peers().count(), 0);
    for number in 0..2 * u32::try_from(PAIRS).unwrap() {
        let mut name = [3; 32];
        name[..4].copy_from_slice(&number.to_le_bytes());
        one.count(NodeId::from_public_key(name), counted(1, 0), NOW);
    }
    assert_eq!(one.peers().count(), PAIRS);
    assert_eq!(one.experience(&key(9).node_id()), atoll_protocol::standing::Work::default());
}
