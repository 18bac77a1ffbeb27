//! Publishing and subscribing over HTTP.

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};

use super::{
    sockets::{next, open},
    *,
};
use crate::testing::{eventually, pair};

/// An event, as a browser would have it.
#[derive(Debug, Default, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Somebody who listens.
struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    async fn begin(node: &Node, path: &str, after: Option<&str>) -> Self {
        let mut stream = connect(node).await;
        let after = after.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n{after}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = within("a status", lines.next_line()).await.unwrap().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        while !within("a head", lines.next_line()).await.unwrap().unwrap().is_empty() {}
        let mut events = Self(lines);
        let begun = events.next().await;
        assert_eq!(begun.name, "subscribed");
        events
    }

    async fn next(&mut self) -> Event {
        within("an event", async {
            let mut event = Event::default();
            loop {
                let line = self.0.next_line().await.unwrap().expect("an event");
                match line.split_once(": ") {
                    Some(("id", id)) => event.id = id.to_owned(),
                    Some(("event", name)) => event.name = name.to_owned(),
                    Some(("data", data)) => event.data.push_str(data),
                    _ if line.is_empty() && event != Event::default() => return event,
                    _ => {}
                }
            }
        })
        .await
    }

    /// The next message's payload, and where to go on behind it.
    async fn message(&mut self) -> (Value, String) {
        let event = self.next().await;
        assert_eq!(event.name, "", "{event:?}");
        (event.json()["json"].clone(), event.id)
    }
}

