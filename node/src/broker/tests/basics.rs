//! Publishing and subscribing.

use super::*;

#[tokio::test]
async fn what_is_published_is_given_to_subscribers_everywhere() {
    let (one, other) = pair().await;
    let mut here = one.topic(TOPIC).unwrap().subscribe().begin().unwrap();
    let mut there = other.topic(TOPIC).unwrap().subscribe().begin().unwrap();
    say(&one, TOPIC, &["a", "b", "c"]).await;
    assert_eq!(texts(&mut here, 3).await, ["a", "b", "c"]);
    assert_eq!(texts(&mut there, 3).await, ["a", "b", "c"]);
    let published = other.topic(TOPIC).unwrap().publish("d").gossip().await.unwrap();
    assert_eq!((published.seq.0, published.level), (1, AckLevel::Gossip));
    let heard = message(&mut here).await;
    assert_eq!((heard.author(), heard.seq(), heard.topic().as_str()), (other.id(), published.seq, TOPIC));
}

#[tokio::test]
async fn whoever_comes_later_is_brought_up_to_date() {
    let (one, other) = pair().await;
    say(&one, TOPIC, &["a", "b", "c"]).await;
    let topic = other.topic(TOPIC).unwrap();
    let mut all = topic.subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut all, 3).await, ["a", "b", "c"]);
    // It is here now.
    let mut again = topic.subscribe().from(From::Seq(2)).begin().unwrap();
    assert_eq!(texts(&mut again, 2).await, ["b", "c"]);
    let mut news = topic.subscribe().begin().unwrap();
    say(&one, TOPIC, &["d"]).await;
    assert_eq!(texts(&mut news, 1).await, ["d"]);
}

#[tokio::test]
async fn many_messages_come_in_order_and_each_once() {
    let (one, other) = pair().await;
    let mut there = other.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let topic = one.topic(TOPIC).unwrap();
    let publishing = async {
        let mut last = None;
        for number in 0..20_000_u32 {
            last = Some(topic.publish(&number).gossip().send().await.unwrap());
        }
        last.unwrap().await.unwrap()
    };
    let reading = async {
        for number in 0..20_000_u32 {
            assert_eq!(message(&mut there).await.json::<u32>().unwrap(), number);
        }
    };
    within("all of them", async { tokio::join!(publishing, reading) }).await;
}

#[tokio::test]
async fn patterns_stand_for_topics_that_come_later() {
    let (one, other) = pair().await;
    let mut rooms = other.subscribe("rooms/*").unwrap().from(From::Earliest).begin().unwrap();
    say(&one, "rooms/a", &["1"]).await;
    say(&one, "elsewhere/a", &["2"]).await;
    say(&one, "rooms/b", &["3"]).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(message(&mut rooms).await.topic().to_string());
    }
    seen.sort_unstable();
    assert_eq!(seen, ["rooms/a", "rooms/b"]);
}

#[tokio::test]
async fn subscribers_get_what_they_filter_for() {
    let node = node(&[]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut warm = topic.subscribe().header("unit", "C").begin().unwrap();
    let mut kitchen = topic.subscribe().key("kitchen").begin().unwrap();
    topic.publish(&1).key("kitchen").header("unit", "F").await.unwrap();
    topic.publish(&2).key("hall").header("unit", "C").await.unwrap();
    topic.publish(&3).key("kitchen").await.unwrap();
    assert_eq!(message(&mut warm).await.json::<u32>().unwrap(), 2);
    assert_eq!(message(&mut kitchen).await.json::<u32>().unwrap(), 1);
    assert_eq!(message(&mut kitchen).await.json::<u32>().unwrap(), 3);
    let mut last = topic.subscribe().last_per_key().begin().unwrap();
    assert_eq!(message(&mut last).await.json::<u32>().unwrap(), 2);
    assert_eq!(message(&mut last).await.json::<u32>().unwrap(), 3);
    topic.publish(&4).key("hall").await.unwrap();
    assert_eq!(message(&mut last).await.json::<u32>().unwrap(), 4);
}

#[tokio::test]
async fn the_same_id_is_given_once() {
    let node = node(&[]).await;
    let topic = node.topic(TOPIC).unwrap();
    let mut all = topic.subscribe().begin().unwrap();
    for (number, id) in [(1, "a"), (2, "a"), (3, "b")] {
        topic.publish(&number).id(id).await.unwrap();
    }
    assert_eq!(message(&mut all).await.json::<u32>().unwrap(), 1);
    assert_eq!(message(&mut all).await.json::<u32>().unwrap(), 3);
}

#[tokio::test]
async fn what_is_too_large_is_refused_in_words() {
    let node = node(&[]).await;
    let topic = node.topic(TOPIC).unwrap();
    let error = topic.publish_raw(vec![0; 256 * 1024 + 1]).await.unwrap_err().to_string();
    assert!(error.contains("262145 bytes of payload, at most 262144"), "{error}");
    let error = topic.publish(&1).key(vec![0; 257]).await.unwrap_err().to_string();
    assert!(error.contains("257 bytes of key, at most 256"), "{error}");
    let largest = topic.publish_raw(vec![0; 256 * 1024]).await.unwrap();
    assert_eq!(largest.seq.0, 1);
}

#[tokio::test]
async fn more_than_can_be_kept_is_not_claimed() {
    let node = node(&[]).await;
    let publish = node.topic(TOPIC).unwrap().publish(&1).kept(2).within(Duration::from_millis(200));
    let error = publish.await.unwrap_err();
    let text = error.to_string();
    assert_eq!(text, "published on rooms/lobby, but kept:2 was not reached in time, only local");
}
