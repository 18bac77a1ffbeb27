//! What may be deleted.

use atoll_protocol::topic::{Epoch, Retention};

use super::*;
use crate::topics::retention::{BatchId, Deletion, Front, Index, Keys, Why};

mod property;

/// What is held, as a store has it, and what is known of that.
#[derive(Default)]
struct Store {
    batches: Vec<Batch>,
    index: Index,
    keys: Keys,
}

impl Store {
    fn of(batches: &[Batch]) -> (Self, Vec<BatchId>) {
        let mut store = Self::default();
        batches.iter().for_each(|batch| store.store(batch));
        (store, batches.iter().map(BatchId::of).collect())
    }

    fn store(&mut self, batch: &Batch) {
        self.batches.push(batch.clone());
        self.index.stored(batch);
        self.keys.stored(batch);
    }

    fn front(&self, author: NodeId, epoch: Epoch) -> Option<Front> {
        let log = self.batches.iter().filter(|batch| (batch.author(), batch.head().value().epoch) == (author, epoch));
        log.map(Front::of).min_by_key(|front| front.first)
    }

    fn delete(&mut self, deletion: &Deletion) {
        let id = deletion.batch;
        self.batches.retain(|batch| BatchId::of(batch) != id);
        self.index.deleted(deletion, self.front(id.author, id.epoch));
        self.keys.deleted(&id);
    }

    /// Deletes everything that may go by age or size, so many seconds later.
    fn prune(&mut self, retention: Retention, later: u64) -> Vec<(BatchId, Why)> {
        let (mut gone, now) = (Vec::new(), UnixMillis(NOW.0 + 1_000 * later));
        while let Some(deletion) = self.index.due(&retention, now) {
            gone.push((deletion.batch, deletion.why));
            self.delete(&deletion);
        }
        gone
    }

    /// Deletes what has been overtaken.
    fn compact(&mut self) -> Vec<BatchId> {
        let due = self.keys.due(10);
        due.iter().for_each(|deletion| self.delete(deletion));
        assert!(due.iter().all(|deletion| deletion.why == Why::Overtaken));
        due.into_iter().map(|deletion| deletion.batch).collect()
    }
}

/// The deletion of this batch, because others have overtaken it.
fn overtaken(batch: &Batch) -> Deletion {
    let Front { next, bytes, entries, .. } = Front::of(batch);
    Deletion { batch: BatchId::of(batch), next, bytes, entries, why: Why::Overtaken }
}

fn all() -> Retention {
    Retention::default()
}

fn last() -> Retention {
    Retention { last_per_key: true, ..all() }
}

fn entries(entries: u64) -> Retention {
    Retention { entries: Some(entries), ..all() }
}

#[test]
fn the_oldest_go_first() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let batches = [one.at(0, &[None]), other.at(10, &[None, None]), one.at(20, &[None]), other.at(30, &[None])];
    let len = batches[0].len() as u64;
    let gone = |retention, later| {
        let (mut store, ids) = Store::of(&batches);
        let gone = store.prune(retention, later).into_iter();
        gone.map(|(id, why)| (ids.iter().position(|other| *other == id).unwrap(), why)).collect::<Vec<_>>()
    };
    assert_eq!(gone(all(), 99_999), [], "nothing has to go");
    assert_eq!(gone(last(), 99_999), [], "that is for others to say");
    assert_eq!(gone(Retention { age_secs: Some(15), ..all() }, 30), [(0, Why::Age), (1, Why::Age)]);
    assert_eq!(gone(entries(5), 0), []);
    assert_eq!(gone(entries(4), 0), [(0, Why::Size)]);
    assert_eq!(gone(entries(3), 0), [(0, Why::Size), (1, Why::Size)], "batches go as a whole");
    assert_eq!(gone(Retention { bytes: Some(2 * len), ..all() }, 0).len(), 2);
    assert_eq!(gone(Retention { age_secs: Some(5), ..entries(3) }, 10), [(0, Why::Age), (1, Why::Size)]);
    assert_eq!(gone(entries(0), 0).len(), 4);
}

