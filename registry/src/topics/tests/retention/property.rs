//! Whatever is stored and deleted, in whatever order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use proptest::{collection, prelude::*};

use super::*;

const LOGS: usize = 4;
const BATCHES: usize = 8;

/// What can be stored: the batches of two authors in two epochs each. Many are of the same time.
static POOL: LazyLock<Vec<Vec<Batch>>> = LazyLock::new(|| {
    let log = |(number, epoch): (u8, u64)| {
        let mut author = Author::new(number);
        author.writer = Writer::begin(topic(0), UnixMillis(NOW.0 + epoch), None);
        (0..BATCHES)
            .map(|nth| author.at(nth as u64 / 2, &vec![None; 1 + (nth * 5 + usize::from(number)) % 4]))
            .collect()
    };
    [(1, 0), (1, 1), (2, 0), (2, 1)].into_iter().map(log).collect()
});

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    Store(usize, usize),
    /// These of a log are deleted together, and said to be in this order.
    Delete(usize, Vec<usize>),
    /// What is due goes, up to so many batches; a front can be said twice to be deleted.
    Prune(Retention, u64, usize, bool),
    Forget(usize),
    Restart,
}

fn retention() -> impl Strategy<Value = (Retention, u64)> {
    let bounds = (prop::option::of(0..5_u64), prop::option::of(0..5_000_u64), prop::option::of(0..60_u64));
    (bounds, any::<bool>(), 0..8_u64).prop_map(|((age_secs, bytes, entries), last_per_key, later)| {
        (Retention { age_secs, bytes, entries, last_per_key }, later)
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..LOGS, 0..BATCHES).prop_map(|(log, nth)| Step::Store(log, nth)),
        3 => (0..LOGS, collection::vec(0..BATCHES, 1..4)).prop_map(|(log, nth)| Step::Delete(log, nth)),
        3 => (retention(), 1..4_usize, any::<bool>())
            .prop_map(|((retention, later), most, twice)| Step::Prune(retention, later, most, twice)),
        1 => (0..LOGS).prop_map(Step::Forget),
        1 => Just(Step::Restart),
    ]
}

/// Everything that is held, batch by batch.
#[derive(Default)]
struct Model {
    held: BTreeSet<(usize, usize)>,
}

impl Model {
    fn batches(&self) -> impl Iterator<Item = &'static Batch> {
        self.held.iter().map(|(log, nth)| &POOL[*log][*nth])
    }

    fn log(&self, log: usize) -> impl Iterator<Item = &'static Batch> {
        self.held.range((log, 0)..(log + 1, 0)).map(|(log, nth)| &POOL[*log][*nth])
    }

    fn front(&self, log: usize) -> Option<Front> {
        self.log(log).map(Front::of).next()
    }

    fn place(id: BatchId) -> (usize, usize) {
        let mut places = (0..LOGS).flat_map(|log| (0..BATCHES).map(move |nth| (log, nth)));
        places.find(|(log, nth)| BatchId::of(&POOL[*log][*nth]) == id).unwrap()
    }

    /// The oldest of all batches, if it may go.
    fn due(&self, retention: &Retention, now: UnixMillis) -> Option<Deletion> {
        let oldest = self.batches().min_by_key(|batch| (batch.head().value().time, BatchId::of(batch)))?;
        let (bytes, entries) = sums(self.batches());
        let old = |age: u64| oldest.head().value().time.millis().0 < now.0 - 1_000 * age;
        let why = if retention.age_secs.is_some_and(old) {
            Why::Age
        } else if retention.bytes.is_some_and(|most| bytes > most)
            || retention.entries.is_some_and(|most| entries > most)
        {
            Why::Size
        } else {
            return None;
        };
        Some(Deletion { why, ..overtaken(oldest) })
    }

    fn step(&mut self, index: &mut Index, step: Step) {
        match step {
            Step::Store(log, nth) => {
                let batch = &POOL[log][nth];
                // What is stored already is not said to be stored again, but for the front.
                if self.held.insert((log, nth)) || self.front(log) == Some(Front::of(batch)) {
                    index.stored(batch);
                }
            }
            Step::Delete(log, mut batches) => {
                batches.retain(|nth| self.held.remove(&(log, *nth)));
                for nth in batches {
                    index.deleted(&overtaken(&POOL[log][nth]), self.front(log));
                }
            }
            Step::Prune(retention, later, most, twice) => {
                let now = UnixMillis(NOW.0 + 1_000 * later);
                for _ in 0..most {
                    let due = index.due(&retention, now);
                    assert_eq!(due, self.due(&retention, now));
                    let Some(due) = due else { return };
                    let place = Self::place(due.batch);
                    self.held.remove(&place);
                    (0..1 + usize::from(twice)).for_each(|_| index.deleted(&due, self.front(place.0)));
                }
            }
            Step::Forget(log) => {
                self.held.retain(|(other, _)| *other != log);
                let id = BatchId::of(&POOL[log][0]);
                index.forgotten(&id.author, id.epoch);
            }
            Step::Restart => {
                *index = Index::new();
                for log in 0..LOGS {
                    let (id, (bytes, entries)) = (BatchId::of(&POOL[log][0]), sums(self.log(log)));
                    self.front(log)
                        .into_iter()
                        .for_each(|front| index.found(id.author, id.epoch, front, bytes, entries));
                }
            }
        }
    }

    fn compare(&self, index: &Index) {
        assert_eq!((index.bytes(), index.entries()), sums(self.batches()));
        for log in 0..LOGS {
            let id = BatchId::of(&POOL[log][0]);
            assert_eq!(index.of_log(&id.author, id.epoch), sums(self.log(log)));
        }
        let next = |retention| assert_eq!(index.due(&retention, NOW), self.due(&retention, NOW));
        [all(), last(), entries(0)].into_iter().for_each(next);
    }
}

