//! What a log takes in, what it says is missing, and that forks are proved.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    golden::{key, network, other_key},
    topic::{Clock, Draft, Writer, tests::append},
};

mod property;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// A log with its store.
struct Held {
    log: Log,
    store: BTreeMap<(Epoch, Seq), Batch>,
    room: Room,
}

/// Which of the ways to take in a batch.
#[derive(Clone, Copy)]
enum How {
    Follows,
    FromHere,
    Apart,
}

fn topic() -> TopicName {
    crate::golden::topic::topic()
}

impl Held {
    fn new() -> Self {
        Self { log: Log::new(topic(), key().node_id()), store: BTreeMap::new(), room: Room::ALL }
    }

    fn take(&mut self, batch: &Batch, how: How) -> Result<Accepted, Refused> {
        let store = &self.store;
        let stored = |epoch, seq| {
            let (_, batch) = store.range(..=(epoch, seq)).next_back()?;
            let head = batch.head().value();
            (head.epoch == epoch && head.last() >= seq).then(|| batch.head().clone())
        };
        let took = match how {
            How::Follows => self.log.accept(batch, NOW, self.room, &stored),
            How::FromHere => self.log.accept_from_here(batch, NOW, self.room, &stored),
            How::Apart => self.log.accept_apart(batch, NOW, self.room, &stored),
        };
        if matches!(took, Ok(Accepted::Appended | Accepted::AppendedInsteadOf(_))) {
            let head = batch.head().value();
            self.store.insert((head.epoch, head.first), batch.clone());
        }
        took
    }

    fn accept(&mut self, batch: &Batch) -> Result<Accepted, Refused> {
        self.take(batch, How::Follows)
    }

    fn accept_all(&mut self, batches: &[Batch]) {
        for batch in batches {
            self.accept(batch).unwrap();
        }
    }

    /// Reads to the end: positions, and gaps as negative ones.
    fn read(&self, cursor: &mut Cursor) -> Vec<(i64, i64)> {
        let mut seen = Vec::new();
        while let Some(step) = self.log.read(cursor) {
            let (epoch, entries, sign) = match step {
                Step::Read { epoch, entries } => (epoch, entries, 1),
                Step::Gap(Gap { epoch, entries }) => (epoch, entries, -1),
            };
            cursor.pass(epoch, entries.to);
            seen.push((sign * entries.from.0 as i64, sign * entries.to.0 as i64));
        }
        seen
    }
}

/// Batches of two entries each: 1–2, 3–4 and so on.
fn pairs(count: usize) -> Vec<Batch> {
    let (mut writer, mut clock) = (Writer::begin(topic(), NOW, None), Clock::default());
    (0..count).map(|_| append(&mut writer, &mut clock, vec![Draft::of("a"), Draft::of("b")])).collect()
}

fn stretch(from: u64, to: u64) -> Stretch {
    Stretch { from: Seq(from), to: Seq(to) }
}

fn epoch(batches: &[Batch]) -> Epoch {
    batches[0].head().value().epoch
}

#[test]
fn batches_are_taken_in_order_once() {
    let (batches, mut held) = (pairs(3), Held::new());
    let missing = |from, to| Err(Refused::Missing { epoch: epoch(&batches), from: Seq(from), to: Seq(to) });
    assert_eq!(held.accept(&batches[1]), missing(1, 2));
    assert_eq!(held.accept(&batches[0]), Ok(Accepted::Appended));
    assert_eq!(held.accept(&batches[2]), missing(3, 4));
    assert_eq!(held.accept(&batches[1]), Ok(Accepted::Appended));
    assert_eq!(held.accept(&batches[2]), Ok(Accepted::Appended));
    for batch in &batches {
        assert_eq!(held.accept(batch), Ok(Accepted::Known));
    }
    let chain = held.log.chain(epoch(&batches)).unwrap();
    assert_eq!((chain.first(), chain.last(), chain.missing(Seq(9))), (Seq(1), Seq(6), vec![stretch(7, 9)]));
    assert_eq!(held.log.head().unwrap().hash(), batches[2].head().hash());
}

#[test]
fn what_is_read_goes_on_after_the_cursor() {
    let (batches, mut held) = (pairs(3), Held::new());
    let mut cursor = Cursor::default();
    assert_eq!(held.read(&mut cursor), []);
    held.accept(&batches[0]).unwrap();
    assert_eq!(held.read(&mut cursor), [(1, 2)]);
    held.accept(&batches[1]).unwrap();
    held.accept(&batches[2]).unwrap();
    assert_eq!(held.read(&mut cursor), [(3, 6)]);
    assert_eq!(held.read(&mut held.log.end()), []);
    assert_eq!(cursor, held.log.end());
}