#[test]
fn a_batch_is_deleted_once() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let batches = [one.at(0, &[None]), other.at(10, &[None, None]), one.at(20, &[None]), other.at(30, &[None])];
    let (mut store, ids) = Store::of(&batches);
    let first = store.index.due(&entries(0), NOW).unwrap();
    assert_eq!((first.batch, store.index.entries()), (ids[0], 5));
    assert_eq!(store.index.due(&entries(0), NOW), Some(first), "until it is said to be deleted");
    store.delete(&first);
    store.delete(&first);
    assert_eq!((store.index.entries(), store.index.due(&entries(4), NOW)), (4, None));
    let second = store.index.due(&entries(0), NOW).unwrap();
    assert_eq!((second.batch, second.next, second.entries), (ids[1], batches[1].head().value().last().next(), 2));
    store.prune(entries(0), 0);
    store.delete(&second);
    assert_eq!((store.index.bytes(), store.index.entries()), (0, 0));
}

#[test]
fn of_two_of_the_same_time_that_of_the_lower_author_goes_first() {
    let batches = [2, 1, 3].map(|number| Author::new(number).at(0, &[None]));
    let (mut store, mut ids) = Store::of(&batches);
    ids.sort_unstable();
    assert_eq!(store.prune(entries(0), 0), ids.into_iter().map(|id| (id, Why::Size)).collect::<Vec<_>>());
}

#[test]
fn a_hole_that_is_filled_goes_before_what_follows_it() {
    let mut one = Author::new(1);
    let batches: Vec<_> = (0..3).map(|nth| one.at(nth, &[None])).collect();
    let (mut store, ids) = Store::of(&[batches[1].clone(), batches[2].clone()]);
    let due = store.index.due(&entries(0), NOW).unwrap();
    assert_eq!(due.batch, ids[0]);
    // While that one is being deleted, the one before it comes.
    store.store(&batches[0]);
    store.delete(&due);
    let gone = [BatchId::of(&batches[0]), ids[1]].map(|id| (id, Why::Size));
    assert_eq!((store.index.entries(), store.prune(entries(0), 0)), (2, gone.to_vec()));
}

#[test]
fn what_is_overtaken_in_the_middle_only_reduces_the_counts() {
    let mut one = Author::new(1);
    let batches: Vec<_> = (0..4).map(|nth| one.at(nth, &[None])).collect();
    let (mut store, ids) = Store::of(&batches);
    let (author, epoch, len) = (ids[0].author, ids[0].epoch, batches[0].len() as u64);
    store.index.deleted(&overtaken(&batches[1]), None);
    assert_eq!(store.index.of_log(&author, epoch), (3 * len, 3));
    assert_eq!(store.index.due(&entries(0), NOW).unwrap().batch, ids[0]);
    store.index.deleted(&overtaken(&batches[0]), Some(Front::of(&batches[2])));
    assert_eq!(store.index.of_log(&author, epoch), (2 * len, 2));
    assert_eq!(store.index.due(&entries(0), NOW).unwrap().batch, ids[2]);
    store.index.deleted(&overtaken(&batches[2]), None);
    assert_eq!(store.index.of_log(&author, epoch), (0, 0), "nothing is left");
    assert_eq!((store.index.bytes(), store.index.entries()), (0, 0));
}

