//! Keepers and their receipts.

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