#[test]
fn others_batches_are_refused() {
    let mut held = Held::new();
    let mut elsewhere = Writer::begin("rooms/other".parse().unwrap(), NOW, None);
    let other = append(&mut elsewhere, &mut Clock::default(), vec![Draft::of("a")]);
    let error = held.accept(&other).unwrap_err().to_string();
    assert!(error.starts_with("a batch on rooms/other by 12D3Koo"), "{error}");
    let somebody = Writer::begin(topic(), NOW, None)
        .append(&other_key(), &network(), &mut Clock::default(), NOW, vec![Draft::of("a")])
        .unwrap();
    assert!(matches!(held.accept(&somebody), Err(Refused::Elsewhere { .. })));
}

#[test]
fn what_is_dated_too_far_ahead_waits() {
    let at = |millis: u64| {
        let now = UnixMillis(NOW.0 + millis);
        let mut writer = Writer::begin(topic(), NOW, None);
        writer.append(&key(), &network(), &mut Clock::default(), now, vec![Draft::of("a")]).unwrap()
    };
    let day = 24 * 3_600_000;
    assert_eq!(Held::new().accept(&at(day)), Ok(Accepted::Appended));
    let error = Held::new().accept(&at(day + 1)).unwrap_err().to_string();
    assert_eq!(error, "dated 86400.001s ahead of this node's clock, at most 86400s are allowed");
    // The same for the epoch, that nobody could follow.
    let mut writer = Writer::begin(topic(), UnixMillis(NOW.0 + day + 1), None);
    let batch = append(&mut writer, &mut Clock::default(), vec![Draft::of("a")]);
    assert!(matches!(Held::new().accept(&batch), Err(Refused::Future { .. })));
}

#[test]
fn quotas_are_kept() {
    let (batches, mut held) = (pairs(2), Held::new());
    let len = batches[0].len() as u64;
    for room in [Room { bytes: len - 1, entries: 9 }, Room { bytes: len, entries: 1 }] {
        held.room = room;
        assert_eq!(held.accept(&batches[0]), Err(Refused::OverQuota { bytes: len, entries: 2, room }));
        assert!(held.log.head().is_none(), "nothing has changed");
    }
    held.room = Room { bytes: len, entries: 2 };
    assert_eq!(held.accept(&batches[0]), Ok(Accepted::Appended));
    held.room = Room { bytes: 0, entries: 0 };
    assert!(matches!(held.accept(&batches[1]), Err(Refused::OverQuota { .. })));
    assert_eq!(held.accept(&batches[0]), Ok(Accepted::Known), "what is known needs no room");
}

/// Two logs that go apart after so many common batches.
fn fork(common: usize, then: usize) -> (Vec<Batch>, Vec<Batch>) {
    let (mut writer, mut clock) = (Writer::begin(topic(), NOW, None), Clock::default());
    let mut one: Vec<_> = (0..common).map(|_| append(&mut writer, &mut clock, vec![Draft::of("a")])).collect();
    let (mut other, mut twin, mut later) = (one.clone(), writer.clone(), clock);
    one.extend((0..then).map(|_| append(&mut writer, &mut clock, vec![Draft::of("one")])));
    other.extend((0..then).map(|_| append(&mut twin, &mut later, vec![Draft::of("other")])));
    (one, other)
}

#[test]
fn a_fork_is_proved_wherever_it_shows() {
    for (shown, at) in [(1, 2), (3, 4)] {
        // At the same position, as the tail and further back; and as a batch that does not follow.
        for back in [0, 1] {
            let (one, other) = fork(shown, 2);
            let mut held = Held::new();
            held.accept_all(&one[..shown + 1 + back]);
            let Err(Refused::Forked(proof)) = held.accept(&other[shown]) else { panic!("a fork was taken in") };
            assert_eq!(proof.verify(&network()).unwrap().seq, Seq(at));
            assert_eq!(held.log.forked(), Some(&*proof));
            assert_eq!(held.accept(&one[0]), Err(Refused::Quarantined));
        }
        let (one, other) = fork(shown, 2);
        let mut held = Held::new();
        held.accept_all(&one[..shown + 1]);
        assert!(matches!(held.accept(&other[shown + 1]), Err(Refused::Forked(_))));
    }
}