#[test]
fn a_log_is_found_and_forgotten() {
    let batch = Author::new(1).at(0, &[None]);
    let (id, front) = (BatchId::of(&batch), Front::of(&batch));
    let (mut store, _) = Store::of(&[Author::new(2).at(1, &[None])]);
    let (bytes, held) = (store.index.bytes(), store.index.entries());
    for (more, count) in [(7_000, 70), (5_000, 50)] {
        store.index.found(id.author, id.epoch, front, more, count);
        assert_eq!(store.index.of_log(&id.author, id.epoch), (more, count));
        assert_eq!(
            (store.index.bytes(), store.index.entries()),
            (bytes + more, held + count),
            "what is found counts once"
        );
    }
    assert_eq!(store.index.due(&entries(50), NOW).map(|due| (due.batch, due.entries)), Some((id, 1)));
    store.index.forgotten(&id.author, id.epoch);
    store.index.forgotten(&id.author, id.epoch);
    store.index.deleted(&overtaken(&batch), Some(front));
    assert_eq!((store.index.bytes(), store.index.entries()), (bytes, held));
    assert_ne!(store.index.due(&entries(0), NOW).unwrap().batch, id);
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
    let (mut store, ids) = Store::of(&batches);
    assert_eq!(store.keys.due(1), [overtaken(&batches[0])], "not too much at once");
    assert_eq!(store.compact(), [ids[0], ids[2]]);
    assert_eq!(
        ["a", "b", "c", "d"].map(|key| store.keys.latest(key.as_bytes())),
        [Some(ids[3]), Some(ids[4]), Some(ids[5]), None]
    );
    assert_eq!(store.compact(), [], "an entry without a key is never overtaken");
    assert_eq!(store.index.entries(), 5, "one was the front, the other was not");
    // By the other rules they all go, and are not known here any longer.
    assert_eq!(store.prune(Retention { entries: Some(0), ..last() }, 9).len(), 4);
    assert_eq!((store.compact(), store.keys.latest(b"b")), (vec![], None));
}

#[test]
fn the_order_in_which_entries_come_does_not_matter() {
    let mut one = Author::new(1);
    let batches: Vec<_> = (0..4).map(|nth| one.at(nth, &[Some("a")])).collect();
    let (mut forth, ids) = Store::of(&batches);
    let mut back = Store::default();
    batches.iter().rev().for_each(|batch| back.store(batch));
    for store in [&mut forth, &mut back] {
        assert_eq!(store.compact(), ids[..3]);
        assert_eq!(store.index.due(&entries(0), NOW).unwrap().batch, ids[3]);
    }
}

#[test]
fn the_end_of_a_log_stays_to_be_compared() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let (mut store, ids) = Store::of(&[one.at(0, &[Some("a")]), other.at(1, &[Some("a")])]);
    assert_eq!(store.compact(), []);
    // A batch without a key is an end as well; where that is deleted, what is left ends with the one before.
    let end = one.at(2, &[None]);
    store.store(&end);
    assert_eq!(store.keys.due(9).len(), 1);
    store.delete(&overtaken(&end));
    assert_eq!(store.compact(), []);
    store.store(&one.at(3, &[None]));
    assert_eq!(store.compact(), ids[..1]);
}

#[test]
fn keys_of_a_forgotten_log_are_forgotten() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let (mut store, ids) = Store::of(&[other.at(0, &[Some("b")]), one.at(1, &[Some("a")]), one.at(2, &[Some("a")])]);
    store.keys.forgotten(&ids[1].author, ids[1].epoch);
    assert_eq!((store.keys.due(9), store.keys.latest(b"a")), (vec![], None));
    assert_eq!(store.keys.latest(b"b"), Some(ids[0]));
}

#[test]
fn an_author_that_has_more_than_one_may_have_loses_its_own() {
    let (mut one, mut other) = (Author::new(1), Author::new(2));
    let (old, batches) = (other.at(0, &[None]), [one.at(1, &[None]), one.at(2, &[None]), one.at(3, &[None])]);
    let mut index = Index::new();
    index.stored(&old);
    batches.iter().for_each(|batch| index.stored(batch));
    let len = batches[0].len() as u64;
    let (author, epoch) = (batches[0].author(), batches[0].head().value().epoch);
    assert_eq!(index.over(3 * len), None);
    let due = index.over(2 * len).unwrap();
    assert_eq!((due.batch, due.why), (BatchId::of(&batches[0]), Why::Size), "not what others have, older as it is");
    assert_eq!(index.front(&author, epoch), Some(Front::of(&batches[0])));
    index.deleted(&due, Some(Front::of(&batches[1])));
    assert_eq!((index.over(2 * len), index.front(&author, epoch)), (None, Some(Front::of(&batches[1]))));
    assert_eq!(index.front(&author, Epoch(7)), None);
    // What it said in later epochs is its own, too.
    index.found(author, Epoch(epoch.0 + 1), Front::of(&batches[2]), len, 1);
    assert_eq!(index.over(3 * len), None);
    let due = index.over(2 * len).unwrap();
    assert_eq!(due.batch, BatchId::of(&batches[1]), "the oldest epoch goes first");
}
