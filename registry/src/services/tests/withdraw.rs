//! What has been withdrawn stays withdrawn.

use super::*;

#[test]
fn withdrawn_instances_are_gone_at_once() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    a.offer(2, "b", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    told(&mut directory);
    let gone = a.take_back(&[1, 9]);
    assert_eq!(directory.withdraw(&gone, at(1)), Heard::News);
    assert_eq!(listed(&directory), [2]);
    assert_eq!(told(&mut directory), ["removed 1 withdrawn"]);
    assert_eq!(directory.withdraw(&gone, at(1)), Heard::Known);
    // What is held no longer is what the lease says, so it is not passed on before the next one.
    assert!(directory.known().is_empty() && directory.holding(&a.id(), at(1)).is_none());
    assert_eq!(apply(&mut directory, a.renewal(), at(2)), Applied::Complete);
    assert_eq!(directory.known().len(), 1);
}

#[test]
fn replays_do_not_bring_back_a_withdrawn_instance() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let record = a.offer(1, "a", "1.0.0");
    let old = a.whole();
    let gone = a.take_back(&[1]);
    apply(&mut directory, old.clone(), at(0));
    assert_eq!(directory.withdraw(&gone, at(1)), Heard::News);
    assert_eq!(apply(&mut directory, old.clone(), at(2)), Applied::Known);
    assert!(directory.is_empty());
    let whole = directory.apply(Batch { whole: true, ..part(a.lease(), [record.clone()]) }, at(3), WALL);
    assert!(matches!(whole, Err(Refused::Inconsistent { .. })));
    apply(&mut directory, part(a.lease(), [record.clone()]), at(4));
    assert!(directory.is_empty());
    // Not even after the node's end, under a genuine new lease.
    directory.expire(at(1000));
    apply(&mut directory, part(a.lease(), [record]), at(1001));
    assert_eq!(apply(&mut directory, old, at(1002)), Applied::Stale);
    assert!(directory.is_empty());
}

#[test]
fn a_withdrawal_may_come_before_what_it_withdraws() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    let set = a.whole();
    let gone = a.take_back(&[1]);
    assert_eq!(directory.withdraw(&gone, at(0)), Heard::News);
    assert_eq!(apply(&mut directory, set, at(1)), Applied::Incomplete);
    assert!(directory.is_empty());
    // The same instance may be offered anew.
    a.offer(1, "a", "1.0.0");
    assert_eq!(apply(&mut directory, a.whole(), at(2)), Applied::Complete);
    assert_eq!(listed(&directory), [1]);
}

#[test]
fn an_older_withdrawal_does_not_touch_a_newer_record() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    let gone = a.take_back(&[1]);
    a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    directory.withdraw(&gone, at(1));
    assert_eq!(listed(&directory), [1]);
    assert_eq!(directory.known().len(), 1);
}

#[test]
fn a_node_that_leaves_is_gone_with_all_it_offered() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.introduce("/ip4/10.0.0.1/tcp/1");
    a.offer(1, "a", "1.0.0");
    let old = a.whole();
    apply(&mut directory, old.clone(), at(0));
    told(&mut directory);
    let left = a.leave();
    assert_eq!(directory.withdraw(&left, at(1)), Heard::News);
    assert!(directory.is_empty() && directory.node(&a.id()).is_none());
    assert_eq!(told(&mut directory), ["removed 1 withdrawn"]);
    assert_eq!(directory.next_expiry(), None);
    assert_eq!(directory.withdraw(&left, at(1)), Heard::Known);
    assert_eq!(apply(&mut directory, old, at(2)), Applied::Stale);
    // It comes back with something later to say.
    a.offer(1, "a", "1.0.0");
    assert_eq!(apply(&mut directory, a.whole(), at(3)), Applied::Complete);
    assert_eq!(listed(&directory), [1]);
}

#[test]
fn a_late_withdrawal_of_the_node_takes_only_what_is_older() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.introduce("/ip4/10.0.0.1/tcp/1");
    let before = a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    let left = a.leave();
    let after = a.offer(2, "b", "1.0.0");
    let lease = a.lease();
    // Under the later lease, old and new records: as if a relay had mixed them.
    apply(&mut directory, part(lease.clone(), [before]), at(0));
    assert_eq!(listed(&directory), [1]);
    assert_eq!(directory.withdraw(&left, at(1)), Heard::News);
    assert!(directory.is_empty());
    assert!(directory.node(&a.id()).is_some_and(|node| node.record.is_none()));
    assert_eq!(apply(&mut directory, part(lease, [after]), at(2)), Applied::Complete);
    assert_eq!(listed(&directory), [2]);
}

#[test]
fn an_older_withdrawal_than_the_last_is_outdated() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let (first, second) = (a.take_back(&[1]), a.take_back(&[1, 2]));
    assert_eq!(directory.withdraw(&second, at(0)), Heard::News);
    assert_eq!(directory.withdraw(&first, at(0)), Heard::Outdated);
    let (left, again) = (a.leave(), a.leave());
    assert_eq!(directory.withdraw(&again, at(1)), Heard::News);
    assert_eq!(directory.withdraw(&left, at(1)), Heard::Outdated);
    assert_eq!(directory.withdraw(&second, at(1)), Heard::Outdated, "the node has left since");
}

#[test]
fn this_node_withdraws_its_own() {
    let (mut directory, mut me) = (directory(), Author::new(0));
    me.offer(1, "a", "1.0.0");
    me.offer(2, "b", "1.0.0");
    apply(&mut directory, me.whole(), at(0));
    assert_eq!(directory.withdraw(&me.take_back(&[1]), at(1)), Heard::News);
    assert_eq!(listed(&directory), [2]);
    assert_eq!(directory.withdraw(&me.leave(), at(2)), Heard::News);
    assert!(directory.is_empty());
}

#[test]
fn a_withdrawal_is_the_last_word_for_a_moment_and_then_a_replay() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    let (one, two) = (a.take_back(&[1, 2]), a.take_back(&[2, 3]));
    assert_eq!(directory.withdraw(&one, at(0)), Heard::News);
    assert_eq!(directory.withdraw(&one, at(9)), Heard::Known);
    assert_eq!(directory.withdraw(&one, at(10)), Heard::Replayed);
    assert_eq!(directory.withdraw(&two, at(20)), Heard::News);
    assert_eq!(directory.withdraw(&one, at(21)), Heard::Outdated, "one of its instances was withdrawn again just now");
    assert_eq!(directory.withdraw(&one, at(30)), Heard::Replayed);
    let left = a.leave();
    assert_eq!(directory.withdraw(&left, at(40)), Heard::News);
    assert_eq!(directory.withdraw(&left, at(49)), Heard::Known);
    assert_eq!(directory.withdraw(&two, at(49)), Heard::Outdated);
    for replay in [&one, &two, &left] {
        assert_eq!(directory.withdraw(replay, at(50)), Heard::Replayed);
    }
}
