//! Slow readers, full disks, many topics, retention, and who may do what.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use atoll_protocol::{
    names::TopicName,
    topic::{Access, Retention, Seq},
};
use atoll_registry::store::{Batch as Changes, Durability, Entry, MemoryStore, Table, Visit};

use futures::FutureExt;

use super::*;

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_up_nobody_and_loses_nothing() {
    let node = node(&[]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut slow = topic.subscribe().from(From::Earliest).begin().unwrap();
    let mut quick = topic.subscribe().from(From::Earliest).begin().unwrap();
    let payload = vec![7_u8; 1_000];
    let publishing = async {
        let mut last = None;
        for _ in 0..30_000 {
            last = Some(topic.publish_raw(payload.clone()).gossip().send().await.unwrap());
        }
        last.unwrap().await.unwrap()
    };
    let published = within("publishing, whoever reads", publishing).await;
    let count = published.seq.0;
    for reader in [&mut quick, &mut slow] {
        for seq in 1..=count {
            assert_eq!(message(reader).await.seq(), Seq(seq));
        }
    }
}

/// A store whose disk is full, or syncs nothing, for as long as a test says so.
#[derive(Default)]
struct Full {
    store: MemoryStore,
    full: AtomicBool,
    fails_to_sync: AtomicBool,
    failed: AtomicUsize,
}

impl Store for Full {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(table, key)
    }

    fn scan_from(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan_from(table, prefix, from, visit)
    }

    fn at_or_before(&self, table: Table, prefix: &[u8], key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.store.at_or_before(table, prefix, key)
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.fails_to_sync.load(Ordering::Relaxed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            let reason = "Input/output error".to_owned();
            return Err(StoreError::Io { action: "sync", path: "db".into(), reason });
        }
        self.store.sync()
    }

    fn write(&self, changes: Changes, durability: Durability) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            let reason = "No space left on device".to_owned();
            return Err(StoreError::Io { action: "write", path: "db".into(), reason });
        }
        self.store.write(changes, durability)
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost() {
    let store = Arc::new(Full::default());
    let full = {
        let mut builder = builder();
        builder.store = Some(Arc::clone(&store) as Arc<dyn Store>);
        listening(builder).await
    };
    let other = node(&full.addresses()).await;
    let mut all = full.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    within("joining", other.joined()).await;
    say(&full, TOPIC, &["a"]).await;
    store.full.store(true, Ordering::Relaxed);
    let error = full.topic(TOPIC).unwrap().publish("lost").await.unwrap_err().to_string();
    assert!(error.contains("nothing was published") && error.contains("No space left on device"), "{error}");
    // What others publish is taken in, and written once there is room.
    say(&other, TOPIC, &["b"]).await;
    assert_eq!(texts(&mut all, 2).await, ["a", "b"]);
    assert!(within("an answer", inner(&full).bell.sync()).await.is_err(), "it is not on the disk");
    let stored = || {
        let mut count = 0;
        store
            .scan(Table::Batches, &[], &mut |_, _| {
                count += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        count
    };
    assert_eq!(stored(), 1);
    store.full.store(false, Ordering::Relaxed);
    let published = full.topic(TOPIC).unwrap().publish("c").await.unwrap();
    assert_eq!(published.seq, Seq(2), "what was refused has no position");
    eventually("all of it is stored", || stored() == 3).await;
    assert_eq!(texts(&mut all, 1).await, ["c"]);
}

#[tokio::test]
async fn what_the_disk_did_not_sync_is_not_acknowledged() {
    let store = Arc::new(Full::default());
    let mut builder = builder();
    builder.store = Some(Arc::clone(&store) as Arc<dyn Store>);
    let node = listening(builder).await;
    let topic = node.topic(TOPIC).unwrap();
    store.fails_to_sync.store(true, Ordering::Relaxed);
    let mut published = std::pin::pin!(topic.publish("a").send().await.unwrap());
    // It is tried again, but not all the time, and nobody else waits for that.
    eventually("it is tried again", || store.failed.load(Ordering::Relaxed) >= 2).await;
    assert!(published.as_mut().now_or_never().is_none());
    assert!(within("an answer", inner(&node).bell.sync()).await.is_err(), "nor is anybody else told so");
    assert_eq!(topic.publish("b").gossip().await.unwrap().seq, Seq(2));
    assert!(store.failed.load(Ordering::Relaxed) < 1_000);
    store.fails_to_sync.store(false, Ordering::Relaxed);
    assert_eq!(within("the disk is well again", published).await.unwrap().seq, Seq(1));
}

#[tokio::test]
async fn ten_thousand_topics_and_a_thousand_subscriptions() {
    let (one, other) = pair().await;
    let mut everything = other.subscribe("many/*").unwrap().from(From::Earliest).begin().unwrap();
    let mut some = Vec::new();
    for nth in 0..1_000 {
        some.push(other.topic(&format!("many/t{nth}")).unwrap().subscribe().from(From::Earliest).begin().unwrap());
    }
    let mut under_way = Vec::new();
    for nth in 0..10_000 {
        let publish = one.topic(&format!("many/t{nth}")).unwrap().publish(&nth).gossip();
        under_way.push(publish.send().await.unwrap());
    }
    for published in under_way {
        published.await.unwrap();
    }
    let reading = async {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 10_000 {
            seen.insert(message(&mut everything).await.json::<u32>().unwrap());
        }
    };
    tokio::time::timeout(3 * crate::testing::PATIENCE, reading).await.expect("all topics are heard of");
    for (nth, subscription) in some.iter_mut().enumerate() {
        assert_eq!(message(subscription).await.json::<usize>().unwrap(), nth);
    }
}

#[tokio::test]
async fn a_reader_behind_the_retention_is_told_of_a_gap() {
    let owner = node(&[]).await;
    let name = TopicName::owned_by(&owner.id(), "short").unwrap();
    let topic = owner.topic(name.as_str()).unwrap();
    let retention = Retention { entries: Some(3), ..Retention::default() };
    topic.decide(Access::Open, Vec::new(), retention).await.unwrap();
    for number in 0..10 {
        topic.publish(&number).await.unwrap();
    }
    let first = || {
        let logs = inner(&owner).logs.lock();
        let log = logs.log(&name, &owner.id()).unwrap();
        log.chains().next().unwrap().1.first()
    };
    eventually("the oldest are gone", || first() == Seq(9)).await;
    // Here, and wherever it is asked for.
    let late = node(&owner.addresses()).await;
    for node in [&owner, &late] {
        let topic = node.topic(name.as_str()).unwrap();
        let mut all = topic.subscribe().from(From::Earliest).begin().unwrap();
        let Some(Delivery::Gap(gap)) = within("a gap", all.next()).await else { panic!("no gap") };
        assert_eq!((gap.from, gap.to), (Seq(1), Seq(8)));
        assert_eq!(message(&mut all).await.json::<u32>().unwrap(), 7);
    }
}

#[tokio::test]
async fn the_last_value_for_each_key_is_what_is_retained() {
    let owner = node(&[]).await;
    let name = TopicName::owned_by(&owner.id(), "state").unwrap();
    let topic = owner.topic(name.as_str()).unwrap();
    let retention = Retention { last_per_key: true, ..Retention::default() };
    topic.decide(Access::Open, Vec::new(), retention).await.unwrap();
    for number in 0..10 {
        topic.publish(&number).key(format!("key{}", number % 2)).await.unwrap();
    }
    let held = || inner(&owner).logs.lock().held.get(&name).unwrap().index.entries();
    eventually("what was overtaken is gone", || held() == 3).await;
    let late = node(&owner.addresses()).await;
    let mut all = late.topic(name.as_str()).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let values = [message(&mut all).await.json::<u32>().unwrap(), message(&mut all).await.json::<u32>().unwrap()];
    assert_eq!(values, [8, 9], "and no gap is told of");
}

#[tokio::test]
async fn what_is_not_on_the_disk_yet_is_read_where_what_was_before_is_overtaken() {
    let owner = node(&[]).await;
    let name = TopicName::owned_by(&owner.id(), "state").unwrap();
    let topic = owner.topic(name.as_str()).unwrap();
    topic.decide(Access::Open, Vec::new(), Retention { last_per_key: true, ..Retention::default() }).await.unwrap();
    for number in 0..6 {
        topic.publish(&number).key("key").await.unwrap();
    }
    let held = |node: &Node| inner(node).logs.lock().held.get(&name).map(|held| held.index.entries());
    eventually("what was overtaken is gone", || held(&owner) == Some(2)).await;
    let store = Arc::new(Full::default());
    let mut builder = builder().bootstrap(owner.addresses());
    builder.store = Some(Arc::clone(&store) as Arc<dyn Store>);
    let full = listening(builder).await;
    store.full.store(true, Ordering::Relaxed);
    let mut all = full.topic(name.as_str()).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let last = message(&mut all).await;
    assert_eq!(last.json::<u32>().unwrap(), 5);
    let chain = ChainId { topic: name, author: owner.id(), epoch: last.epoch() };
    let next = inner(&full).batch_from(&chain, Seq(2)).unwrap();
    assert_eq!(next.entries.from, last.seq(), "and others are sent it");
}

#[tokio::test]
async fn an_owner_says_who_may_publish_and_read() {
    let (owner, other) = pair().await;
    let name = TopicName::owned_by(&owner.id(), "private").unwrap();
    let (ours, theirs) = (owner.topic(name.as_str()).unwrap(), other.topic(name.as_str()).unwrap());
    let mut all = theirs.subscribe().from(From::Earliest).begin().unwrap();
    ours.decide(Access::Publishers(Vec::new()), Vec::new(), Retention::default()).await.unwrap();
    eventually("the policy is known", || theirs.policy().is_some()).await;
    let error = theirs.publish("mine").await.unwrap_err().to_string();
    assert!(error.contains("may not publish on"), "{error}");
    let error = theirs.decide(Access::Open, Vec::new(), Retention::default()).await.unwrap_err().to_string();
    assert!(error.contains("does not own") && error.contains(&owner.id().to_string()), "{error}");
    ours.publish("hello").await.unwrap();
    assert_eq!(texts(&mut all, 1).await, ["hello"]);
    // Nobody but those on the list is served any more.
    ours.decide(Access::Closed(Vec::new()), Vec::new(), Retention::default()).await.unwrap();
    ours.publish("secret").await.unwrap();
    let late = node(&owner.addresses()).await;
    within("joining", late.joined()).await;
    let _all = late.topic(name.as_str()).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    say(&owner, "open", &["marker"]).await;
    let mut marker = late.topic("open").unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut marker, 1).await, ["marker"]);
    let heard = inner(&late).logs.lock().log(&name, &owner.id()).and_then(|log| log.head().cloned());
    assert!(heard.is_none(), "{heard:?}");
}
