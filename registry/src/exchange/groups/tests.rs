//! Tests of how news are divided.

use atoll_protocol::{codec, identity::SecretKey, names::NetworkName, sealed::Signed, service::Seq};

use super::*;
use crate::exchange::tests::record;

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// A service record that takes exactly so many bytes in a message.
fn taking(bytes: usize, instance: u64) -> Proved<ServiceRecord> {
    let with = |padding: usize| {
        let mut record = record("a.b", "1.0.0", instance);
        record.extensions.insert(1, vec![0; padding]);
        Proved::own(&key(), record).unwrap()
    };
    let padding = bytes - (size(&with(1000)) - 1000);
    let record = with(padding);
    assert_eq!(size(&record), bytes);
    record
}

fn node() -> Proved<NodeRecord> {
    let (agent, extensions) = ("test/1".to_owned(), [(1, vec![0; 4_000])].into());
    let record = NodeRecord { addresses: Vec::new(), agent, issued: Default::default(), seq: Seq(1), extensions };
    Proved::own(&key(), record).unwrap()
}

/// The instances in each group.
fn divided(node: Option<&Proved<NodeRecord>>, records: &[Proved<ServiceRecord>], pushed: usize) -> Vec<Vec<u64>> {
    let groups = grouped(node, records.iter(), pushed);
    let instances = |group: &Group| group.services.iter().map(|record| record.value().instance.0).collect();
    groups.iter().map(instances).collect()
}

/// The announcements as they cross the wire, each of which must open.
fn wire(groups: &[Group]) -> Vec<Vec<u8>> {
    let news: Vec<Hash> = groups.iter().filter_map(Group::digest).collect();
    let (seq, issued) = (Seq(u64::MAX), atoll_protocol::service::UnixMillis(u64::MAX));
    let lease = Lease { seq, digest: Hash([0; 32]), ttl_secs: 10_800, issued, news, extensions: [].into() };
    // The longest lease that there may be: its later field has a number, a length and so many bytes.
    let spare = limits::LEASE - codec::encode(&lease).unwrap().len() - 1;
    let extensions = [(1, vec![0; if spare > 251 { spare - 3 } else { spare - 1 }])].into();
    let lease = Signed::seal(&key(), &NetworkName::main(), Lease { extensions, ..lease }).unwrap();
    assert_eq!(lease.signed().body_len(), limits::LEASE);
    let encode = |group: &Group| {
        let said = group.under(&lease);
        let Announcement::Lease(news) = said.clone() else { panic!("a lease") };
        let opened = news.open(&NetworkName::main()).unwrap();
        assert_eq!(opened.services.len(), group.services.len());
        codec::encode(&said).unwrap()
    };
    groups.iter().map(encode).collect()
}

#[test]
fn no_news_are_a_lease_alone() {
    let groups = grouped(None, [].iter(), usize::MAX);
    assert_eq!((groups.len(), groups[0].digest()), (1, None));
    assert_eq!(wire(&groups).len(), 1);
}

#[test]
fn full_messages_keep_their_limit() {
    let half = |instance| taking(RECORDS / 2, instance);
    assert_eq!(divided(None, &[half(1), half(2), half(3)], usize::MAX), [vec![1, 2], vec![3]]);
    let over = taking(RECORDS / 2 + 1, 2);
    assert_eq!(divided(None, &[half(1), over, half(3)], usize::MAX), [vec![1], vec![2], vec![3]]);
    // The node's own record is told first.
    let own = node();
    let fits = taking(RECORDS - size(&own), 1);
    assert_eq!(divided(Some(&own), &[fits.clone(), half(2)], usize::MAX), [vec![1], vec![2]]);
    let records = [fits, taking(RECORDS, 2), half(3), half(4)];
    for message in wire(&grouped(Some(&own), records.iter(), usize::MAX)) {
        assert!(message.len() <= limits::ANNOUNCEMENT, "{} bytes", message.len());
    }
}

#[test]
fn what_no_message_holds_is_left_out() {
    let records = [taking(400, 1), taking(RECORDS + 1, 2), taking(400, 3)];
    assert_eq!(divided(None, &records, usize::MAX), [[1, 3]]);
    assert_eq!(divided(None, &records[1..2], usize::MAX), [[0; 0]]);
}

#[test]
fn much_is_left_out_as_a_whole() {
    let (own, records) = (node(), [taking(400, 1), taking(500, 2)]);
    assert_eq!(divided(None, &records, 900), [[1, 2]]);
    assert_eq!(divided(None, &records, 899), [[0; 0]]);
    let groups = grouped(Some(&own), records.iter(), 900);
    assert_eq!((groups.len(), groups[0].digest()), (1, None), "nor is the node's own record told");
    let full: Vec<_> = (0..=limits::NEWS as u64).map(|instance| taking(RECORDS, instance)).collect();
    let groups = grouped(None, full[1..].iter(), usize::MAX);
    assert_eq!(wire(&groups).len(), limits::NEWS);
    assert_eq!(divided(None, &full, usize::MAX), [[0; 0]], "more than a lease can name");
}