#[test]
fn what_goes_back_in_time_is_refused() {
    let (mut writer, mut early) = (Writer::begin(topic(), NOW, None), Clock::default());
    let first = append(&mut writer, &mut early, vec![Draft::of("a"); 3]);
    // A writer that does not know its own log would date it so.
    let next = append(&mut writer, &mut early, vec![Draft::of("b")]);
    let mut head = next.head().value().clone();
    head.time = first.began();
    let entries = crate::topic::entry::encode(&[Draft::of("b").dated(head.time)], 9).unwrap();
    head.digest = crate::sealed::Hash::of(&entries);
    let head = crate::golden::sealed(head);
    let batch = crate::topic::SignedBatch { head, entries: entries.into() }.open(&network()).unwrap();
    let mut held = Held::new();
    held.accept(&first).unwrap();
    let error = held.accept(&batch).unwrap_err();
    assert!(matches!(error, Refused::Backwards { first: Seq(4), .. }), "{error}");
    assert_eq!(held.accept(&next), Ok(Accepted::Appended));
}

#[test]
fn a_restored_backup_goes_on_in_a_new_epoch() {
    let old = pairs(3);
    // The backup has the first batch alone, and does not know of the others.
    let mut writer = Writer::begin(topic(), UnixMillis(NOW.0 + 1), Some(old[0].head()));
    let new = append(&mut writer, &mut Clock::default(), vec![Draft::of("c")]);
    assert_eq!(new.head().value().prev, old[0].head().hash());
    let (mut held, mut cursor) = (Held::new(), Cursor::default());
    held.accept(&old[0]).unwrap();
    held.accept(&new).unwrap();
    assert_eq!(held.read(&mut cursor), [(1, 2), (1, 1)], "the old epoch as far as it is known, then the new one");
    held.accept(&old[1]).unwrap();
    held.accept(&old[2]).unwrap();
    assert_eq!(held.read(&mut cursor), [(3, 6)], "what turns up late is told late");
    assert_eq!(held.read(&mut Cursor::default()), [(1, 6), (1, 1)]);
    assert_eq!(held.log.head().unwrap().hash(), new.head().hash());
}

#[test]
fn the_latest_epochs_are_known_of() {
    let begun = |nth: u64| {
        let mut writer = Writer::begin(topic(), UnixMillis(NOW.0 + nth), None);
        append(&mut writer, &mut Clock::default(), vec![Draft::of("a")])
    };
    let mut held = Held::new();
    for nth in 1..=64 {
        assert_eq!(held.accept(&begun(nth)), Ok(Accepted::Appended));
    }
    let error = held.accept(&begun(0)).unwrap_err().to_string();
    assert_eq!(error, format!("epoch {} is older than the 64 latest epochs of this log", NOW.0));
    assert_eq!(held.accept(&begun(65)), Ok(Accepted::AppendedInsteadOf(Epoch(NOW.0 + 1))));
    assert_eq!(held.log.chains().count(), limits::LOG_EPOCHS);
}

#[test]
fn gaps_are_told_and_can_be_filled() {
    let (batches, mut held) = (pairs(5), Held::new());
    let (epoch, mut cursor) = (epoch(&batches), Cursor::default());
    held.accept(&batches[0]).unwrap();
    held.log.skip(epoch, stretch(3, 6));
    assert_eq!(held.read(&mut cursor.clone()), [(1, 2)], "of what is to come nobody can know that it is gone");
    held.take(&batches[3], How::Apart).unwrap();
    held.log.skip(epoch, stretch(3, 6));
    assert_eq!(held.read(&mut cursor), [(1, 2), (-3, -6), (7, 8)]);
    assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(8)), []);
    held.log.want(epoch, Seq(1));
    assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(8)), [stretch(3, 6)]);
    assert_eq!(held.read(&mut Cursor::default()), [(1, 2)], "it waits for what is being fetched");
    held.accept(&batches[1]).unwrap();
    held.accept(&batches[2]).unwrap();
    assert_eq!(held.read(&mut Cursor::default()), [(1, 8)]);
    assert_eq!(held.read(&mut cursor), []);
    assert_eq!(held.log.chain(epoch).unwrap().last(), Seq(8));
}

#[test]
fn what_is_damaged_is_missing_and_can_be_filled() {
    let (batches, mut held) = (pairs(4), Held::new());
    let epoch = epoch(&batches);
    held.accept_all(&batches);
    assert!(held.log.lose(epoch, stretch(3, 6)));
    assert!(!held.log.lose(epoch, stretch(3, 6)), "it was lost before");
    let chain = held.log.chain(epoch).unwrap();
    assert_eq!((chain.missing(Seq(8)), chain.holes()), (vec![stretch(3, 6)], 4));
    assert_eq!(held.read(&mut Cursor::default()), [(1, 2)], "it waits for what is being fetched");
    held.accept(&batches[1]).unwrap();
    held.log.skip(epoch, stretch(5, 6));
    assert_eq!(held.read(&mut Cursor::default()), [(1, 4), (-5, -6), (7, 8)]);
    assert_eq!(held.log.chain(epoch).unwrap().holes(), 2, "what is given up is not held either");
}

