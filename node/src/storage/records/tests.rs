//! What is read is what was written, as long as it is whole, and never lasts longer than it would have.

use atoll_protocol::{identity::SecretKey, service::Seq};
use atoll_registry::{
    exchange::Publisher,
    services::{Batch as Set, Holding},
    store::{Durability, MemoryStore},
};

use super::*;
use crate::testing::{network, record};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const LEFT: Duration = Duration::from_secs(60);

/// A node with a record of its own and one service.
fn publisher(seed: u8) -> Publisher {
    let mut publisher = Publisher::new(SecretKey::from_seed(&[seed; 32]), network(), Seq(0));
    publisher.set_addresses(vec!["/ip4/192.0.2.1/tcp/4077".to_owned()], "test/1", NOW).unwrap();
    publisher.add(record("math.calc", "1.0.0", seed.into()), NOW).unwrap();
    publisher
}

fn holding(publisher: &mut Publisher, remaining: Duration) -> Holding {
    let set = publisher.whole(Duration::from_secs(90), NOW).unwrap();
    Holding { lease: set.lease, remaining, node: set.node, services: set.services }
}

fn set(seed: u8) -> Keep {
    Keep::Set(holding(&mut publisher(seed), LEFT))
}

fn write(store: &MemoryStore, changes: &[Keep]) {
    let mut batch = Batch::new();
    changes.iter().cloned().for_each(|change| put(&mut batch, &network(), change, NOW));
    store.write(batch, Durability::Buffered).unwrap();
}

fn store(changes: &[Keep]) -> MemoryStore {
    let store = MemoryStore::new().unwrap();
    write(&store, changes);
    store
}

/// Reads it all, deletes what is of no use, and sees that no more of that is found then.
fn read(store: &MemoryStore, now: UnixMillis) -> FoundSets {
    let (found, useless) = read_all(store, now).unwrap();
    store.write(useless, Durability::Buffered).unwrap();
    let (again, useless) = read_all(store, now).unwrap();
    assert_eq!((again.sets.len(), counts(&again), useless.len()), (found.sets.len(), [0; 4], 0));
    found
}

/// Damaged, of another format, ended, beyond.
fn counts(found: &FoundSets) -> [u64; 4] {
    [found.damaged, found.foreign, found.ended, found.beyond]
}

fn later(millis: i64) -> UnixMillis {
    UnixMillis(NOW.0.saturating_add_signed(millis))
}

/// Changes what stands under a key.
fn change(store: &MemoryStore, seed: u8, what: u8, change: impl FnOnce(&mut Vec<u8>)) {
    let key = key(&SecretKey::from_seed(&[seed; 32]).node_id(), what);
    let mut value = store.get(Table::Records, &key).unwrap().unwrap();
    change(&mut value);
    let mut batch = Batch::new();
    batch.put(Table::Records, key, value);
    store.write(batch, Durability::Buffered).unwrap();
}

#[test]
fn what_is_written_is_read_back_and_can_be_verified() {
    let mut publisher = publisher(1);
    let first = holding(&mut publisher, LEFT);
    let store = store(&[Keep::Set(first.clone()), set(2)]);
    let found = read(&store, NOW);
    assert_eq!((found.sets.len(), counts(&found)), (2, [0; 4]));
    let one = found.sets.into_iter().find(|found| found.set.author() == first.lease.author()).unwrap();
    let batch = Set::from(one.set.open(&network()).unwrap());
    assert_eq!((batch.lease.hash(), batch.remaining, batch.whole), (first.lease.hash(), Some(LEFT), true));
    assert_eq!(batch.node.unwrap().hash(), first.node.unwrap().hash());
    assert_eq!(batch.services[0].hash(), first.services[0].hash());
}

#[test]
fn a_renewal_replaces_the_lease_alone_and_what_is_forgotten_is_gone() {
    let mut publisher = publisher(1);
    let first = holding(&mut publisher, LEFT);
    let store = store(&[Keep::Set(first.clone()), set(2)]);
    let second = holding(&mut publisher, LEFT);
    write(&store, &[Keep::Lease { lease: second.lease.clone(), remaining: Duration::from_secs(80) }]);
    write(&store, &[Keep::Forget(SecretKey::from_seed(&[2; 32]).node_id())]);
    let [found] = <[StoredSet; 1]>::try_from(read(&store, NOW).sets).unwrap();
    let batch = Set::from(found.set.open(&network()).unwrap());
    assert_eq!((batch.lease.hash(), batch.remaining), (second.lease.hash(), Some(Duration::from_secs(80))));
    assert_eq!(batch.services.len(), 1);
}

