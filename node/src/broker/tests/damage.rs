//! What can no longer be read from the disk.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
};

use atoll_protocol::{
    service::UnixMillis,
    topic::{Clock, Draft, Writer as Author},
};
use atoll_registry::store::{Batch as Changes, Durability, Entry, MemoryStore, Store, StoreError, Table, Visit};

use super::*;
use crate::{
    broker::disk::{Damage, Disk},
    testing::network,
};

/// A store on a disk with bad places: what lies there cannot be read, and a scan ends before it.
#[derive(Default)]
struct Rotten {
    store: MemoryStore,
    /// First positions of batches.
    bad: Mutex<BTreeSet<u64>>,
    /// Nothing can be read now, for another reason than damage.
    fails: AtomicBool,
}

impl Rotten {
    fn rot(&self, bad: impl IntoIterator<Item = u64>) {
        *self.bad.lock() = bad.into_iter().collect();
    }

    fn check(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        if table == Table::Batches && self.fails.load(Ordering::Relaxed) {
            return Err(StoreError::Io { action: "read", path: "db".into(), reason: "Input/output error".to_owned() });
        }
        let first = key.last_chunk().map(|first| u64::from_be_bytes(*first));
        if table == Table::Batches && first.is_some_and(|first| self.bad.lock().contains(&first)) {
            return Err(StoreError::Corrupt { path: "db".into(), reason: "block checksum mismatch".to_owned() });
        }
        Ok(())
    }
}

impl Store for Rotten {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check(table, key)?;
        self.store.get(table, key)
    }

    fn scan_from(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut met = Ok(());
        self.store.scan_from(table, prefix, from, &mut |key, value| {
            met = self.check(table, key);
            if met.is_ok() { visit(key, value) } else { ControlFlow::Break(()) }
        })?;
        met
    }

    fn at_or_before(&self, table: Table, prefix: &[u8], key: &[u8]) -> Result<Option<Entry>, StoreError> {
        let found = self.store.at_or_before(table, prefix, key)?;
        found.iter().try_for_each(|(key, _)| self.check(table, key))?;
        Ok(found)
    }

    fn write(&self, changes: Changes, durability: Durability) -> Result<(), StoreError> {
        self.store.write(changes, durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }
}

/// A disk with so many batches of two entries each, at 1, 3, 5 and so on.
fn written(count: usize) -> (Arc<Rotten>, Disk, ChainId) {
    let (key, now) = (SecretKey::from_seed(&[7; 32]), UnixMillis(1_700_000_000_000));
    let (mut author, mut clock) = (Author::begin(TOPIC.parse().unwrap(), now, None), Clock::default());
    let store = Arc::new(Rotten::default());
    let disk = Disk::new(Arc::clone(&store) as Arc<dyn Store>);
    for _ in 0..count {
        let drafts = vec![Draft::of("a"), Draft::of("b")];
        let mut changes = disk::Changes::default();
        changes.put(&author.append(&key, &network(), &mut clock, now, drafts).unwrap()).unwrap();
        disk.write(changes).unwrap();
    }
    let chain = ChainId { topic: TOPIC.parse().unwrap(), author: key.node_id(), epoch: author.epoch() };
    (store, disk, chain)
}

/// The first positions of the batches that are read from a position on.
fn read(disk: &Disk, chain: &ChainId, from: u64) -> Vec<u64> {
    let all = Stretch { from: Seq(from), to: Seq(u64::MAX) };
    let batches = disk.read(chain, all, usize::MAX).unwrap();
    batches.iter().map(|batch| batch.head().value().first.0).collect()
}

fn damage(chain: &ChainId, from: u64, to: Option<u64>) -> Vec<Damage> {
    vec![Damage { chain: chain.clone(), from: Seq(from), to: to.map(Seq) }]
}

#[test]
fn what_lies_behind_damage_is_read() {
    let (store, disk, chain) = written(6);
    assert_eq!(read(&disk, &chain, 1), [1, 3, 5, 7, 9, 11]);
    assert_eq!(disk.damage(), []);
    store.rot([3, 5]);
    assert_eq!(read(&disk, &chain, 1), [1], "what comes next is damaged");
    assert_eq!(disk.damage(), damage(&chain, 3, Some(6)));
    assert_eq!(read(&disk, &chain, 7), [7, 9, 11]);
    assert_eq!(disk.damage(), []);
    let next = disk.stored(&chain, Seq(4)).unwrap().entries;
    assert_eq!(next, Stretch { from: Seq(7), to: Seq(8) }, "others are sent what follows");
    assert_eq!(disk.damage(), damage(&chain, 4, Some(6)));
}