#[test]
fn who_has_lost_the_end_of_a_log_does_not_say_that_it_has_it() {
    let (batches, mut held) = (pairs(2), Held::new());
    let epoch = epoch(&batches);
    held.accept_all(&batches);
    held.log.lose(epoch, stretch(3, 4));
    assert!(!held.log.chain(epoch).unwrap().ends_well());
    assert_eq!(held.accept(&batches[1]), Ok(Accepted::Appended));
    assert!(held.log.chain(epoch).unwrap().ends_well());
    held.log.drop_before(epoch, Seq(5));
    assert!(held.log.chain(epoch).unwrap().ends_well(), "retention has passed it");
}

#[test]
fn a_fork_is_proved_where_everything_was_dropped() {
    let (mut writer, mut clock) = (Writer::begin(topic(), NOW, None), Clock::default());
    let first = append(&mut writer, &mut clock, vec![Draft::of("a")]);
    let (mut twin, mut later) = (writer.clone(), clock);
    let second = append(&mut writer, &mut clock, vec![Draft::of("one")]);
    let rival = append(&mut twin, &mut later, vec![Draft::of("other"); 3]);
    let mut held = Held::new();
    held.accept(&first).unwrap();
    held.accept(&second).unwrap();
    held.log.drop_before(first.head().value().epoch, Seq(3));
    let refused = held.take(&rival, How::Apart).unwrap_err();
    assert!(matches!(refused, Refused::Forked(_)), "{refused}");
}

#[test]
fn what_fills_a_gap_must_fit_at_both_ends() {
    let (one, other) = fork(2, 3);
    let mut held = Held::new();
    held.accept(&one[0]).unwrap();
    held.take(&one[3], How::Apart).unwrap();
    held.accept(&one[1]).unwrap();
    // It follows the common part, and does not lead to what is there.
    assert!(matches!(held.accept(&other[2]), Err(Refused::Forked(_))));
}

#[test]
fn what_retention_has_passed_is_a_gap_to_those_behind() {
    let (batches, mut held) = (pairs(4), Held::new());
    let epoch = epoch(&batches);
    held.accept_all(&batches[..3]);
    held.log.drop_before(epoch, Seq(5));
    assert_eq!(held.read(&mut Cursor::default()), [(-1, -4), (5, 6)]);
    assert_eq!(held.accept(&batches[0]), Ok(Accepted::Unwanted));
    assert_eq!(held.log.chain(epoch).unwrap().first(), Seq(5));
    let mut ahead = Cursor::default();
    ahead.pass(epoch, Seq(5));
    assert_eq!(held.read(&mut ahead), [(6, 6)]);
    held.log.drop_before(epoch, Seq(7));
    assert_eq!(held.read(&mut Cursor::default()), [(-1, -6)], "also where nothing is left");
    assert_eq!(held.accept(&batches[3]), Ok(Accepted::Appended));
}

#[test]
fn reading_may_begin_later() {
    let (batches, mut held) = (pairs(3), Held::new());
    assert_eq!(held.take(&batches[1], How::FromHere), Ok(Accepted::Appended));
    let epoch = epoch(&batches);
    assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(6)), [stretch(5, 6)]);
    assert_eq!(held.accept(&batches[0]), Ok(Accepted::Unwanted));
    assert_eq!(held.accept(&batches[2]), Ok(Accepted::Appended));
    assert_eq!(held.read(&mut Cursor::default()), [(-1, -2), (3, 6)]);
    held.log.want(epoch, Seq(1));
    assert_eq!(held.accept(&batches[0]), Ok(Accepted::Appended));
    assert_eq!(held.read(&mut Cursor::default()), [(1, 6)]);
    // Somebody else begins later still.
    let later = pairs(9);
    assert_eq!(held.take(&later[7], How::FromHere), Ok(Accepted::Appended));
    assert_eq!(held.read(&mut Cursor::default()), [(1, 6), (-7, -14), (15, 16)]);
}

#[test]
fn what_is_wanted_may_begin_within_a_batch() {
    let (batches, mut held) = (pairs(3), Held::new());
    held.take(&batches[1], How::FromHere).unwrap();
    let epoch = epoch(&batches);
    held.log.want(epoch, Seq(2));
    assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(4)), [stretch(2, 2)]);
    assert_eq!(held.take(&batches[0], How::Apart), Ok(Accepted::Appended));
    assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(4)), []);
    assert_eq!(held.read(&mut Cursor::default()), [(1, 4)], "the whole batch is there");
}

