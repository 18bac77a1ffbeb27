//! From evidence and hearsay to a score.

use super::*;

/// Three seeds that were good, and that vouch for these.
fn with_seeds(vouches: &[Vouch]) -> Book {
    let mut book = book();
    book.set_seeds([1, 2, 3].map(node));
    for seed in 1..=3 {
        calls(&mut book, seed, Ending::Good, 20);
        assert!(book.hear(node(seed), &row(1, vouches.iter().copied())));
    }
    book
}

#[test]
fn nothing_is_known_of_strangers() {
    assert_eq!(book().scores(NOW).of(&node(9)), Standing::STRANGER);
    assert!(close(Standing::STRANGER.score, 0.1));
}

#[test]
fn whom_good_peers_vouch_for_is_better_than_a_stranger() {
    let scores = with_seeds(&[10, 11, 12, 13].map(|peer| vouch(peer, 1000))).scores(NOW);
    let told = scores.of(&node(10));
    // p is a third each; r = ½·(3 · ⅓ · g · ¼), as much as for each of the others.
    assert!(close(told.reach, 0.125), "{told:?}");
    assert!(close(told.hearsay, 1.0 - 0.5_f64.powi(10)), "{told:?}");
    assert!(close(told.score, 0.1 + 0.6 * told.hearsay));
    assert!(scores.of(&node(1)).score > 0.8);
}

#[test]
fn what_counts_as_well_spoken_of_is_what_good_peers_have() {
    let mut book = with_seeds(&[10, 11, 12, 13, 14].map(|peer| vouch(peer, 1000)));
    (10..15).for_each(|peer| calls(&mut book, peer, Ending::Good, 10));
    // Somebody whom one of eight that are trusted vouches for, a little.
    book.hear(node(10), &row(1, [vouch(20, 1000)]));
    let (told, known) = (book.scores(NOW).of(&node(20)), book.scores(NOW).of(&node(11)));
    assert!(close(known.hearsay, 1.0 - 0.5_f64.powi(10)) && told.hearsay < 0.5 && told.hearsay > 0.1, "{told:?}");
}

#[test]
fn many_that_are_vouched_for_a_little_are_no_yardstick() {
    let few = [10, 11, 12].map(|peer| vouch(peer, 1000));
    let many: Vec<Vouch> = few.into_iter().chain((20..220).map(|peer| vouch(peer, 10))).collect();
    let scores = with_seeds(&many).scores(NOW);
    assert!(scores.of(&node(10)).hearsay > 0.9 && scores.of(&node(20)).hearsay < 0.02);
}

#[test]
fn what_was_seen_takes_the_place_of_what_was_told() {
    let mut book = with_seeds(&[10, 11, 12, 13].map(|peer| vouch(peer, 1000)));
    let told = book.scores(NOW).of(&node(10)).score;
    book.record(node(10), Ending::Fault, NOW);
    let score = book.scores(NOW).of(&node(10));
    assert!(told > 0.6 && score.score <= 1.0 / 6.0, "{score:?}");
}

#[test]
fn a_witness_that_was_wrong_is_not_believed() {
    let mut book = with_seeds(&[10, 11, 12, 13].map(|peer| vouch(peer, 1000)));
    let belief = |book: &Book| book.scores(NOW).witness(&node(1)).belief;
    assert!(close(belief(&book), 1.0), "until something is known");
    for peer in 10..12 {
        calls(&mut book, peer, Ending::Fault, 3);
    }
    assert!(close(belief(&book), 0.0), "{}", belief(&book));
    assert!(close(book.scores(NOW).of(&node(12)).hearsay, 0.0), "what it says of others does not count either");
}

#[test]
fn a_long_row_has_no_more_lies_than_a_short_one() {
    for length in [4, 256] {
        let vouches: Vec<Vouch> = (10..10 + length).map(|peer| vouch(peer, 1000)).collect();
        let mut book = with_seeds(&vouches);
        calls(&mut book, 10, Ending::Fault, 1);
        assert!(close(book.scores(NOW).witness(&node(1)).belief, 0.0), "with {length} vouches");
    }
}

