//! How evidence adds up and fades.

use super::*;
use crate::standing::{decay::halved, outage::Outage};

#[test]
fn halving_is_exact() {
    for (x, expected) in [(0.0, 1.0), (1.0, 0.5), (2.0, 0.25), (10.0, 1.0 / 1024.0), (0.5, 0.5_f64.sqrt())] {
        assert!((halved(x) - expected).abs() < 1e-15, "{x}: {}", halved(x));
    }
    for step in 0..4000 {
        let x = f64::from(step) / 100.0;
        assert!((halved(x) / (-x).exp2() - 1.0).abs() < 1e-14, "{x}");
    }
    assert_eq!((halved(-1.0), halved(f64::NAN), halved(f64::INFINITY)), (1.0, 1.0, 0.0));
}

#[test]
fn the_formulas_give_what_they_say() {
    let evidence = evidence_of(&[(Ending::Fault, 1), (Ending::Slow, 2), (Ending::Good, 18)]);
    assert!(close(evidence.success(), 19.0) && close(evidence.fault(), 1.0));
    // The fault is twenty calls ago, so the fast counters have all but forgotten it: q = (19 + 1)/(19 + 4 + 2).
    assert!(close(evidence.quality(), 0.8), "{}", evidence.quality());
    assert!(close(evidence.confidence(), 20.0 / 22.0));
    assert!(close(evidence.weight(), 0.6), "{}", evidence.weight());
    let nothing = Evidence::default();
    assert!(close(nothing.quality(), 0.5) && close(nothing.confidence(), 0.0) && close(nothing.weight(), 0.0));
}

#[test]
fn a_friend_of_years_that_turns_is_noticed_at_once() {
    let mut evidence = evidence_of(&[(Ending::Good, 10_000)]);
    assert!(evidence.quality() > 0.99);
    evidence.record(Ending::Fault, NOW);
    assert!(evidence.quality() < 0.7, "{}", evidence.quality());
    evidence.record(Ending::Fault, NOW);
    assert!(evidence.quality() < 0.5, "{}", evidence.quality());
    (0..20).for_each(|_| evidence.record(Ending::Good, NOW));
    assert!(evidence.quality() > 0.9, "a bad day is forgiven");
}

#[test]
fn a_lost_call_makes_up_for_no_faults() {
    let mut evidence = evidence_of(&[(Ending::Good, 10), (Ending::Fault, 5)]);
    let before = evidence.quality();
    evidence.record(Ending::Lost, NOW);
    assert!(evidence.quality() < before, "{before} {}", evidence.quality());
}

#[test]
fn evidence_fades_by_half_in_a_week() {
    let evidence = evidence_of(&[(Ending::Good, 8), (Ending::Fault, 4)]).at(days(7));
    assert!(close(evidence.success(), 4.0) && close(evidence.fault(), 2.0));
    let back = evidence.at(NOW);
    assert_eq!(
        (back.success(), back.updated()),
        (evidence.success(), days(7)),
        "a clock that is set back changes nothing"
    );
}

#[test]
fn days_are_counted_once() {
    let mut evidence = Evidence::default();
    for (day, ending) in
        [(0, Ending::Fault), (1, Ending::Good), (1, Ending::Slow), (2, Ending::Lost), (9, Ending::Good)]
    {
        evidence.record(ending, days(day));
    }
    assert_eq!((evidence.days(), evidence.successes(), evidence.calls()), (2, 3, 5));
}

#[test]
fn a_lost_call_is_charged_half_a_minute_later() {
    let mut outage = Outage::default();
    outage.lost(node(1), NOW);
    assert!(outage.due(later(29_999)).is_empty());
    assert_eq!(outage.due(later(30_000)), [(node(1), NOW)]);
    assert!(outage.due(later(90_000)).is_empty(), "once");
}

#[test]
fn an_outage_is_charged_to_nobody() {
    let lost = |peers: &[u16]| {
        let mut outage = Outage::default();
        peers.iter().zip(0..).for_each(|(peer, second)| outage.lost(node(*peer), later(second * 1000)));
        outage.due(later(60_000)).len()
    };
    assert_eq!((lost(&[1, 2, 3]), lost(&[1, 2, 3, 4])), (3, 0), "three others at the same time are an outage");
    assert_eq!(lost(&[1, 2, 1, 2, 1, 2]), 6, "the same two again are none");
    let mut outage = Outage::default();
    (1..=4).zip([0, 40, 80, 120]).for_each(|(peer, second)| outage.lost(node(peer), later(second * 1000)));
    assert_eq!(outage.due(later(200_000)).len(), 4, "nor are four in two minutes");
}

#[test]
fn losses_after_one_that_was_charged_still_count_as_others() {
    let mut outage = Outage::default();
    outage.lost(node(1), NOW);
    (2..=3).for_each(|peer| outage.lost(node(peer), later(25_000)));
    assert_eq!(outage.due(later(31_000)), [(node(1), NOW)]);
    outage.lost(node(4), later(29_000));
    assert!(outage.due(later(60_000)).is_empty(), "each of the others has three beside it");
}

#[test]
fn what_is_lost_while_the_own_link_is_down_is_charged_to_nobody() {
    let mut book = book();
    book.record(node(1), Ending::Lost, NOW);
    book.link_down();
    book.settle(later(60_000));
    assert_eq!(book.evidence(&node(1)), Evidence::default());
}

#[test]
fn half_of_all_calls_lost_bars_no_honest_peer() {
    let mut book = book();
    for call in 0..400_u64 {
        let ending = if call % 2 == 0 { Ending::Good } else { Ending::Lost };
        book.record(node(1), ending, later(call * 60_000));
        book.settle(later(call * 60_000 + 50_000));
    }
    let score = book.scores(later(401 * 60_000)).of(&node(1)).score;
    assert!(score > 0.3, "{score}");
}

#[test]
fn many_at_once_are_as_many_one_after_the_other() {
    for ending in [Ending::Good, Ending::Slow, Ending::Lost, Ending::Fault] {
        for count in [0, 1, 2, 7, 100] {
            let mut at_once = evidence_of(&[(Ending::Good, 9), (Ending::Fault, 2)]);
            let mut one_by_one = at_once;
            at_once.record_many(ending, count, days(1));
            (0..count).for_each(|_| one_by_one.record(ending, days(1)));
            assert!(close(at_once.quality(), one_by_one.quality()), "{count} {ending:?}");
            assert!(close(at_once.success(), one_by_one.success()) && close(at_once.fault(), one_by_one.fault()));
            let counts = |evidence: &Evidence| (evidence.calls(), evidence.successes(), evidence.days());
            assert_eq!(counts(&at_once), counts(&one_by_one), "{count} {ending:?}");
            assert!(at_once.is_sound());
        }
    }
}

#[test]
fn a_book_takes_many_as_it_takes_one_after_the_other() {
    let (mut at_once, mut one_by_one) = (Book::new(node(0)), Book::new(node(0)));
    for (ending, count) in [(Ending::Good, 30), (Ending::Fault, 2), (Ending::Lost, 3), (Ending::Slow, 1)] {
        at_once.record_many(node(1), ending, count, NOW);
        (0..count).for_each(|_| one_by_one.record(node(1), ending, NOW));
    }
    for book in [&mut at_once, &mut one_by_one] {
        book.settle(days(1));
    }
    let [one, other] = [&at_once, &one_by_one].map(|book| book.evidence(&node(1)));
    assert!(close(one.quality(), other.quality()) && one.calls() == other.calls() && one.calls() == 36);
    assert!(close(at_once.trials(NOW).strangers.success(), 1.0), "only the first was a try");
}