#[test]
fn damage_at_the_end_reaches_to_the_end() {
    let (store, disk, chain) = written(3);
    store.rot([5]);
    assert_eq!(read(&disk, &chain, 1), [1, 3]);
    assert_eq!(disk.damage(), damage(&chain, 5, None));
    store.rot([1, 3, 5]);
    assert!(read(&disk, &chain, 1).is_empty());
    assert_eq!(disk.damage(), damage(&chain, 1, None));
}

#[test]
fn what_is_no_batch_is_damage() {
    let (store, disk, chain) = written(3);
    let mut key = Vec::new();
    store
        .scan(Table::Batches, &[], &mut |found, _| {
            key = found.to_vec();
            if found.ends_with(&[3]) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    let mut changes = Changes::new();
    changes.put(Table::Batches, key, b"no batch".to_vec());
    store.write(changes, Durability::Buffered).unwrap();
    assert_eq!(read(&disk, &chain, 1), [1]);
    assert_eq!(disk.damage(), damage(&chain, 3, Some(4)));
    assert!(read(&disk, &chain, 4).is_empty(), "it may have been there");
    assert_eq!(disk.damage(), damage(&chain, 3, Some(4)));
}

/// A node on a rotten disk that has taken in the messages of another one, of which it holds nothing in memory any more.
async fn with_bad_disk(said: &[&str]) -> (Arc<Rotten>, Node, Node, ChainId) {
    let author = node(&[]).await;
    let store = Arc::new(Rotten::default());
    let mut builder = builder().bootstrap(author.addresses());
    builder.store = Some(Arc::clone(&store) as Arc<dyn Store>);
    let reader = listening(builder).await;
    let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    within("joining", reader.joined()).await;
    say(&author, TOPIC, said).await;
    texts(&mut all, said.len()).await;
    within("it is written", inner(&reader).bell.sync()).await.unwrap();
    let mut logs = inner(&reader).logs.lock();
    let log = logs.log(&TOPIC.parse().unwrap(), &author.id()).unwrap();
    let (epoch, held) = log.chains().next().unwrap();
    let chain = ChainId { topic: log.topic().clone(), author: author.id(), epoch };
    let last = held.last().0;
    (1..=last).for_each(|seq| logs.recent.remove(&chain, Seq(seq)));
    drop(logs);
    (store, reader, author, chain)
}

#[tokio::test]
async fn what_is_damaged_is_fetched_again() {
    let (store, reader, _author, _) = with_bad_disk(&["a", "b", "c", "d"]).await;
    store.rot([2, 3]);
    let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut all, 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn what_is_damaged_and_nobody_has_is_a_gap() {
    let (store, reader, author, chain) = with_bad_disk(&["a", "b", "c", "d"]).await;
    author.shutdown().await;
    drop(author);
    store.rot([2]);
    let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut all, 1).await, ["a"]);
    let lost = Stretch { from: Seq(2), to: Seq(2) };
    eventually("it is missing", || {
        let logs = inner(&reader).logs.lock();
        logs.log(&chain.topic, &chain.author).unwrap().chain(chain.epoch).unwrap().missing(Seq(4)) == [lost]
    })
    .await;
    inner(&reader).logs.lock().give_up(&chain, lost);
    let Some(Delivery::Gap(gap)) = within("a gap", all.next()).await else { panic!("no gap") };
    assert_eq!((gap.from, gap.to), (Seq(2), Seq(2)));
    assert_eq!(texts(&mut all, 2).await, ["c", "d"]);
}

#[tokio::test]
async fn what_the_disk_does_not_give_now_is_waited_for() {
    let (store, reader, _author, _) = with_bad_disk(&["a", "b"]).await;
    store.fails.store(true, Ordering::Relaxed);
    let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), all.next()).await.is_err(), "nothing is passed over");
    store.fails.store(false, Ordering::Relaxed);
    assert_eq!(texts(&mut all, 2).await, ["a", "b"]);
}