#[test]
fn a_lease_ends_while_the_node_is_off_whatever_the_clock_does() {
    let left = |after: i64| {
        let found = read(&store(&[set(1)]), later(after));
        assert_eq!(found.sets.len() as u64 + found.ended, 1);
        found.sets.first().map(|found| Duration::from_millis(found.set.remaining_ms.into()))
    };
    assert_eq!(left(20_000), Some(Duration::from_secs(40)));
    assert_eq!(left(59_999), Some(Duration::from_millis(1)));
    assert_eq!(left(60_000), None, "it has ended");
    assert_eq!(left(i64::MAX), None, "the clock was put forward");
    assert_eq!(left(-20_000), Some(LEFT), "put back: no more than it had");
    assert_eq!(left(i64::MIN), Some(LEFT), "to 1970");
}

#[test]
fn what_is_damaged_is_left_out_counted_and_deleted() {
    let store = store(&(1..=7).map(set).collect::<Vec<_>>());
    change(&store, 1, LEASES, |value| value.truncate(value.len() - 1));
    change(&store, 2, LEASES, |value| value.resize(LEASE + 1, 0));
    change(&store, 3, RECORDS, |value| value.push(0));
    change(&store, 4, RECORDS, |value| value.fill(0xff));
    // A lease that stands under another node's key.
    let of_six = store.get(Table::Records, &key(&SecretKey::from_seed(&[6; 32]).node_id(), LEASES)).unwrap().unwrap();
    change(&store, 5, LEASES, |value| *value = of_six);
    let mut batch = Batch::new();
    // Keys that are none.
    batch.put(Table::Records, "short", "1").put(Table::Records, vec![9; 33], "2").put(Table::Records, vec![0; 40], "3");
    store.write(batch, Durability::Buffered).unwrap();
    let found = read(&store, NOW);
    assert_eq!((found.sets.len(), counts(&found)), (2, [8, 0, 0, 0]));
}

#[test]
fn a_half_is_not_whole() {
    for what in [LEASES, RECORDS] {
        let store = store(&[set(1), set(2)]);
        let mut batch = Batch::new();
        batch.delete(Table::Records, key(&SecretKey::from_seed(&[1; 32]).node_id(), what));
        store.write(batch, Durability::Buffered).unwrap();
        let found = read(&store, NOW);
        assert_eq!((found.sets.len(), counts(&found)), (1, [1, 0, 0, 0]));
    }
}

#[test]
fn another_format_is_left_out() {
    let store = store(&[set(1), set(2)]);
    change(&store, 1, LEASES, |value| value[0] = FORMAT + 1);
    let found = read(&store, NOW);
    assert_eq!((found.sets.len(), counts(&found)), (1, [0, 1, 0, 0]));
}

#[test]
fn what_was_changed_or_is_of_another_network_is_found_out() {
    let store = store(&[set(1), set(2)]);
    // The last byte is one of a record.
    change(&store, 1, RECORDS, |value| *value.last_mut().unwrap() ^= 1);
    let sets = read(&store, NOW).sets;
    assert_eq!(sets.len(), 2, "that is not seen before it is verified");
    let opened = |network: &NetworkName| sets.iter().filter(|found| found.set.clone().open(network).is_ok()).count();
    assert_eq!((opened(&network()), opened(&"elsewhere".parse().unwrap())), (1, 0));
    assert!(sets.iter().all(|found| found.network == network()));
}

#[test]
fn no_more_is_read_than_a_view_has_room_for() {
    let limits = DirectoryLimits::default();
    let many = |seed: u8| {
        let mut publisher = Publisher::new(SecretKey::from_seed(&[seed; 32]), network(), Seq(0));
        for instance in 0..4_000 {
            publisher.add(record("many", "1.0.0", instance), NOW).unwrap();
        }
        Keep::Set(holding(&mut publisher, LEFT))
    };
    let store = store(&[many(1), many(2), many(3), set(4)]);
    let found = read(&store, NOW);
    assert_eq!((found.sets.len(), counts(&found)), (3, [0, 0, 0, 1]));
    assert!(found.sets.iter().map(|found| found.set.services.len()).sum::<usize>() <= limits.records);
}
