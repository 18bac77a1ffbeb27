//! What holds for any history and any lies.

use proptest::{collection, prelude::*, sample::select};

use super::*;

fn ending() -> impl Strategy<Value = Ending> {
    select(vec![Ending::Good, Ending::Good, Ending::Good, Ending::Slow, Ending::Lost, Ending::Fault])
}

/// Calls to peers 1 to 9, with hours between them.
fn history() -> impl Strategy<Value = Vec<(u16, Ending, u64)>> {
    collection::vec((1..10_u16, ending(), 0..40_u64), 0..80)
}

/// Rows of peers 1 to 12 about any of 1 to 30.
fn rows() -> impl Strategy<Value = Vec<(u16, Vec<Vouch>)>> {
    let vouch =
        (1..30_u16, 0..=1000_u16, 0..60_u32).prop_map(|(peer, weight, days)| Vouch { days, ..vouch(peer, weight) });
    collection::vec((1..13_u16, collection::vec(vouch, 0..12)), 0..12)
}

/// A book with that, and the time at its end.
fn told(history: &[(u16, Ending, u64)], rows: &[(u16, Vec<Vouch>)]) -> (Book, UnixMillis) {
    let (mut book, mut now) = (book(), NOW);
    book.set_seeds([1, 11].map(node));
    for (peer, ending, hours) in history {
        now = UnixMillis(now.0 + hours * 3_600_000);
        book.record(node(*peer), *ending, now);
        book.settle(UnixMillis(now.0 + 30_000));
    }
    for (witness, vouches) in rows {
        book.hear(node(*witness), &row(1, vouches.iter().copied()));
    }
    (book, UnixMillis(now.0 + 60_000))
}

/// The same with one call more, as it counts once it is settled.
fn after(book: &Book, peer: u16, ending: Ending, now: UnixMillis) -> Scores {
    let mut book = book.clone();
    book.record(node(peer), ending, now);
    book.settle(UnixMillis(now.0 + 30_000));
    book.scores(now)
}

proptest! {
    /// Of the peer itself, with what is assumed of it unchanged: what others say of it does not depend on how it did here.
    #[test]
    fn a_success_never_lowers_and_a_fault_never_raises(
        history in collection::vec((ending(), 0..40_u64), 0..60), ending in ending(), assumed in 0.1..=0.7_f64,
    ) {
        let (mut evidence, mut now) = (Evidence::default(), NOW);
        for (ending, hours) in history {
            now = UnixMillis(now.0 + hours * 3_600_000);
            evidence.record(ending, now);
        }
        let (before, quality) = (score::combine(&evidence, assumed), evidence.quality());
        evidence.record(ending, now);
        let (after, better) = (score::combine(&evidence, assumed), evidence.quality());
        match ending {
            Ending::Good | Ending::Slow => prop_assert!(after >= before - 1e-12 && better >= quality - 1e-12),
            Ending::Lost | Ending::Fault => prop_assert!(after <= before + 1e-12 && better <= quality + 1e-12),
        }
    }

    /// The same by the book, of peers that nobody speaks for. Where somebody does, trust in the peer takes some from its witnesses.
    #[test]
    fn the_book_says_so_too(history in history(), peer in 1..11_u16, ending in ending()) {
        let (book, now) = told(&history, &[]);
        let (before, after) = (book.scores(now).of(&node(peer)).score, after(&book, peer, ending, now).of(&node(peer)).score);
        match ending {
            Ending::Good | Ending::Slow => prop_assert!(after >= before - 1e-12, "{before} {after}"),
            Ending::Lost | Ending::Fault => prop_assert!(after <= before + 1e-12, "{before} {after}"),
        }
    }

    #[test]
    fn hearsay_on_a_group_is_bounded_by_the_trust_at_its_edge(
        history in history(), rows in rows(), group in collection::btree_set(14..30_u16, 1..16),
    ) {
        let (book, now) = told(&history, &rows);
        let scores = book.scores(now);
        // Nobody of the group was ever called, so all that reaches it is hearsay.
        let reach: f64 = group.iter().map(|peer| scores.of(&node(*peer)).reach).sum();
        let vouches = |witness: &NodeId| {
            rows.iter().any(|(author, row)| {
                node(*author) == *witness && row.iter().any(|vouch| group.iter().any(|peer| node(*peer) == vouch.peer))
            })
        };
        let edges = scores.witnesses().filter(|(witness, _)| vouches(witness));
        let bound = 0.5 * edges.map(|(_, witness)| witness.trust * witness.belief).sum::<f64>();
        prop_assert!(reach <= bound + 1e-12, "{reach} of {bound}");
    }

    #[test]
    fn trust_is_one_in_all_and_scores_are_between_none_and_one(history in history(), rows in rows()) {
        let (book, now) = told(&history, &rows);
        let scores = book.scores(now);
        let trust: f64 = scores.witnesses().map(|(_, witness)| witness.trust).sum();
        prop_assert!(close(trust, 1.0) || trust == 0.0);
        for (_, standing) in scores.iter() {
            prop_assert!((0.0..=1.0).contains(&standing.score) && (0.0..=1.0).contains(&standing.hearsay));
        }
    }

    #[test]
    fn nothing_that_is_said_lowers_anybody(history in history(), rows in rows(), liar in 20..30_u16) {
        let (mut book, now) = told(&history, &rows);
        let before = book.scores(now);
        // Whoever is not trusted can say what it wants.
        book.hear(node(liar), &row(9, (1..20).map(|peer| vouch(peer, 0))));
        let after = book.scores(now);
        prop_assert!(before.iter().all(|(node, standing)| after.of(node).score.to_bits() == standing.score.to_bits()));
    }
}
