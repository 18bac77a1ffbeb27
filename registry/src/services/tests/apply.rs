//! What batches do.

use super::*;

#[test]
fn a_whole_set_is_complete_at_once() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.introduce("/ip4/10.0.0.1/tcp/1");
    a.offer(1, "math.calc", "1.0.0");
    a.offer(2, "photos", "2.0.0");
    assert_eq!(apply(&mut directory, a.whole(), at(0)), Applied::Complete);
    assert_eq!(listed(&directory), [1, 2]);
    assert_eq!(directory.len(), 2);
    let node = directory.node(&a.id()).unwrap();
    assert_eq!((node.services, node.expires, node.suspect), (2, at(90), false));
    assert_eq!(node.record.unwrap().value().addresses, ["/ip4/10.0.0.1/tcp/1"]);
}

#[test]
fn an_empty_set_is_a_set() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    assert_eq!(apply(&mut directory, a.renewal(), at(0)), Applied::Complete);
    assert!(directory.is_empty());
    assert_eq!(directory.nodes().count(), 1);
    // And it replaces one that was not empty.
    a.offer(1, "math.calc", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    a.services.clear();
    assert_eq!(apply(&mut directory, a.renewal(), at(0)), Applied::Complete);
    assert!(directory.is_empty());
}

#[test]
fn pieces_under_one_lease_add_up_without_extending_it() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let records = [a.offer(1, "a", "1.0.0"), a.offer(2, "b", "1.0.0"), a.offer(3, "c", "1.0.0")];
    let lease = a.lease();
    let [one, two, three] = records;
    assert_eq!(apply(&mut directory, part(lease.clone(), [three]), at(0)), Applied::Incomplete);
    assert_eq!(apply(&mut directory, part(lease.clone(), [one]), at(10)), Applied::Incomplete);
    assert_eq!(listed(&directory), [1, 3], "an incomplete set is usable");
    assert!(directory.known().is_empty(), "but not offered to others");
    assert_eq!(apply(&mut directory, part(lease.clone(), [two]), at(20)), Applied::Complete);
    assert_eq!(directory.known(), [(a.id(), lease.value().seq)]);
    assert_eq!(directory.node(&a.id()).unwrap().expires, at(90));
}

#[test]
fn the_same_again_is_known_then_a_replay() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    let batch = a.whole();
    assert_eq!(apply(&mut directory, batch.clone(), at(0)), Applied::Complete);
    told(&mut directory);
    assert_eq!(apply(&mut directory, batch.clone(), at(9)), Applied::Known);
    assert_eq!(apply(&mut directory, batch, at(10)), Applied::Replayed);
    assert_eq!(directory.node(&a.id()).unwrap().expires, at(90));
    assert!(told(&mut directory).is_empty());
}

#[test]
fn a_renewal_extends_every_record() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    assert_eq!(apply(&mut directory, a.renewal(), at(30)), Applied::Complete);
    let instance = directory.instances().next().unwrap();
    assert_eq!((instance.learnt, instance.expires), (at(0), at(120)));
    assert_eq!(directory.node(&a.id()).unwrap().renewed, at(30));
}

#[test]
fn a_renewal_of_another_set_is_incomplete_and_keeps_what_is_held() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    a.offer(2, "b", "1.0.0");
    assert_eq!(apply(&mut directory, a.renewal(), at(30)), Applied::Incomplete);
    assert_eq!(listed(&directory), [1]);
    assert_eq!(apply(&mut directory, a.whole(), at(31)), Applied::Complete);
    assert_eq!(listed(&directory), [1, 2]);
}

#[test]
fn a_whole_set_replaces_what_was_held() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.introduce("/ip4/10.0.0.1/tcp/1");
    a.offer(1, "a", "1.0.0");
    a.offer(2, "b", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    told(&mut directory);
    a.node = None;
    a.services.remove(&InstanceId(1));
    assert_eq!(apply(&mut directory, a.whole(), at(1)), Applied::Complete);
    assert_eq!(listed(&directory), [2]);
    assert!(directory.node(&a.id()).unwrap().record.is_none());
    assert_eq!(told(&mut directory), ["removed 1 superseded"]);
}

#[test]
fn a_restarted_node_is_complete_from_its_first_announcement() {
    // Its instances from before the crash were never withdrawn, and the announcement is not marked as whole.
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    a.services.clear();
    let again = a.offer(2, "a", "1.0.0");
    assert_eq!(apply(&mut directory, part(a.lease(), [again]), at(1)), Applied::Complete);
    assert_eq!(listed(&directory), [2]);
}

#[test]
fn a_newer_record_of_an_instance_replaces_the_older_one() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let old = a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    told(&mut directory);
    let new = a.offer(1, "b", "2.0.0");
    assert_eq!(apply(&mut directory, part(a.lease(), [new]), at(1)), Applied::Complete);
    assert_eq!(told(&mut directory), ["changed 1"]);
    assert_eq!((found(&directory, "a"), found(&directory, "b")), (vec![], vec![1]));
    // A replay of the old one under a genuine later lease changes nothing.
    assert_eq!(apply(&mut directory, part(a.lease(), [old]), at(2)), Applied::Complete);
    assert_eq!(found(&directory, "b@2"), [1]);
    assert_eq!(directory.len(), 1);
}

