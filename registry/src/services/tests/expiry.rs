//! Leases end by this node's own clock.

use super::*;

#[test]
fn a_lease_that_is_not_renewed_ends() {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    a.offer(1, "a", "1.0.0");
    b.offer(2, "b", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(10));
    told(&mut directory);
    assert_eq!(directory.next_expiry(), Some(at(90)));
    directory.expire(Time(at(90).0 - 1));
    assert_eq!(listed(&directory), [1, 2]);
    directory.expire(at(90));
    assert_eq!(listed(&directory), [2]);
    assert_eq!(told(&mut directory), ["removed 1 expired"]);
    assert_eq!(directory.next_expiry(), Some(at(100)));
    assert!(directory.node(&a.id()).is_none() && found(&directory, "a").is_empty());
}

#[test]
fn every_entrance_notices_what_has_ended() {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(100));
    assert!(directory.is_empty());
    apply(&mut directory, a.whole(), at(200));
    directory.contact_made(b.id(), at(300));
    assert!(directory.is_empty());
}

#[test]
fn replays_do_not_bring_back_what_has_ended() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let record = a.offer(1, "a", "1.0.0");
    let older = part(a.lease(), [record]);
    let last = a.whole();
    apply(&mut directory, last.clone(), at(0));
    directory.expire(at(90));
    for replay in [older, last.clone(), relayed(last, Duration::from_secs(60))] {
        assert_eq!(apply(&mut directory, replay.clone(), at(91)), Applied::Stale, "it may have been on its way");
        assert_eq!(apply(&mut directory, replay, at(100)), Applied::Replayed);
    }
    let ended = relayed(Author::new(2).whole(), Duration::ZERO);
    assert_eq!(apply(&mut directory, ended, at(100)), Applied::Replayed, "nobody answers with what has ended");
    assert!(directory.is_empty() && directory.nodes().next().is_none());
}

#[test]
fn a_node_returns_with_its_old_records_under_a_new_lease() {
    // Cut off for a while, it never noticed: its records still carry their old numbers.
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    directory.expire(at(90));
    assert_eq!(apply(&mut directory, a.renewal(), at(100)), Applied::Incomplete);
    let lease = a.lease();
    assert_eq!(apply(&mut directory, a.whole_under(lease), at(101)), Applied::Complete);
    assert_eq!(listed(&directory), [1]);
}

#[test]
fn this_nodes_own_records_never_end() {
    let (mut directory, mut me) = (directory(), Author::new(0));
    me.offer(1, "a", "1.0.0");
    apply(&mut directory, me.whole(), at(0));
    assert_eq!(directory.next_expiry(), None);
    directory.expire(Time(u64::MAX - 1));
    assert_eq!(listed(&directory), [1]);
    directory.expire(Time::NEVER);
    assert_eq!(listed(&directory), [1]);
    assert_eq!(directory.node(&me.id()).unwrap().expires, Time::NEVER);
}

#[test]
fn suspicion_follows_contact() {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    a.offer(1, "x", "1.0.0");
    b.offer(2, "x", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(0));
    told(&mut directory);
    let first = directory.find(&"x".parse().unwrap()).first().unwrap().node;
    directory.contact_failed(first, at(1));
    directory.contact_failed(first, at(1));
    let order = directory.find(&"x".parse().unwrap());
    assert_eq!((order[0].suspect, order[1].suspect, order[1].node), (false, true, first), "suspects come last");
    assert!(directory.node(&first).unwrap().suspect);
    let number = order[1].record.value().instance.0;
    assert_eq!(told(&mut directory), [format!("suspect {number}")]);
    // What others remember of it does not show that it is alive; what it says itself does.
    let suspect = if first == a.id() { &mut a } else { &mut b };
    let more = suspect.offer(3, "x", "1.0.0");
    apply(&mut directory, relayed(part(suspect.lease(), [more]), Duration::from_secs(60)), at(2));
    assert!(directory.take_changes().iter().all(|change| change.instance().suspect));
    apply(&mut directory, part(suspect.lease(), []), at(2));
    assert!(directory.instances().all(|instance| !instance.suspect));
    directory.contact_failed(first, at(2));
    assert_eq!(told(&mut directory).len(), 4);
    directory.contact_made(first, at(3));
    directory.contact_made(first, at(3));
    assert_eq!(told(&mut directory).len(), 2);
    assert!(directory.instances().all(|instance| !instance.suspect));
}

#[test]
fn this_node_and_strangers_are_never_suspect() {
    let (mut directory, mut me) = (directory(), Author::new(0));
    me.offer(1, "x", "1.0.0");
    apply(&mut directory, me.whole(), at(0));
    told(&mut directory);
    directory.contact_failed(me.id(), at(1));
    directory.contact_failed(Author::new(9).id(), at(1));
    assert!(told(&mut directory).is_empty());
    assert_eq!(directory.nodes().count(), 1);
}
