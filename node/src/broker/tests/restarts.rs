//! What outlives a node.

use atoll_protocol::topic::sync::Scope;

use super::*;

#[tokio::test]
async fn messages_and_sessions_outlive_the_node() {
    let dir = tempfile::TempDir::new().unwrap();
    let node = lasting(dir.path(), &[]).await;
    say(&node, TOPIC, &["a", "b", "c"]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut session = topic.subscribe().from(From::Earliest).session("mine").begin().unwrap();
    assert_eq!(texts(&mut session, 2).await, ["a", "b"]);
    let error = topic.subscribe().session("mine").begin().unwrap_err().to_string();
    assert!(error.contains("the session mine is in use"), "{error}");
    session.commit();
    drop((session, topic));
    let first = node.topic(TOPIC).unwrap().publish("d").await.unwrap();
    node.shutdown().await;
    drop(node);
    let node = lasting(dir.path(), &[]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut session = topic.subscribe().session("mine").begin().unwrap();
    assert_eq!(texts(&mut session, 2).await, ["c", "d"]);
    let next = topic.publish("e").await.unwrap();
    assert_eq!((next.epoch, next.seq.0), (first.epoch, first.seq.0 + 1), "the log goes on");
    assert_eq!(texts(&mut session, 1).await, ["e"]);
}

#[tokio::test]
async fn a_subscriber_that_comes_back_hears_what_is_said_at_once() {
    let dir = tempfile::TempDir::new().unwrap();
    let author = node(&[]).await;
    let reader = lasting(dir.path(), &author.addresses()).await;
    let mut all = reader.topic(TOPIC).unwrap().subscribe().session("mine").begin().unwrap();
    within("joining", reader.joined()).await;
    say(&author, TOPIC, &["a"]).await;
    assert_eq!(texts(&mut all, 1).await, ["a"]);
    all.commit();
    drop(all);
    reader.shutdown().await;
    drop(reader);
    say(&author, TOPIC, &["b"]).await;
    let reader = lasting(dir.path(), &author.addresses()).await;
    let mut all = reader.topic(TOPIC).unwrap().subscribe().session("mine").begin().unwrap();
    assert_eq!(texts(&mut all, 1).await, ["b"]);
    // Neighbours are compared with too seldom for this.
    for text in ["c", "d", "e"] {
        say(&author, TOPIC, &[text]).await;
        let said = tokio::time::timeout(Duration::from_secs(8), texts(&mut all, 1)).await;
        assert_eq!(said.expect("it is gossiped"), [text]);
    }
}

#[tokio::test]
async fn whoever_has_begun_with_the_news_can_ask_for_everything_after_a_restart() {
    let dir = tempfile::TempDir::new().unwrap();
    let author = node(&[]).await;
    let scope = |node: &Node| inner(node).logs.lock().shelf.scope(&TOPIC.parse().unwrap());
    let reader = lasting(dir.path(), &author.addresses()).await;
    let mut news = reader.topic(TOPIC).unwrap().subscribe().begin().unwrap();
    within("joining", reader.joined()).await;
    say(&author, TOPIC, &["a"]).await;
    assert_eq!(texts(&mut news, 1).await, ["a"]);
    assert_eq!(scope(&reader), Scope::News);
    drop(news);
    let mut before = reader;
    for expected in [Scope::News, Scope::Everything, Scope::Everything] {
        before.shutdown().await;
        drop(before);
        let reader = lasting(dir.path(), &author.addresses()).await;
        assert_eq!(scope(&reader), expected);
        let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
        assert_eq!(texts(&mut all, 1).await, ["a"]);
        assert_eq!(scope(&reader), Scope::Everything);
        before = reader;
    }
}

#[tokio::test]
async fn a_restored_backup_begins_a_new_epoch() {
    let (dir, backup) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let reader = node(&[]).await;
    let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let author = lasting(dir.path(), &reader.addresses()).await;
    say(&author, TOPIC, &["a"]).await;
    author.shutdown().await;
    drop(author);
    copy(dir.path(), backup.path());
    let author = lasting(dir.path(), &reader.addresses()).await;
    let before = author.topic(TOPIC).unwrap().publish("b").await.unwrap();
    assert_eq!(texts(&mut all, 2).await, ["a", "b"]);
    author.shutdown().await;
    drop(author);
    // What it has said since the backup it does not know.
    let restored = lasting(backup.path(), &reader.addresses()).await;
    let after = restored.topic(TOPIC).unwrap().publish("c").await.unwrap();
    assert!(after.epoch > before.epoch && after.seq.0 == 1, "{after:?}");
    assert_eq!(texts(&mut all, 1).await, ["c"]);
    // And learns.
    let mut own = restored.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let mut seen = texts(&mut own, 3).await;
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b", "c"]);
    let log = inner(&reader).logs.lock();
    assert!(log.log(&TOPIC.parse().unwrap(), &restored.id()).unwrap().forked().is_none());
}

#[tokio::test]
async fn what_was_in_doubt_stays_so_until_something_is_published() {
    let (dir, backup) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let author = lasting(dir.path(), &[]).await;
    say(&author, TOPIC, &["a"]).await;
    author.shutdown().await;
    drop(author);
    copy(dir.path(), backup.path());
    let author = lasting(dir.path(), &[]).await;
    let before = author.topic(TOPIC).unwrap().publish("b").await.unwrap();
    author.shutdown().await;
    drop(author);
    // The first run with the backup says nothing on this topic.
    for _ in 0..2 {
        lasting(backup.path(), &[]).await.shutdown().await;
    }
    let restored = lasting(backup.path(), &[]).await;
    let after = restored.topic(TOPIC).unwrap().publish("c").await.unwrap();
    assert!(after.epoch > before.epoch && after.seq.0 == 1, "{after:?}");
    restored.shutdown().await;
    drop(restored);
    let restored = lasting(backup.path(), &[]).await;
    let next = restored.topic(TOPIC).unwrap().publish("d").await.unwrap();
    assert_eq!((next.epoch, next.seq.0), (after.epoch, 2), "the new epoch goes on");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