#[test]
fn an_older_lease_changes_nothing_that_is_settled() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    let old = a.whole();
    a.services.clear();
    a.offer(2, "b", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    assert_eq!(apply(&mut directory, old, at(1)), Applied::Stale);
    assert_eq!(listed(&directory), [2]);
    assert_eq!(directory.node(&a.id()).unwrap().renewed, at(0));
}

#[test]
fn what_was_overtaken_long_ago_is_a_replay_if_it_is_gossiped() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let made = |a: &mut Author, seconds: u64| part(a.lease_of(TTL, UnixMillis(WALL.0 + seconds * 1000)), []);
    let (first, second, third) = (made(&mut a, 0), made(&mut a, 9), made(&mut a, 11));
    apply(&mut directory, third, at(100));
    // Both were made before the one that is held, by their author's clock; one of them too long before.
    assert_eq!(apply(&mut directory, second.clone(), at(101)), Applied::Stale);
    assert_eq!(apply(&mut directory, first.clone(), at(101)), Applied::Replayed);
    assert_eq!(apply(&mut directory, second.clone(), at(110)), Applied::Replayed);
    // Whoever is asked says what it has.
    let answer = relayed(first, Duration::from_secs(1));
    assert_eq!(apply(&mut directory, answer, at(110)), Applied::Stale);
    // Of a lease that came second hand it is known how old it was.
    let mut other = super::directory();
    apply(&mut other, relayed(a.renewal(), Duration::from_secs(u64::from(TTL) - 8)), at(0));
    assert_eq!(apply(&mut other, second.clone(), at(1)), Applied::Stale);
    assert_eq!(apply(&mut other, second, at(2)), Applied::Replayed);
}

#[test]
fn a_record_that_a_whole_set_left_out_does_not_return() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let old = a.offer(1, "a", "1.0.0");
    let early = part(a.lease(), [old.clone()]);
    a.services.clear();
    a.offer(2, "b", "1.0.0");
    let middle = a.whole();
    let new = a.offer(3, "c", "1.0.0");
    let late = part(a.lease(), [new]);
    // Not with its own lease, although the set is not complete when the middle one arrives late,
    a.offer(4, "d", "1.0.0");
    let last = a.renewal();
    for (batch, expected) in [
        (late, Applied::Incomplete),
        (last, Applied::Incomplete),
        (middle, Applied::Incomplete),
        (early, Applied::Stale),
    ] {
        assert_eq!(apply(&mut directory, batch, at(0)), expected);
    }
    assert_eq!(listed(&directory), [2, 3]);
    // and not under a genuine later one.
    assert_eq!(apply(&mut directory, part(a.lease(), [old]), at(0)), Applied::Incomplete);
    assert_eq!(listed(&directory), [2, 3]);
}

#[test]
fn a_late_older_batch_fills_in_what_nothing_later_speaks_of() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let first = a.offer(1, "a", "1.0.0");
    let early = part(a.lease(), [first]);
    let second = a.offer(2, "b", "1.0.0");
    let late = part(a.lease(), [second]);
    assert_eq!(apply(&mut directory, late.clone(), at(0)), Applied::Incomplete);
    assert_eq!(apply(&mut directory, early, at(5)), Applied::Complete);
    assert_eq!(directory.known(), [(a.id(), late.lease.value().seq)]);
    assert_eq!(directory.node(&a.id()).unwrap().expires, at(90), "counted from the later lease");
}

#[test]
fn second_hand_leases_end_when_they_would_have_at_first_hand() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, relayed(a.whole(), Duration::from_secs(20)), at(100));
    assert_eq!(directory.next_expiry(), Some(at(120)));
    // No sender can make a lease longer than its author did.
    apply(&mut directory, relayed(a.whole(), Duration::from_secs(100_000)), at(100));
    assert_eq!(directory.next_expiry(), Some(at(190)));
    // And one that has ended is not taken in.
    assert_eq!(apply(&mut directory, relayed(a.whole(), Duration::ZERO), at(100)), Applied::Stale);
}

#[test]
fn this_nodes_own_records_come_only_from_itself() {
    let (mut directory, mut me) = (directory(), Author::new(0));
    me.offer(1, "a", "1.0.0");
    let own = me.whole();
    assert_eq!(apply(&mut directory, own.clone(), at(0)), Applied::Complete);
    assert_eq!(apply(&mut directory, relayed(own, Duration::from_secs(60)), at(0)), Applied::Stale);
    me.services.clear();
    let former = relayed(me.whole(), Duration::from_secs(60));
    let refused = directory.apply(former, at(0), WALL).unwrap_err();
    assert_eq!(refused, Refused::Mine { seq: Seq(me.seq) });
    assert!(!refused.blames_sender());
    assert_eq!(listed(&directory), [1]);
}
