//! Limits, and what happens at them.

use super::*;

#[test]
fn those_heard_of_longest_ago_are_forgotten_first() {
    let mut book = Book::with_limit(node(ME), 3);
    book.set_seeds([node(1)]);
    for peer in 1..=5_u16 {
        book.record(node(peer), Ending::Good, later(u64::from(peer)));
    }
    let left: Vec<NodeId> = book.all().map(|(node, _)| *node).collect();
    assert_eq!(left, [1, 4, 5].map(node), "but seeds stay");
}

#[test]
fn rows_are_bounded_and_make_room_for_those_that_count() {
    let mut book = book();
    let limit = u16::try_from(WITNESSES).unwrap();
    assert!((1..=limit).all(|witness| book.hear(node(witness), &row(1, []))));
    assert!(!book.hear(node(limit + 1), &row(1, [])));
    book.keep_rows(&[node(1)]);
    assert!(book.hear(node(limit + 1), &row(1, [])));
    book.forget_row(&node(1));
    assert!(book.hear(node(1), &row(1, [])));
}

#[test]
fn an_older_row_does_not_take_the_place_of_a_later_one() {
    let mut book = book();
    book.set_seeds([node(1)]);
    assert!(book.hear(node(1), &row(5, [vouch(10, 1000)])));
    assert!(!book.hear(node(1), &row(5, [vouch(11, 1000)])) && !book.hear(node(1), &row(4, [vouch(11, 1000)])));
    assert!(book.scores(NOW).of(&node(11)).reach == 0.0 && book.scores(NOW).of(&node(10)).reach > 0.0);
}

#[test]
fn nobody_vouches_for_itself_or_for_the_one_who_asks() {
    let mut book = book();
    book.set_seeds([node(1)]);
    book.hear(node(1), &row(1, [vouch(ME, 1000), vouch(1, 1000), vouch(10, 1000)]));
    book.record(node(ME), Ending::Good, NOW);
    book.convict(node(ME));
    let scores = book.scores(NOW);
    assert!(close(scores.of(&node(1)).reach, 0.5), "only what it is trusted itself");
    assert_eq!(scores.of(&node(ME)), Standing::STRANGER);
    assert!(!book.hear(node(ME), &row(1, [])));
}

#[test]
fn a_vouch_without_weight_says_nothing() {
    let mut book = book();
    book.set_seeds([node(1)]);
    book.hear(node(1), &row(1, [vouch(10, 0)]));
    assert_eq!(book.scores(NOW).of(&node(10)), Standing::STRANGER);
}

#[test]
fn losses_beyond_the_limit_are_an_outage() {
    let mut outage = outage::Outage::default();
    (0..2 * OUTAGE_LOSSES).for_each(|_| outage.lost(node(1), NOW));
    assert_eq!(outage.due(later(30_000)).len(), OUTAGE_LOSSES);
}

#[test]
fn what_was_kept_does_not_overwrite_what_was_seen_since() {
    let mut book = book();
    let kept = evidence_of(&[(Ending::Good, 50)]);
    book.record(node(1), Ending::Fault, NOW);
    book.restore(node(1), kept);
    book.restore(node(2), kept);
    assert!(book.evidence(&node(1)).success() == 0.0 && book.evidence(&node(2)) == kept);
}