async fn publish(node: &Node, topic: &str, payload: &str) -> Value {
    let reply = post(node, &format!("/v1/topics/{topic}"), payload).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_heard_with_all_that_goes_along() {
    let node = node_with_gateway(&[]).await;
    let mut events = Events::begin(&node, "/v1/topics/rooms/lobby", None).await;
    let headers = [("x-header-lang", "en"), ("idempotency-key", "one")];
    let path = "/v1/topics/rooms/lobby?ack=gossip&key=ada";
    let published = send(&node, "POST", path, &headers, b"{\"text\": \"ahoy\"}").await.json();
    assert_eq!((&published["topic"], &published["seq"]), (&json!("rooms/lobby"), &json!(1)));
    let heard = events.next().await.json();
    assert_eq!(
        (&heard["json"], &heard["key"], &heard["id"]),
        (&json!({ "text": "ahoy" }), &json!("ada"), &json!("one"))
    );
    assert_eq!((&heard["headers"], &heard["author"]), (&json!({ "lang": "en" }), &json!(node.id().to_string())));
    assert_eq!(publish(&node, "rooms/lobby?ack=local", "plain").await["level"], "local");
    assert_eq!(events.next().await.json()["text"], "plain");
    send(&node, "POST", "/v1/topics/rooms/lobby", &[], &[0xff, 0xfe]).await;
    assert_eq!(events.next().await.json()["base64"], "//4=");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_misses_nothing_and_is_given_nothing_twice() {
    let node = node_with_gateway(&[]).await;
    publish(&node, "log", "0").await;
    let mut events = Events::begin(&node, "/v1/topics/log", None).await;
    for n in 1..=3 {
        publish(&node, "log", &n.to_string()).await;
    }
    let mut after = String::new();
    for n in 1..=2 {
        let (heard, id) = events.message().await;
        assert_eq!(heard, n);
        after = id;
    }
    drop(events);
    publish(&node, "log", "4").await;
    for _ in 0..2 {
        let mut events = Events::begin(&node, "/v1/topics/log", Some(&after)).await;
        assert_eq!(events.message().await.0, 3);
        assert_eq!(events.message().await.0, 4);
    }
    // The same position in the address, for who cannot set headers.
    let mut events = Events::begin(&node, &format!("/v1/topics/log?after={after}"), None).await;
    assert_eq!(events.message().await.0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_author_says_for_the_first_time_meanwhile_is_not_missed() {
    let (first, second) = pair().await;
    let node = node_with_gateway(&first.addresses()).await;
    within("joining", node.joined()).await;
    let mut events = Events::begin(&node, "/v1/topics/news", None).await;
    publish(&node, "news", "1").await;
    let (_, after) = events.message().await;
    drop(events);
    second.topic("news").unwrap().publish(&2).await.unwrap();
    let mut events = Events::begin(&node, "/v1/topics/news", Some(&after)).await;
    assert_eq!(events.message().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_can_begin_anywhere_and_ask_for_a_part() {
    let node = node_with_gateway(&[]).await;
    for n in 1..=3 {
        publish(&node, &format!("a/x?key=k{n}"), &n.to_string()).await;
    }
    publish(&node, "a/y", "9").await;
    let first = async |query: &str| Events::begin(&node, &format!("/v1/topics/{query}"), None).await.message().await.0;
    assert_eq!(first("a/x?from=earliest").await, 1);
    assert_eq!(first("a/x?from=seq:2").await, 2);
    assert_eq!(first("a/x?from=time:-1h").await, 1);
    assert_eq!(first("a/x?from=time:0").await, 1);
    assert_eq!(first("a/x?from=earliest&key=k3").await, 3);
    let mut all = Events::begin(&node, "/v1/topics/a/*?from=earliest", None).await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(all.message().await.0.as_u64().unwrap());
    }
    heard.sort_unstable();
    assert_eq!(heard, [1, 2, 3, 9]);
    let mut session = Events::begin(&node, "/v1/topics/a/x?from=earliest&session=mine", None).await;
    assert_eq!(session.message().await.0, 1);
    let busy = send(&node, "GET", "/v1/topics/a/x?session=mine", &[("accept", "text/event-stream")], b"").await;
    assert!(busy.problem(409).contains("mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_told_and_passed() {
    let node = node_with_gateway(&[]).await;
    let owned = atoll_protocol::names::TopicName::owned_by(&node.id(), "log").unwrap();
    for n in 1..=3 {
        publish(&node, owned.as_str(), &n.to_string()).await;
    }
    let retention = atoll_protocol::topic::Retention { entries: Some(1), ..Default::default() };
    let topic = node.topic(owned.as_str()).unwrap();
    topic.decide(atoll_protocol::topic::Access::Open, Vec::new(), retention).await.unwrap();
    eventually("the oldest are gone", || node.0.broker.topic_report(&owned).unwrap().logs[0].epochs[0].first.0 > 3)
        .await;
    let mut events = Events::begin(&node, &format!("/v1/topics/{owned}?from=earliest"), None).await;
    let gap = events.next().await;
    assert_eq!((gap.name.as_str(), &gap.json()["from_seq"]), ("gap", &json!(1)));
    publish(&node, owned.as_str(), "9").await;
    let mut again = Events::begin(&node, &format!("/v1/topics/{owned}?from=earliest"), Some(&gap.id)).await;
    assert_eq!(again.message().await.0, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_hears_and_publishes() {
    let node = node_with_gateway(&[]).await;
    let said = |message: &tokio_tungstenite::tungstenite::Message| -> Value {
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    };
    let mut socket = open(&node, "/v1/topics/chat").await.unwrap();
    assert!(said(&next(&mut socket).await)["subscribed"]["at_unix_ms"].is_u64());
    futures::SinkExt::send(&mut socket, "\"ahoy\"".into()).await.unwrap();
    let heard = said(&next(&mut socket).await);
    assert_eq!(heard["message"]["json"], "ahoy");
    publish(&node, "chat", "2").await;
    let second = said(&next(&mut socket).await);
    assert_eq!(second["message"]["json"], 2);
    let mut again = open(&node, &format!("/v1/topics/chat?after={}", heard["cursor"].as_str().unwrap())).await.unwrap();
    next(&mut again).await;
    assert_eq!(said(&next(&mut again).await), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_listed_and_described() {
    let node = node_with_gateway(&[]).await;
    publish(&node, "rooms/lobby", "1").await;
    let listed = get(&node, "/v1/topics").await.json();
    assert_eq!((&listed[0]["topic"], &listed[0]["messages"]), (&json!("rooms/lobby"), &json!(1)));
    let described = get(&node, "/v1/topics/rooms/lobby").await.json();
    assert_eq!(described["author_rows"][0]["author"], node.id().to_string());
    assert!(get(&node, "/v1/topics/no/such").await.problem(404).contains("no/such"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_or_subscribed_to_is_refused_with_the_reason() {
    let node = node_with_gateway(&[]).await;
    assert!(post(&node, "/v1/topics/rooms/*", "1").await.problem(400).contains('*'));
    assert!(post(&node, "/v1/topics/x?ack=sure", "1").await.problem(400).contains("sure"));
    assert!(post(&node, "/v1/topics/x?keey=1", "1").await.problem(400).contains("keey"));
    let large = vec![7; atoll_protocol::limits::ENTRY_PAYLOAD + 1];
    send(&node, "POST", "/v1/topics/x", &[], &large).await.problem(413);
    let late = post(&node, "/v1/topics/x?ack=kept2&within_ms=10", "1").await;
    assert_eq!((late.problem(504).contains("kept:2"), &late.json()["reached"]), (true, &json!("local")));
    let subscribe = async |path: &str, after: &str| {
        let headers = [("accept", "text/event-stream"), ("last-event-id", after)];
        send(&node, "GET", path, &headers, b"").await
    };
    assert!(subscribe("/v1/topics/x?from=soon", "").await.problem(400).contains("soon"));
    assert!(subscribe("/v1/topics/x", "17").await.problem(400).contains("17"));
    assert!(subscribe("/v1/topics/x?header=lang", "").await.problem(400).contains("NAME=VALUE"));
    assert!(subscribe("/v1/topics/X!", "").await.problem(400).contains("X!"));
}