#[test]
fn an_honest_witness_may_be_wrong_once() {
    let vouches: Vec<Vouch> = (10..40).map(|peer| vouch(peer, 1000)).collect();
    let mut book = with_seeds(&vouches);
    (10..18).for_each(|peer| calls(&mut book, peer, Ending::Good, 5));
    calls(&mut book, 20, Ending::Fault, 1);
    assert!(book.scores(NOW).witness(&node(1)).belief > 0.9);
}

#[test]
fn a_lie_that_was_taken_back_is_not_forgotten() {
    let mut book = with_seeds(&[10, 11, 12, 13].map(|peer| vouch(peer, 1000)));
    calls(&mut book, 10, Ending::Fault, 1);
    assert!(book.hear(node(1), &row(2, [14, 15, 16, 17].map(|peer| vouch(peer, 1000)))));
    let belief = |now| book.scores(now).witness(&node(1)).belief;
    assert!(close(belief(NOW), 0.0), "it vouches for others now, of whom nothing is known: {}", belief(NOW));
    assert!(belief(days(60)) > 0.9, "but forgiven in time");
    assert!(close(book.scores(NOW).of(&node(14)).hearsay, 0.0));
}

#[test]
fn hearsay_ends_after_two_hops() {
    let mut book = with_seeds(&[vouch(10, 1000)]);
    book.hear(node(10), &row(1, [vouch(20, 1000)]));
    let scores = book.scores(NOW);
    assert!(scores.of(&node(10)).reach > 0.0);
    assert!(close(scores.of(&node(20)).score, 0.1), "this node has no reason of its own to believe node 10");
}

#[test]
fn a_row_gives_a_quarter_at_most() {
    let one = with_seeds(&[vouch(10, 1000)]).scores(NOW).of(&node(10)).reach;
    let four = with_seeds(&[10, 11, 12, 13].map(|peer| vouch(peer, 1000))).scores(NOW).of(&node(10)).reach;
    assert!(close(one, four) && close(one, 0.125));
}

#[test]
fn what_is_young_is_believed_less() {
    let aged = |age| {
        let young = Vouch { days: age, ..vouch(10, 1000) };
        with_seeds(&[young]).scores(NOW).of(&node(10)).hearsay
    };
    let old = aged(10_000);
    assert!(close(aged(0), 0.0) && close(aged(3), old / 2.0) && close(aged(6), old * 0.75));
}

#[test]
fn a_seed_that_fails_loses_its_bonus() {
    let mut book = book();
    book.set_seeds([1, 2].map(node));
    assert!(close(book.scores(NOW).witness(&node(1)).trust, 0.5));
    calls(&mut book, 1, Ending::Fault, 1);
    assert!(close(book.scores(NOW).witness(&node(1)).trust, 0.5), "one call may be an accident");
    calls(&mut book, 1, Ending::Fault, 1);
    assert!(close(book.scores(NOW).witness(&node(1)).trust, 0.0));
    assert!(close(book.scores(NOW).witness(&node(2)).trust, 1.0));
}

#[test]
fn a_convict_is_worth_nothing_and_says_nothing() {
    let mut book = with_seeds(&[vouch(10, 1000)]);
    (1..=3).for_each(|seed| book.convict(node(seed)));
    let scores = book.scores(NOW);
    assert!(close(scores.of(&node(1)).score, 0.0) && scores.of(&node(1)).convicted);
    assert!(close(scores.of(&node(10)).score, 0.1));
    assert!(book.row(Seq(1), NOW, |_| Some(Numbered { epoch: NOW, seq: Seq(1) })).vouches.is_empty());
}

#[test]
fn a_row_vouches_for_who_was_good_and_has_a_receipt() {
    let mut book = book();
    calls(&mut book, 1, Ending::Good, 20);
    calls(&mut book, 2, Ending::Good, 20);
    calls(&mut book, 3, Ending::Fault, 20);
    calls(&mut book, 4, Ending::Good, 5);
    let number = Numbered { epoch: NOW, seq: Seq(7) };
    let row = book.row(Seq(9), NOW, |peer| (*peer != node(2)).then_some(number));
    let peers: Vec<NodeId> = row.vouches.iter().map(|vouch| vouch.peer).collect();
    assert_eq!(peers, [1, 4].map(node));
    let [one, four] = [row.vouches[0], row.vouches[1]];
    assert_eq!((one.days, one.successes, one.receipt, row.seq), (2, 20, Seq(7), Seq(9)));
    assert!(one.weight > four.weight && four.weight > 0);
}
