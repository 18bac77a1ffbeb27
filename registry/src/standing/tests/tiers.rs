//! What a peer may do here.

use super::*;
use crate::standing::tier::{NEWCOMERS_SHARE, NEWCOMERS_SUBNET_SHARE};

const MEMBER: Merits = Merits { score: 0.5, days: 3.0, successes: 50, counterparties: 3 };
const TRUSTED: Merits = Merits { score: 0.8, days: 14.0, successes: 1000, counterparties: 10 };

#[test]
fn each_tier_asks_for_all_of_its_merits() {
    assert_eq!(
        [Merits::default(), MEMBER, TRUSTED].map(|merits| Tier::of(&merits)),
        [Tier::Newcomer, Tier::Member, Tier::Trusted]
    );
    for (whole, less) in [(MEMBER, Tier::Newcomer), (TRUSTED, Tier::Member)] {
        let short = [
            Merits { score: whole.score - 0.01, ..whole },
            Merits { days: whole.days - 0.1, ..whole },
            Merits { successes: whole.successes - 1, ..whole },
            Merits { counterparties: whole.counterparties - 1, ..whole },
        ];
        assert_eq!(short.map(|merits| Tier::of(&merits)), [less; 4]);
    }
}

#[test]
fn what_is_missing_is_told() {
    let entry = Tier::Newcomer.next().and_then(Tier::entry).unwrap();
    let lacks = Merits { days: 1.0, counterparties: 1, ..MEMBER }.lacks(&entry);
    assert_eq!(lacks, Some(Merits { score: 0.0, days: 2.0, successes: 0, counterparties: 2 }));
    assert_eq!((MEMBER.lacks(&entry), Tier::Trusted.next()), (None, None));
}

#[test]
fn more_is_allowed_to_those_above() {
    let [newcomer, member, trusted] = [Tier::Newcomer, Tier::Member, Tier::Trusted].map(Tier::allowance);
    assert_eq!((newcomer.calls, newcomer.burst, newcomer.services), (2, 20, Some(1)));
    assert_eq!((member.calls, member.burst, member.services), (20, 200, Some(16)));
    assert_eq!((trusted.calls, trusted.burst, trusted.services), (200, 2000, None));
    assert!(!newcomer.witness && member.witness && !member.serves && trusted.serves);
    assert!(
        close(NEWCOMERS_SHARE * NEWCOMERS_SUBNET_SHARE, 0.025),
        "of a node's capacity, for one subnet of newcomers"
    );
    assert_eq!(Tier::Member.to_string(), "member");
}

#[test]
fn friends_have_no_limits_whatever_they_score() {
    let mut book = book();
    book.set_friends([node(1)]);
    assert_eq!(book.scores(NOW).of(&node(1)).tier, Tier::Trusted);
    assert!(close(book.scores(NOW).of(&node(1)).score, 0.1));
}

#[test]
fn a_peer_becomes_a_member_by_work_for_several() {
    let mut book = book();
    book.set_seeds([1, 2, 3].map(node));
    (1..=3).for_each(|seed| calls(&mut book, seed, Ending::Good, 20));
    calls(&mut book, 10, Ending::Good, 40);
    let tier = |book: &Book| book.scores(NOW).of(&node(10)).tier;
    assert_eq!(tier(&book), Tier::Newcomer, "this node alone is one counterparty");
    (1..=2).for_each(|seed| assert!(book.hear(node(seed), &row(1, [vouch(10, 1000)]))));
    assert_eq!(tier(&book), Tier::Member);
}
