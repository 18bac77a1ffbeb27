//! Keepers and their receipts.

use std::future::IntoFuture;

use super::*;

#[tokio::test]
async fn keepers_give_receipts_and_serve_when_the_author_is_gone() {
    let first = keeper(&[]).await;
    let second = keeper(&first.addresses()).await;
    let author = node(&first.addresses()).await;
    for node in [&first, &second, &author] {
        within("joining", node.joined()).await;
    }
    eventually("both volunteers are known", || inner(&author).volunteers().len() == 2).await;
    let published = within("receipts", async {
        author.topic(TOPIC).unwrap().publish("kept").kept(2).within(Duration::from_secs(15)).await
    });
    assert_eq!(published.await.unwrap().level, AckLevel::Kept(2));
    assert!(inner(&first).keeping.is_kept(&TOPIC.parse().unwrap()));
    within("the author stops", author.shutdown()).await;
    drop(author);
    let late = node(&second.addresses()).await;
    let mut all = late.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut all, 1).await, ["kept"]);
}

#[tokio::test]
async fn what_was_published_alone_is_kept_once_there_are_keepers() {
    let author = node(&[]).await;
    say(&author, TOPIC, &["a", "b"]).await;
    let keeper = keeper(&author.addresses()).await;
    eventually("it is kept", || {
        inner(&author).acks.pending(1).is_empty() && inner(&keeper).keeping.is_kept(&TOPIC.parse().unwrap())
    })
    .await;
}

/// A node that keeps topics, of which each has one keeper.
async fn sole(weight: u8, bootstrap: &[Multiaddr]) -> Node {
    let mut builder = builder().bootstrap(bootstrap.iter().cloned());
    (builder.config.topics.keep, builder.config.topics.keepers) = (weight, 1);
    listening(builder).await
}

#[tokio::test]
async fn a_keeper_that_is_elected_no_more_hands_over_before_it_lets_go() {
    let first = sole(1, &[]).await;
    let author = sole(0, &first.addresses()).await;
    within("joining", author.joined()).await;
    eventually("the keeper is known", || inner(&author).volunteers().len() == 1).await;
    let topic: TopicName = TOPIC.parse().unwrap();
    for text in ["a", "b", "c"] {
        let published = author.topic(TOPIC).unwrap().publish(text).kept(1).within(Duration::from_secs(15));
        within("a receipt", published.into_future()).await.unwrap();
    }
    within("the author stops", author.shutdown()).await;
    drop(author);
    // All that is left is with a node that the others are preferred to.
    let mut others = Vec::new();
    while inner(&first).elected(&topic, 2).contains(&first.id()) {
        others.push(sole(16, &first.addresses()).await);
        let known = || inner(&first).volunteers().len() == others.len() + 1;
        eventually("the volunteers are known", known).await;
    }
    within("it is let go", async {
        while inner(&first).keeping.is_kept(&topic) {
            inner(&first).review_kept().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    within("the first keeper stops", first.shutdown()).await;
    drop(first);
    let late = node(&others[0].addresses()).await;
    let mut all = late.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut all, 3).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn nothing_is_let_go_to_one_who_lacks_something_in_the_middle() {
    let (holder, other) = pair().await;
    let mut all = other.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let topic: TopicName = TOPIC.parse().unwrap();
    say(&holder, TOPIC, &["a", "b", "c"]).await;
    texts(&mut all, 3).await;
    {
        let mut logs = inner(&other).logs.lock();
        let log = logs.shelf.log_mut(&topic, holder.id()).unwrap();
        let epoch = log.chains().next().unwrap().0;
        let middle = Stretch { from: Seq(2), to: Seq(2) };
        log.lose(epoch, middle);
        log.skip(epoch, middle);
    }
    assert!(!inner(&holder).is_held_by(&topic, other.id()).await.unwrap());
}

#[tokio::test]
async fn nothing_is_let_go_to_one_who_has_only_the_end_of_it() {
    let (holder, other) = pair().await;
    let mut all = other.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let topic: TopicName = TOPIC.parse().unwrap();
    say(&holder, TOPIC, &["a", "b", "c", "d"]).await;
    texts(&mut all, 4).await;
    assert!(inner(&holder).is_held_by(&topic, other.id()).await.unwrap());
    lose(&other, holder.id(), 2).await;
    let sums = [&holder, &other].map(|node| inner(node).logs.lock().shelf.sum(&topic, 1));
    assert_eq!(sums[0], sums[1], "sums are of ends alone");
    assert!(!inner(&holder).is_held_by(&topic, other.id()).await.unwrap());
}
