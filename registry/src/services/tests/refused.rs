//! Every reason to refuse a batch; none leaves a trace.

use atoll_protocol::limits;

use super::*;

fn refused(batch: Batch) -> Refused {
    let mut directory = directory();
    let refused = directory.apply(batch, at(0), WALL).unwrap_err();
    assert!(directory.is_empty() && directory.nodes().next().is_none() && directory.take_changes().is_empty());
    assert_eq!(directory.next_expiry(), None);
    refused
}

#[test]
fn records_of_another_author() {
    let (mut a, mut b) = (Author::new(1), Author::new(2));
    let foreign = b.offer(1, "a", "1.0.0");
    let introduced = b.introduce("/ip4/10.0.0.1/tcp/1");
    a.seq = 10;
    let lease = a.lease();
    let expected = Refused::Foreign { node: a.id(), author: b.id() };
    assert_eq!(refused(part(lease.clone(), [foreign])), expected);
    assert_eq!(refused(Batch { node: Some(introduced), ..part(lease, []) }), expected);
    assert!(expected.blames_sender());
    assert!(expected.to_string().contains(&b.id().to_string()));
}

#[test]
fn records_later_than_their_lease() {
    let mut a = Author::new(1);
    let lease = a.lease();
    let record = a.offer(1, "a", "1.0.0");
    let expected = Refused::BeyondLease { node: a.id(), seq: Seq(2), lease: Seq(1) };
    assert_eq!(refused(part(lease.clone(), [record])), expected);
    let node = a.introduce("/ip4/10.0.0.1/tcp/1");
    assert!(matches!(refused(Batch { node: Some(node), ..part(lease, []) }), Refused::BeyondLease { .. }));
}

#[test]
fn an_instance_twice() {
    let mut a = Author::new(1);
    let records = [a.offer(7, "a", "1.0.0"), a.offer(7, "a", "1.0.1")];
    let expected = Refused::Duplicate { node: a.id(), instance: InstanceId(7) };
    assert_eq!(refused(part(a.lease(), records)), expected);
}

#[test]
fn a_whole_set_that_is_not_what_was_signed() {
    let mut a = Author::new(1);
    a.introduce("/ip4/10.0.0.1/tcp/1");
    a.offer(1, "a", "1.0.0");
    a.offer(2, "b", "1.0.0");
    let whole = a.whole();
    let expected = |count| Refused::Inconsistent { node: a.id(), seq: whole.lease.value().seq, count };
    let mut short = whole.clone();
    short.services.pop();
    assert_eq!(refused(short), expected(1));
    assert_eq!(refused(Batch { node: None, ..whole.clone() }), expected(2));
}

#[test]
fn statements_from_the_far_future() {
    let skew = limits::CLOCK_SKEW.as_millis() as u64;
    let (near, far) = (UnixMillis(WALL.0 + skew), UnixMillis(WALL.0 + skew + 1));
    let mut a = Author::new(1);
    let expected = Refused::FutureDated { node: a.id(), ahead: limits::CLOCK_SKEW + Duration::from_millis(1) };
    assert_eq!(refused(part(a.lease_of(TTL, far), [])), expected);
    assert!(!expected.blames_sender(), "this node's clock may be the wrong one");

    let record = a.record(ServiceRecord { issued: far, ..service(1, "a", "1.0.0", Seq(1)) });
    assert_eq!(refused(part(a.lease(), [record])), expected);
    let node = NodeRecord { issued: far, ..a.introduce("/ip4/10.0.0.1/tcp/1").value().clone() };
    let node = a.record(node);
    assert_eq!(refused(Batch { node: Some(node), ..part(a.lease(), []) }), expected);

    a.node = None;
    let mut directory = directory();
    assert_eq!(apply(&mut directory, part(a.lease_of(TTL, near), []), at(0)), Applied::Complete);
    let ancient = part(a.lease_of(TTL, UnixMillis(0)), []);
    assert_eq!(apply(&mut directory, ancient, at(0)), Applied::Complete, "the past is accepted");
}

#[test]
fn two_leases_with_one_number() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    apply(&mut directory, a.renewal(), at(0));
    a.offer(1, "a", "1.0.0");
    a.seq = 0;
    let refused = directory.apply(a.whole(), at(0), WALL);
    // The record is number 2, under lease 1.
    assert!(matches!(refused, Err(Refused::BeyondLease { .. })));
    a.services.clear();
    a.seq = 0;
    let other = part(a.lease_of(TTL + 1, WALL), []);
    assert_eq!(directory.apply(other, at(0), WALL), Err(Refused::Equivocation { node: a.id(), seq: Seq(1) }));
    assert_eq!(directory.next_expiry(), Some(at(90)));
}

#[test]
fn more_records_than_a_node_may_have() {
    let mut a = Author::new(1);
    let limits = DirectoryLimits { records_per_node: 2, ..DirectoryLimits::default() };
    let mut directory = Directory::new(Author::new(0).id(), limits);
    let records = [a.offer(1, "a", "1.0.0"), a.offer(2, "b", "1.0.0"), a.offer(3, "c", "1.0.0")];
    let expected = Err(Refused::TooManyRecords { node: a.id(), count: 3, limit: 2 });
    let lease = a.lease();
    assert_eq!(directory.apply(part(lease.clone(), records.clone()), at(0), WALL), expected);
    // Nor in pieces.
    let [one, two, three] = records;
    apply(&mut directory, part(lease.clone(), [one, two]), at(0));
    assert_eq!(directory.apply(part(lease, [three]), at(0), WALL), expected);
    assert_eq!(listed(&directory), [1, 2]);
}
