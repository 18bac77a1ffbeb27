//! What may be deleted.

use atoll_protocol::topic::Retention;

use super::*;
use crate::topics::retention::{BatchId, Index, Why};

/// An index of these, and their names.
fn index(batches: &[Batch]) -> (Index, Vec<BatchId>) {
    let mut index = Index::new();
    batches.iter().for_each(|batch| index.stored(batch));
    let id = |batch: &Batch| {
        let head = batch.head().value();
        BatchId { author: batch.author(), epoch: head.epoch, first: head.first }
    };
    (index, batches.iter().map(id).collect())
}

fn due(index: &mut Index, retention: Retention, later: u64) -> Vec<(BatchId, Why)> {
    let due = index.due(&retention, UnixMillis(NOW.0 + 1_000 * later), 10);
    due.into_iter().map(|deletion| (deletion.batch, deletion.why)).collect()
}

fn all() -> Retention {
    Retention::default()
}

#[test]
fn the_oldest_go_first() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let batches = [one.at(0, &[None]), other.at(10, &[None, None]), one.at(20, &[None]), other.at(30, &[None])];
    let (mut index, ids) = index(&batches);
    let len = batches[0].len() as u64;
    assert_eq!((index.entries(), due(&mut index, all(), 99_999)), (5, vec![]), "nothing has to go");
    assert_eq!(
        due(&mut index, Retention { age_secs: Some(15), ..all() }, 30),
        [(ids[0], Why::Age), (ids[1], Why::Age)]
    );
    let entries = |entries| Retention { entries: Some(entries), ..all() };
    assert_eq!(due(&mut index, entries(5), 0), []);
    assert_eq!(due(&mut index, entries(4), 0), [(ids[0], Why::Size)]);
    assert_eq!(due(&mut index, entries(3), 0), [(ids[0], Why::Size), (ids[1], Why::Size)], "batches go as a whole");
    let bytes = Retention { bytes: Some(2 * len), ..all() };
    assert_eq!(due(&mut index, bytes, 0).len(), 2);
    assert_eq!(index.due(&entries(0), NOW, 3).len(), 3, "not too much at once");
    index.deleted(&ids[0]);
    index.deleted(&ids[0]);
    assert_eq!((index.entries(), due(&mut index, entries(4), 0)), (4, vec![]));
    let first = index.due(&entries(0), NOW, 1)[0];
    assert_eq!((first.batch, first.next, first.entries), (ids[1], batches[1].head().value().last().next(), 2));
}

#[test]
fn the_last_value_for_each_key_stays() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let batches = [
        one.at(0, &[Some("a"), Some("b")]),
        one.at(1, &[Some("a"), None]),
        one.at(2, &[Some("b"), Some("b")]),
        other.at(3, &[Some("a")]),
        one.at(4, &[Some("b")]),
        one.at(5, &[Some("c")]),
    ];
    let (mut index, ids) = index(&batches);
    let last = Retention { last_per_key: true, ..all() };
    assert_eq!(due(&mut index, all(), 9), [], "only where that is all that is wanted");
    assert_eq!(due(&mut index, last, 9), [(ids[0], Why::Overtaken), (ids[2], Why::Overtaken)]);
    assert_eq!(
        ["a", "b", "c", "d"].map(|key| index.latest(key.as_bytes())),
        [Some(ids[3]), Some(ids[4]), Some(ids[5]), None]
    );
    index.deleted(&ids[0]);
    index.deleted(&ids[2]);
    assert_eq!(due(&mut index, last, 9), [], "an entry without a key is never overtaken");
    // Both rules at once, each batch once.
    let both = Retention { entries: Some(0), ..last };
    assert_eq!(due(&mut index, both, 9).len(), 4);
}

#[test]
fn the_order_in_which_entries_come_does_not_matter() {
    let mut one = Author::new(1);
    let batches: Vec<_> = (0..4).map(|nth| one.at(nth, &[Some("a")])).collect();
    let last = Retention { last_per_key: true, ..all() };
    let (mut forth, ids) = index(&batches);
    let mut back = Index::new();
    batches.iter().rev().for_each(|batch| back.stored(batch));
    for index in [&mut forth, &mut back] {
        let mut gone: Vec<_> = due(index, last, 9).into_iter().map(|(id, _)| id).collect();
        gone.sort_unstable();
        assert_eq!(gone, ids[..3]);
    }
}

#[test]
fn the_end_of_a_log_stays_to_be_compared() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let (mut index, _) = index(&[one.at(0, &[Some("a")]), other.at(1, &[Some("a")])]);
    assert_eq!(due(&mut index, Retention { last_per_key: true, ..all() }, 9), []);
}
