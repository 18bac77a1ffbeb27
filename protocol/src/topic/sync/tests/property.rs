//! Whatever two nodes hold: after each has asked the other, they hold the same, and what crossed was missing.

use proptest::{collection, prelude::*};

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nodes_become_equal(
        common in collection::vec((1..5_u8, 0..6_usize, 1..5_usize), 0..20),
        here in collection::vec((5..9_u8, 0..6_usize, 1..5_usize), 0..20),
        there in collection::vec((9..60_u8, 0..6_usize, 1..5_usize), 0..60),
    ) {
        let mut author = Author::default();
        let mut one = Node::new(1, (0..6).map(topic));
        let mut say = |said: Vec<(u8, usize, usize)>, nodes: &mut [&mut Node]| {
            for (who, nth, count) in said {
                let batch = author.batch(who, &topic(nth), drafts(count, 100));
                nodes.iter_mut().for_each(|node| node.keep(&batch));
            }
        };
        say(common, &mut [&mut one]);
        let mut other = Node { id: key(2).node_id(), ..one.clone() };
        say(here, &mut [&mut one]);
        say(there, &mut [&mut other]);
        let lacked = one.lacks(&other) + other.lacks(&one);
        let (first, out) = one.ask(&other);
        let (second, back) = other.ask(&one);
        prop_assert!(first.is_ok() && second.is_ok());
        prop_assert_eq!(one.held(), other.held());
        for nth in 0..6 {
            prop_assert_eq!(one.shelf.sum(&topic(nth), 5), other.shelf.sum(&topic(nth), 5));
        }
        // One-entry batches are mostly head: listing a log costs a third of what it brings.
        let crossed = out.all() + back.all();
        prop_assert!(crossed <= lacked + lacked / 2 + 1_000, "{} bytes for {}", crossed, lacked);
    }

    /// Answers of every kind at any moment: it ends, with a fault or without, and nothing that is not signed gets in.
    #[test]
    fn any_answers_end(nths in collection::vec(0..6_usize, 1..12)) {
        let mut author = Author::default();
        let (mut one, mut other) = (Node::new(1, [topic(0)]), Node::new(2, [topic(0)]));
        other.keep(&author.batch(1, &topic(0), drafts(1, 1)));
        let (pull, next) = Pull::all(other.id, 17, &one.shelf);
        let mut nths = nths.into_iter();
        let any = |request| match nths.next() {
            Some(nth) => vec![crate::golden::topic::replies()[nth].1.clone()],
            None => other.answer(request).0,
        };
        let _ = one.go_on(pull, next, any);
        prop_assert!(one.held().len() <= 1);
    }
}
