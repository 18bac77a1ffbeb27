//! Sessions: what counts as taken, and that nothing is missed.

use super::*;

/// Nothing that was published before comes any more.
async fn comes_next(node: &Node, subscription: &mut Subscription, expected: &str) {
    say(node, TOPIC, &[expected]).await;
    assert_eq!(texts(subscription, 1).await, [expected]);
}

#[tokio::test]
async fn what_is_handed_on_counts_once_it_is_confirmed() {
    let node = node(&[]).await;
    say(&node, TOPIC, &["a", "b", "c", "d"]).await;
    let begin =
        || node.topic(TOPIC).unwrap().subscribe().from(From::Earliest).session("mine").confirmed().begin().unwrap();
    let mut session = begin();
    assert_eq!((texts(&mut session, 3).await, session.unconfirmed()), (vec!["a".into(), "b".into(), "c".into()], 3));
    session.confirm(1);
    drop(session);
    let mut session = begin();
    assert_eq!(texts(&mut session, 2).await, ["b", "c"]);
    session.commit();
    drop(session);
    let mut session = begin();
    assert_eq!((texts(&mut session, 1).await, session.unconfirmed()), (vec!["d".into()], 1));
}

#[tokio::test]
async fn a_message_counts_once_the_next_one_is_asked_for() {
    let node = node(&[]).await;
    say(&node, TOPIC, &["a", "b", "c"]).await;
    let begin = || node.topic(TOPIC).unwrap().subscribe().from(From::Earliest).session("mine").begin().unwrap();
    assert_eq!(texts(&mut begin(), 2).await, ["a", "b"]);
    assert_eq!(texts(&mut begin(), 1).await, ["b"], "it was the last one, so nobody knows what has become of it");
    let mut session = begin();
    assert_eq!(texts(&mut session, 2).await, ["b", "c"]);
    assert!(session.next().now_or_never().is_none());
    drop(session);
    comes_next(&node, &mut begin(), "d").await;
}

#[tokio::test]
async fn a_session_misses_nothing_of_logs_that_were_quiet() {
    let dir = tempfile::TempDir::new().unwrap();
    let node = lasting(dir.path(), &[]).await;
    say(&node, TOPIC, &["before"]).await;
    drop(node.subscribe("rooms/>").unwrap().session("mine").begin().unwrap());
    say(&node, TOPIC, &["while away"]).await;
    say(&node, "rooms/new", &["a new topic"]).await;
    node.shutdown().await;
    drop(node);
    let node = lasting(dir.path(), &[]).await;
    let mut session = node.subscribe("rooms/>").unwrap().session("mine").begin().unwrap();
    let mut all = texts(&mut session, 2).await;
    all.sort_unstable();
    assert_eq!(all, ["a new topic", "while away"]);
    comes_next(&node, &mut session, "now").await;
}

#[tokio::test]
async fn a_session_that_begins_with_last_values_gets_them_all() {
    let node = node(&[]).await;
    let topic = node.topic(TOPIC).unwrap();
    for (key, text) in [("x", "old"), ("y", "only"), ("x", "new")] {
        topic.publish(text).key(key).await.unwrap();
    }
    let begin = || topic.subscribe().last_per_key().session("mine").begin().unwrap();
    assert_eq!(texts(&mut begin(), 1).await, ["only"]);
    let mut session = begin();
    assert_eq!(texts(&mut session, 2).await, ["only", "new"], "nothing was taken");
    session.commit();
    comes_next(&node, &mut session, "later").await;
}

#[tokio::test]
async fn what_is_published_again_is_given_once_and_nobody_else_can_keep_it_back() {
    let (one, other) = pair().await;
    let mut all = other.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    for text in ["a", "a again"] {
        one.topic(TOPIC).unwrap().publish(text).id("1").await.unwrap();
    }
    other.topic(TOPIC).unwrap().publish("b").id("1").await.unwrap();
    say(&one, TOPIC, &["end"]).await;
    let mut given = texts(&mut all, 3).await;
    given.sort_unstable();
    assert_eq!(given, ["a", "b", "end"]);
}

#[tokio::test]
async fn a_time_is_found_where_some_was_overtaken() {
    let node = node(&[]).await;
    say(&node, TOPIC, &["a", "b", "c", "d", "e"]).await;
    let overtaken = Stretch { from: Seq(2), to: Seq(3) };
    let mut changes = disk::Changes::default();
    {
        let mut logs = inner(&node).logs.lock();
        let log = logs.shelf.log_mut(&TOPIC.parse().unwrap(), node.id()).unwrap();
        let epoch = log.chains().next().unwrap().0;
        log.pass_over(epoch, overtaken);
        let chain = ChainId { topic: TOPIC.parse().unwrap(), author: node.id(), epoch };
        for seq in [overtaken.from, overtaken.to] {
            changes.delete(&chain, seq);
            logs.recent.remove(&chain, seq);
        }
    }
    inner(&node).bell.write(changes);
    within("it is written", inner(&node).bell.sync()).await.unwrap();
    let before = From::Time(std::time::SystemTime::now() - Duration::from_secs(60));
    let mut all = node.topic(TOPIC).unwrap().subscribe().from(before).begin().unwrap();
    assert_eq!(texts(&mut all, 3).await, ["a", "d", "e"]);
}

#[tokio::test]
async fn a_subscription_goes_on_where_it_is_told_to() {
    let node = node(&[]).await;
    say(&node, TOPIC, &["a", "b", "c"]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut all = topic.subscribe().from(From::Earliest).begin().unwrap();
    let second = (message(&mut all).await, message(&mut all).await).1;
    let after = || topic.subscribe().after(topic.name().clone(), second.author(), second.epoch(), second.seq());
    assert_eq!(texts(&mut after().from(From::Earliest).begin().unwrap(), 1).await, ["c"]);
    let time = From::Time(std::time::SystemTime::now() - Duration::from_secs(60));
    assert_eq!(texts(&mut after().from(time).begin().unwrap(), 1).await, ["c"]);
}
