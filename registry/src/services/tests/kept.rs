//! What is written for the next run.

use super::*;
use crate::services::{
    Holding, Keep, Kept,
    kept::{SET, STORED},
};

const ALL: usize = usize::MAX;

/// Changes as text: `set 1`, `lease 1`, `forget 1`, by the seeds of `authors`.
fn changes(kept: &mut Kept, view: &Directory, authors: &[&Author], now: Time, most: usize) -> Vec<String> {
    let seed = |node: NodeId| authors.iter().position(|author| author.id() == node).unwrap();
    let tell = |change: &Keep| match change {
        Keep::Set(set) => format!("set {}", seed(set.lease.author())),
        Keep::Lease { lease, .. } => format!("lease {}", seed(lease.author())),
        Keep::Forget(node) => format!("forget {}", seed(*node)),
    };
    let mut told: Vec<String> = kept.changes(view, now, most).iter().map(tell).collect();
    told.sort_unstable();
    told
}

fn provider(seed: u8) -> Author {
    let mut author = Author::new(seed);
    author.offer(seed.into(), "math.calc", "1.0.0");
    author
}

#[test]
fn only_what_has_changed_is_written() {
    let (mut view, mut kept) = (directory(), Kept::default());
    let (mut me, mut a, mut b) = (provider(0), provider(1), provider(2));
    for author in [&mut me, &mut a, &mut b] {
        apply(&mut view, author.whole(), at(0));
    }
    assert_eq!(changes(&mut kept, &view, &[&me, &a, &b], at(1), ALL), ["set 1", "set 2"], "not this node's own");
    assert!(kept.changes(&view, at(2), ALL).is_empty());
    apply(&mut view, a.renewal(), at(3));
    b.offer(3, "photos", "1.0.0");
    apply(&mut view, b.whole(), at(3));
    assert_eq!(changes(&mut kept, &view, &[&me, &a, &b], at(4), ALL), ["lease 1", "set 2"]);
    view.expire(at(1000));
    assert_eq!(changes(&mut kept, &view, &[&me, &a, &b], at(1000), ALL), ["forget 1", "forget 2"]);
    assert!(kept.is_empty());
}

#[test]
fn what_is_left_of_a_lease_is_written_as_it_is_then() {
    let (mut view, mut kept, mut a) = (directory(), Kept::default(), provider(1));
    apply(&mut view, a.whole(), at(0));
    let [Keep::Set(Holding { remaining, .. })] = &kept.changes(&view, at(30), ALL)[..] else { panic!("a set") };
    assert_eq!(*remaining, Duration::from_secs(60));
    apply(&mut view, a.renewal(), at(40));
    let [Keep::Lease { remaining, .. }] = &kept.changes(&view, at(50), ALL)[..] else { panic!("a lease") };
    assert_eq!(*remaining, Duration::from_secs(80));
}

#[test]
fn what_is_withdrawn_or_not_whole_is_deleted() {
    let (mut view, mut kept, mut a, mut b) = (directory(), Kept::default(), provider(1), provider(2));
    apply(&mut view, a.whole(), at(0));
    apply(&mut view, b.whole(), at(0));
    kept.changes(&view, at(0), ALL);
    view.withdraw(&a.leave(), at(1));
    view.withdraw(&b.take_back(&[2]), at(1));
    let authors = [&Author::new(0), &a, &b];
    assert_eq!(changes(&mut kept, &view, &authors, at(1), ALL), ["forget 1", "forget 2"], "its lease is still to come");
    apply(&mut view, b.renewal(), at(2));
    let authors = [&Author::new(0), &a, &b];
    assert_eq!(changes(&mut kept, &view, &authors, at(2), ALL), ["set 2"]);
}

#[test]
fn what_was_found_need_not_be_written_again_and_rubbish_is_deleted() {
    let (mut view, mut kept) = (directory(), Kept::default());
    let (mut a, b, mut c) = (provider(1), provider(2), provider(3));
    let set = a.whole();
    kept.found(&set);
    view.restore(set, Duration::from_secs(60), at(0), WALL).unwrap();
    kept.found_rubbish(b.id());
    kept.found_rubbish(c.id());
    apply(&mut view, c.whole(), at(0));
    let authors = [&Author::new(0), &a, &b, &c];
    assert_eq!(changes(&mut kept, &view, &authors, at(1), ALL), ["forget 2", "set 3"]);
    apply(&mut view, a.renewal(), at(2));
    let authors = [&Author::new(0), &a, &b, &c];
    assert_eq!(changes(&mut kept, &view, &authors, at(2), ALL), ["lease 1"]);
}

#[test]
fn what_is_written_at_a_time_is_bounded_and_everybodys_turn_comes() {
    let (mut view, mut kept) = (directory(), Kept::default());
    let mut authors: Vec<Author> = (1..=20).map(provider).collect();
    let mut say = |view: &mut Directory, now| {
        for author in &mut authors {
            author.offer(100, "busy", "1.0.0");
            apply(view, author.whole(), now);
        }
    };
    say(&mut view, at(0));
    let mut written = std::collections::BTreeSet::new();
    // They all change all the time.
    for round in 0..12 {
        let changes = kept.changes(&view, at(round), 1_000);
        assert!((1..=4).contains(&changes.len()), "{}", changes.len());
        for change in changes {
            let Keep::Set(set) = change else { panic!("a set") };
            written.insert(set.lease.author());
        }
        say(&mut view, at(round));
    }
    assert_eq!(written.len(), 20);
}

/// A node with so many services with long docs, about 8 KiB each.
fn talker(seed: u8, services: u64) -> Author {
    let mut author = Author::new(seed);
    for instance in 0..services {
        let seq = author.next();
        let said = ServiceRecord { doc: "x".repeat(8 * 1024), ..service(instance, "talk", "1.0.0", seq) };
        let record = author.record(said);
        author.services.insert(InstanceId(instance), record);
    }
    author
}

#[test]
fn large_sets_are_not_kept_and_all_together_are_bounded() {
    let (mut view, mut kept) = (directory(), Kept::default());
    let (mut a, mut b) = (provider(1), talker(2, (SET / 8 / 1024) as u64 + 1));
    apply(&mut view, a.whole(), at(0));
    apply(&mut view, b.whole(), at(0));
    let authors = [&Author::new(0), &a, &b];
    assert_eq!(changes(&mut kept, &view, &authors, at(0), ALL), ["set 1"]);
    // One that grows above the bound is deleted.
    let mut a = talker(1, (SET / 8 / 1024) as u64 + 1);
    a.seq += 1_000;
    let lease = a.lease();
    apply(&mut view, a.whole_under(lease), at(1));
    let authors = [&Author::new(0), &a, &b];
    assert_eq!(changes(&mut kept, &view, &authors, at(1), ALL), ["forget 1"]);
    let most = STORED / SET + 2;
    for seed in 0..u8::try_from(most).unwrap() {
        apply(&mut view, talker(10 + seed, 120).whole(), at(2));
    }
    let written = kept.changes(&view, at(2), ALL).len();
    assert!((STORED / SET..most).contains(&written), "{written}");
}