#[test]
fn readers_wait_before_a_hole_until_it_is_given_up() {
    for known in [true, false] {
        let (batches, mut held, mut cursor) = (pairs(4), Held::new(), Cursor::default());
        let (epoch, hole) = (epoch(&batches), if known { stretch(3, 4) } else { stretch(1, 4) });
        if known {
            held.accept(&batches[0]).unwrap();
        }
        assert_eq!(held.take(&batches[2], How::Apart), Ok(Accepted::Appended));
        assert_eq!(held.accept(&batches[3]), Ok(Accepted::Appended));
        assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(8)), [hole]);
        assert_eq!(held.read(&mut cursor).len(), usize::from(known));
        let mut filled = held.log.clone();
        held.log.skip(epoch, hole);
        assert_eq!(held.read(&mut cursor), [(-(hole.from.0 as i64), -4), (5, 8)]);
        // Or somebody has it.
        std::mem::swap(&mut filled, &mut held.log);
        held.accept_all(&batches[..2]);
        assert_eq!(held.read(&mut Cursor::default()), [(1, 8)]);
    }
}

#[test]
fn what_was_overtaken_is_no_gap() {
    let (batches, mut held) = (pairs(3), Held::new());
    let epoch = epoch(&batches);
    held.accept(&batches[0]).unwrap();
    held.take(&batches[2], How::Apart).unwrap();
    held.log.pass_over(epoch, stretch(3, 4));
    assert_eq!(held.read(&mut Cursor::default()), [(1, 6)]);
    assert_eq!(held.accept(&batches[1]), Ok(Accepted::Unwanted));
    held.log.pass_over(epoch, stretch(7, 9));
    assert_eq!(held.log.chain(epoch).unwrap().missing(Seq(9)), [stretch(7, 9)], "what is to come has not been");
}

#[test]
fn stretches_apart_are_bounded() {
    let (batches, mut held) = (pairs(1_200), Held::new());
    let epoch = epoch(&batches);
    held.accept(&batches[0]).unwrap();
    for nth in (2..1_200).step_by(2) {
        held.take(&batches[nth], How::Apart).unwrap();
    }
    let chain = held.log.chain(epoch).unwrap();
    assert!(chain.taken().count() <= limits::LOG_STRETCHES && chain.floor() > Seq(1));
    assert_eq!(chain.last(), batches[1_198].head().value().last());
}

#[test]
fn a_log_goes_on_as_it_was_saved() {
    let (batches, mut held) = (pairs(6), Held::new());
    let epoch = epoch(&batches);
    held.accept(&batches[0]).unwrap();
    held.take(&batches[2], How::Apart).unwrap();
    held.take(&batches[4], How::Apart).unwrap();
    held.log.skip(epoch, stretch(3, 4));
    held.log.drop_before(epoch, Seq(2));
    let saved = held.log.chain(epoch).unwrap().saved();
    let bytes = crate::codec::encode(&saved).unwrap();
    assert!(bytes.len() <= SavedChain::MOST);
    let read: SavedChain = crate::codec::decode(&bytes, SavedChain::MOST).unwrap();
    let mut again = Log::new(topic(), key().node_id());
    again.resume(read).unwrap();
    assert_eq!(again.chain(epoch).unwrap().saved(), saved);
    assert_eq!(again.head().unwrap().hash(), batches[4].head().hash());
    std::mem::swap(&mut held.log, &mut again);
    assert_eq!(held.accept(&batches[5]), Ok(Accepted::Appended));
    // It is nobody else's.
    let error = Log::new("elsewhere".parse().unwrap(), key().node_id()).resume(saved.clone()).unwrap_err();
    assert!(error.to_string().contains("breaks a rule"), "{error}");
    assert!(Log::new(topic(), other_key().node_id()).resume(saved).is_err());
}

#[test]
fn what_was_stored_is_read_back_unless_it_is_damaged() {
    let batch = pairs(1).remove(0);
    let stored = batch.signed();
    assert_eq!(stored.clone().reopen().unwrap().entries(), batch.entries());
    let mut bytes = stored.entries.to_vec();
    bytes[3] ^= 1;
    let damaged = crate::topic::SignedBatch { entries: bytes.into(), ..stored };
    assert!(matches!(damaged.reopen(), Err(crate::topic::BatchError::NotCovered { .. })));
}