/// Bytes and entries of these.
fn sums(batches: impl Iterator<Item = &'static Batch>) -> (u64, u64) {
    batches.map(Front::of).fold((0, 0), |(bytes, entries), front| (bytes + front.bytes, entries + front.entries))
}

proptest! {
    #[test]
    fn the_index_knows_what_is_held(steps in collection::vec(step(), 0..120)) {
        let (mut index, mut model) = (Index::new(), Model::default());
        for step in steps {
            model.step(&mut index, step);
            model.compare(&index);
        }
        // In the end everything goes, oldest first.
        model.step(&mut index, Step::Prune(entries(0), 0, LOGS * BATCHES, false));
        prop_assert!(model.held.is_empty());
        model.compare(&index);
    }

    #[test]
    fn keys_know_the_last_value_of_each(
        batches in collection::vec((1..3_u8, collection::vec(prop::option::weighted(0.9, 0..4_usize), 1..3)), 1..16),
        order in any::<prop::sample::Index>(),
    ) {
        let names = ["a", "b", "c", "d"];
        let mut authors = [Author::new(1), Author::new(2)];
        let write = |(nth, (number, keys)): (usize, &(u8, Vec<Option<usize>>))| {
            let keys: Vec<_> = keys.iter().map(|key| key.map(|key| names[key])).collect();
            authors[usize::from(*number) - 1].at(nth as u64, &keys)
        };
        let mut batches: Vec<_> = batches.iter().enumerate().map(write).collect();
        let start = order.index(batches.len());
        batches.rotate_left(start);
        let (mut store, _) = Store::of(&batches);

        let mut last = BTreeMap::new();
        for batch in &batches {
            for entry in batch.entries() {
                if let Some(key) = &entry.key {
                    let place = last.entry(key.clone()).or_insert((entry.time, BatchId::of(batch)));
                    *place = (*place).max((entry.time, BatchId::of(batch)));
                }
            }
        }
        let holds = |batch: &&Batch| {
            let current = |key: &_, time| last[key] == (time, BatchId::of(batch));
            let later = |other: &Batch| other.author() == batch.author() && BatchId::of(other) > BatchId::of(batch);
            batch.entries().iter().any(|entry| entry.key.as_ref().is_none_or(|key| current(key, entry.time)))
                || !batches.iter().any(later)
        };
        let (stay, mut go): (Vec<_>, Vec<_>) = batches.iter().partition(holds);
        go.sort_unstable_by_key(|batch| BatchId::of(batch));
        let due = store.keys.due(100);
        prop_assert_eq!(&due, &go.into_iter().map(overtaken).collect::<Vec<_>>());
        due.iter().for_each(|deletion| store.delete(deletion));
        prop_assert_eq!(store.keys.due(100), vec![]);
        prop_assert_eq!((store.index.bytes(), store.index.entries()), stay.iter().fold((0, 0), |sum, batch| {
            (sum.0 + batch.len() as u64, sum.1 + u64::from(batch.head().value().count))
        }));
        for (key, (_, id)) in last {
            prop_assert_eq!(store.keys.latest(&key), Some(id));
        }
    }
}
