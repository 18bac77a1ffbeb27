//! Tests of what a node says of itself.

use super::*;
use crate::exchange::tests::record;

const TTL: Duration = Duration::from_secs(90);
const WALL: UnixMillis = UnixMillis(1_700_000_000_000);

fn publisher(last: u64) -> Publisher {
    Publisher::new(SecretKey::from_seed(&[1; 32]), NetworkName::main(), Seq(last))
}

fn digest(batch: &Batch) -> Hash {
    Hash::of_set(batch.node.iter().map(|n| n.hash()).chain(batch.services.iter().map(|s| s.hash())))
}

/// What is news: whether the node's own record is, and which instances are.
fn told(publisher: &mut Publisher) -> (bool, Vec<u64>) {
    let Renewal { whole, announcements } = publisher.renewal(TTL, usize::MAX, WALL).unwrap();
    let [Announcement::Lease(news)] = &announcements[..] else { panic!("{announcements:?}") };
    let news = news.clone().open(&NetworkName::main()).unwrap();
    assert_eq!(news.lease.hash(), whole.lease.hash());
    assert_eq!(whole.lease.value().digest, digest(&whole));
    (news.node.is_some(), news.services.iter().map(|s| s.value().instance.0).collect())
}

#[test]
fn the_lease_carries_the_digest_of_the_whole_set() {
    let mut publisher = publisher(0);
    let check = |what: &str, publisher: &mut Publisher, services: usize| {
        let batch = publisher.whole(TTL, WALL).unwrap();
        assert_eq!(batch.lease.value().digest, digest(&batch), "{what}");
        assert_eq!(batch.services.len(), services, "{what}");
        assert_eq!(batch.lease.value().news, [], "nothing is told with it");
        assert!(batch.whole && batch.remaining.is_none());
        assert!(batch.services.iter().all(|s| s.value().seq < batch.lease.value().seq), "{what}");
    };
    check("nothing", &mut publisher, 0);
    publisher.set_addresses(vec!["/ip4/192.0.2.1/tcp/1".to_owned()], "test/1", WALL).unwrap();
    check("an address", &mut publisher, 0);
    publisher.add(record("a.b", "1.0.0", 1), WALL).unwrap();
    publisher.add(record("a.b", "1.0.0", 2), WALL).unwrap();
    check("two services", &mut publisher, 2);
    publisher.remove([InstanceId(1)], WALL).unwrap().unwrap();
    check("one service less", &mut publisher, 1);
    publisher.leave(WALL).unwrap();
    check("gone", &mut publisher, 0);
}

#[test]
fn numbers_only_rise_whatever_the_clock_does() {
    let mut publisher = publisher(0);
    let mut last = Seq(0);
    // Forward, standing still, back by a year, before the epoch, and forward again.
    for wall in [WALL.0, WALL.0, WALL.0 - 31_536_000_000, 0, WALL.0 + 10] {
        let wall = UnixMillis(wall);
        publisher.set_addresses(Vec::new(), "test/1", wall).unwrap();
        publisher.add(record("a.b", "1.0.0", 1), wall).unwrap();
        for seq in
            [publisher.service(InstanceId(1)).unwrap().seq, publisher.whole(TTL, wall).unwrap().lease.value().seq]
        {
            assert!(seq > last, "{seq:?} after {last:?}");
            last = seq;
        }
    }
    assert_eq!(publisher.seq(), last);
}

#[test]
fn a_restart_goes_on_above_what_was_used() {
    let mut former = publisher(0);
    former.add(record("a.b", "1.0.0", 1), WALL).unwrap();
    // State kept, clock gone back.
    let mut kept = publisher(former.seq().0);
    assert!(kept.whole(TTL, UnixMillis(0)).unwrap().lease.value().seq > former.seq());
    // State lost, clock gone on.
    let mut lost = publisher(0);
    assert!(lost.whole(TTL, UnixMillis(WALL.0 + 1_000)).unwrap().lease.value().seq > former.seq());
    // Both lost: others say so.
    let mut both = publisher(0);
    both.whole(TTL, UnixMillis(0)).unwrap();
    assert!(both.outnumber(former.seq()), "that is a jump");
    assert!(!both.outnumber(former.seq()), "that is none");
    assert!(both.whole(TTL, UnixMillis(0)).unwrap().lease.value().seq > former.seq());
}

#[test]
fn news_is_told_once_and_again_on_request() {
    let mut publisher = publisher(0);
    assert_eq!(told(&mut publisher), (false, vec![]));
    publisher.set_addresses(Vec::new(), "test/1", WALL).unwrap();
    publisher.add(record("a.b", "1.0.0", 1), WALL).unwrap();
    publisher.add(record("a.b", "1.0.0", 2), WALL).unwrap();
    publisher.remove([InstanceId(2)], WALL).unwrap().unwrap();
    publisher.whole(TTL, WALL).unwrap();
    publisher.renewal(Duration::ZERO, usize::MAX, WALL).unwrap_err();
    assert_eq!(told(&mut publisher), (true, vec![1]), "what is gone again is no news");
    assert_eq!(told(&mut publisher), (false, vec![]));
    publisher.add(record("a.b", "1.0.0", 3), WALL).unwrap();
    assert_eq!(told(&mut publisher), (false, vec![3]));
    publisher.retell();
    assert_eq!(told(&mut publisher), (true, vec![1, 3]));
}

#[test]
fn a_withdrawal_names_what_was_there_and_is_later_than_it() {
    let mut publisher = publisher(0);
    publisher.add(record("a.b", "1.0.0", 1), WALL).unwrap();
    let said = publisher.service(InstanceId(1)).unwrap().seq;
    assert!(publisher.remove([InstanceId(9)], WALL).is_none(), "it was never there");
    let withdrawal = publisher.remove([InstanceId(1), InstanceId(9)], WALL).unwrap().unwrap();
    assert_eq!(withdrawal.value().what, Withdrawn::Instances(vec![InstanceId(1)]));
    assert!(withdrawal.value().seq > said);
    assert!(publisher.remove([InstanceId(1)], WALL).is_none(), "it is gone already");
    assert_eq!(publisher.leave(WALL).unwrap().value().what, Withdrawn::Node);
}

#[test]
fn a_record_that_breaks_a_rule_is_refused_with_the_rule() {
    let mut publisher = publisher(0);
    let mut wordy = record("a.b", "1.0.0", 1);
    wordy.doc = "x".repeat(atoll_protocol::limits::DOC + 1);
    let rule = publisher.add(wordy, WALL).unwrap_err();
    assert!(rule.contains("documentation"), "{rule}");
    assert_eq!(publisher.services().count(), 0);
}

#[test]
fn a_node_offers_as_many_services_as_are_allowed() {
    let mut publisher = publisher(0);
    for instance in 0..atoll_protocol::limits::RECORDS_PER_NODE as u64 {
        publisher.add(record("a.b", "1.0.0", instance), WALL).unwrap();
    }
    let rule = publisher.add(record("a.b", "1.0.0", u64::MAX), WALL).unwrap_err();
    assert!(rule.contains("4096"), "{rule}");
    publisher.remove([InstanceId(0)], WALL).unwrap().unwrap();
    publisher.add(record("a.b", "1.0.0", u64::MAX), WALL).unwrap();
}
