//! Topics through the control socket.

use atoll_protocol::names::TopicName;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

/// What becomes of these lines.
async fn publish(node: &Node, lines: &[Value]) -> Vec<PublishEvent> {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (code, said) = post(node, "/v1/topics/publish", &body).await;
    assert_eq!(code, 200, "{said}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A subscription, for as long as this is held.
struct Subscribed(BufReader<UnixStream>);

impl Subscribed {
    /// With a body of this length, of which only the first line is said yet.
    async fn new(node: &Node, request: Value, rest: usize) -> Self {
        let mut socket = UnixStream::connect(socket_path(node.data_dir().unwrap())).await.unwrap();
        let body = format!("{request}\n");
        let head = format!("POST /v1/topics/subscribe HTTP/1.0\r\ncontent-length: {}\r\n\r\n", body.len() + rest);
        socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut subscribed = Self(BufReader::new(socket));
        while !subscribed.line().await.unwrap().is_empty() {}
        assert!(matches!(
            subscribed.next().await,
            Some(SubscribeEvent::Subscribed { at_unix_ms: 1_600_000_000_000.. })
        ));
        subscribed
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = within("a line", self.0.read_line(&mut line)).await.unwrap();
        (read > 0).then(|| line.trim().to_owned())
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<SubscribeEvent> {
        loop {
            let line = self.line().await?;
            if !line.is_empty() {
                return Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")));
            }
        }
    }

    async fn message(&mut self) -> MessageRow {
        match self.next().await {
            Some(SubscribeEvent::Message(row)) => *row,
            other => panic!("no message, but {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_keys_and_ids_arrive_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let said = publish(
        &node,
        &[
            json!({ "topic": "a", "ack": "gossip", "text": "two\nlines", "key": "k", "id": "i", "headers": { "n": "v" } }),
            json!({ "json": null }),
            json!({ "text": " {\"b\":\n 1.50, \"a\": 1} ", "key_base64": "/w==", "id_base64": "/g==" }),
            json!({ "base64": "//8=", "topic": "b", "ack": "local" }),
            json!({ "base64": "YWhveQ==", "within_ms": 1 }),
        ],
    )
    .await;
    let rows = said.iter().map(|event| match event {
        PublishEvent::Published(row) => (row.topic.as_str(), row.seq.0, row.level.as_str()),
        PublishEvent::Failed(row) => panic!("{row:?}"),
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(
        rows,
        [("a", 1, "gossip"), ("a", 2, "gossip"), ("a", 3, "gossip"), ("b", 1, "local"), ("a", 4, "gossip")]
    );

    let mut all = Subscribed::new(&node, json!({ "topics": "a", "from": "earliest" }), 0).await;
    let row = all.message().await;
    assert_eq!(
        (row.text.as_deref(), row.key.as_deref(), row.id.as_deref()),
        (Some("two\nlines"), Some("k"), Some("i"))
    );
    assert_eq!((row.author, row.seq.0, row.headers["n"].as_str()), (node.id(), 1, "v"));
    assert_eq!(all.message().await.json.unwrap().get(), "null");
    let row = all.message().await;
    assert_eq!(row.json.unwrap().get(), "{\"b\":  1.50, \"a\": 1}", "on one line, and else as it was");
    assert_eq!((row.key_base64.as_deref(), row.id_base64.as_deref(), row.key), (Some("/w=="), Some("/g=="), None));
    assert_eq!(all.message().await.text.as_deref(), Some("ahoy"));
    let mut bytes = Subscribed::new(&node, json!({ "topics": "b", "from": { "seq": 1 } }), 0).await;
    assert_eq!(bytes.message().await.base64.as_deref(), Some("//8="));
    let mut keyed = Subscribed::new(&node, json!({ "topics": "*", "from": { "at_unix_ms": 0 }, "key": "k" }), 0).await;
    assert_eq!(keyed.message().await.seq.0, 1);
    node.shutdown().await;
    assert!(all.next().await.is_none() && keyed.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_fails_by_itself_and_the_first_one_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let lines = [
        json!({ "topic": "a", "text": "1" }),
        json!({ "text": "2", "topic": "No" }),
        json!({ "text": "2", "json": 2 }),
        json!({}),
        json!("2"),
        json!({ "base64": "?" }),
        json!({ "text": "2", "ack": "all" }),
        json!({ "text": "2", "key": "k", "key_base64": "aw==" }),
        json!({ "text": "2", "key": "k".repeat(257) }),
        json!({ "text": "2", "ack": "kept:1", "within_ms": 50 }),
        json!({ "text": "3" }),
    ];
    let said = publish(&node, &lines).await;
    let failed = |nth: usize| match &said[nth] {
        PublishEvent::Failed(row) => (row.error.as_str(), row.reached.as_deref()),
        PublishEvent::Published(row) => panic!("{nth}: {row:?}"),
    };
    for (nth, words) in [
        (1, "\"No\" is not a topic name"),
        (2, "two payloads"),
        (3, "no payload"),
        (4, "this line is no message"),
        (5, "base64 is no base64"),
        (6, "\"all\" is no level"),
        (7, "key and key_base64 say the same"),
        (8, "257 bytes of key, at most 256"),
    ] {
        let (error, reached) = failed(nth);
        assert!(error.contains(words) && reached.is_none(), "{nth}: {error}");
    }
    assert_eq!(failed(9), ("published on a, but kept:1 was not reached in time, only local", Some("local")));
    assert!(matches!(&said[10], PublishEvent::Published(row) if row.seq.0 == 3), "{:?}", said[10]);
    for (body, words) in [
        ("", "body is empty"),
        ("{", "no message"),
        ("{\"text\": \"x\"}", "names no topic"),
        ("{\"text\": \"x\", \"topic\": \"No\"}", "rooms/lobby"),
        ("{\"text\": \"x\", \"topic\": \"a\", \"ack\": \"most\"}", "kept:2"),
    ] {
        let said = error(post(&node, "/v1/topics/publish", body).await, 400);
        assert!(said.contains(words), "{body}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_go_through_one_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let first = json!({ "topic": "a", "text": "0" });
    let lines: Vec<Value> = std::iter::once(first).chain((1..20_000).map(|n| json!({ "json": n }))).collect();
    let said = publish(&node, &lines).await;
    let seqs = said.iter().filter_map(|event| match event {
        PublishEvent::Published(row) => Some(row.seq.0),
        PublishEvent::Failed(_) => None,
    });
    assert!(seqs.eq(1..=20_000), "one answer for each, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_confirms_each_message_before_reading_on_gets_them_all() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let count = 3_000;
    let text = "x".repeat(400);
    let lines: Vec<Value> = (0..count).map(|_| json!({ "topic": "a", "ack": "gossip", "text": text })).collect();
    assert_eq!(publish(&node, &lines).await.len(), count);
    let request = json!({ "topics": "a", "from": "earliest", "session": "mine", "confirm": true });
    let mut session = Subscribed::new(&node, request, 1024 * 1024).await;
    for taken in 1..=count {
        session.message().await;
        let confirmed = format!("{}\n", json!({ "taken": taken }));
        within("confirming", session.0.get_mut().write_all(confirmed.as_bytes())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_has_not_confirmed_is_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let lines: Vec<Value> = (1..=4).map(|n| json!({ "topic": "a", "json": n })).collect();
    publish(&node, &lines).await;
    let request = json!({ "topics": "a", "from": "earliest", "session": "mine", "confirm": true });
    let taken = "{\"taken\": 2}\n";
    let mut session = Subscribed::new(&node, request.clone(), taken.len()).await;
    for seq in 1..=4 {
        assert_eq!(session.message().await.seq.0, seq);
    }
    let said = error(post(&node, "/v1/topics/subscribe", &request.to_string()).await, 409);
    assert!(said.contains("mine is in use"), "{said}");
    session.0.write_all(taken.as_bytes()).await.unwrap();
    assert!(session.next().await.is_none(), "the end of the request is the end");
    let mut session = Subscribed::new(&node, request, 1).await;
    assert_eq!(session.message().await.seq.0, 3);
    let after = json!([{ "topic": "a", "author": node.id(), "epoch": session.message().await.epoch, "seq": 3 }]);
    let mut plain = Subscribed::new(&node, json!({ "topics": "a", "from": "earliest", "after": after }), 0).await;
    assert_eq!(plain.message().await.seq.0, 4);
    for (request, words) in [
        (json!({ "topics": "a", "confirm": true }), "only a session"),
        (json!({ "topics": ">.a" }), "rooms/*"),
        (json!({ "topics": "a", "session": "" }), "1 to 64 bytes"),
        (json!({ "topics": "a", "from": "soon" }), "first line"),
    ] {
        let said = error(post(&node, "/v1/topics/subscribe", &request.to_string()).await, 400);
        assert!(said.contains(words), "{request}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_listed_described_and_decided_about() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    assert_eq!(get::<Vec<TopicRow>>(&node, "/v1/topics").await, []);
    let outbox: OutboxReport = get(&node, "/v1/outbox").await;
    assert_eq!((outbox.published, outbox.keepers_known, outbox.keepers_wanted), (false, 0, 3));
    let own = TopicName::owned_by(&node.id(), "news").unwrap();
    publish(&node, &[json!({ "topic": "rooms/lobby", "text": "x" }), json!({ "topic": "publish", "text": "x" })]).await;

    let described: TopicDescription = get(&node, "/v1/topics/rooms%2Flobby").await;
    let row = &described.row;
    assert_eq!((row.topic.as_str(), row.authors, row.messages, row.published), ("rooms/lobby", 1, 1, true));
    assert_eq!((row.owner, row.subscribed, row.kept, row.keepers.as_slice()), (None, false, false, &[][..]));
    let author = &described.author_rows[0];
    assert_eq!((author.author, author.quarantined, author.epochs.len()), (node.id(), false, 1));
    let epoch = &author.epochs[0];
    assert_eq!((epoch.first_seq.0, epoch.last_seq.0, epoch.messages), (1, 1, 1));
    assert_eq!(described.own_name, Some(TopicName::owned_by(&node.id(), "rooms/lobby").unwrap()));
    let called: TopicDescription = get(&node, "/v1/topics/publish").await;
    assert_eq!(called.row.topic.as_str(), "publish");
    let said = error(exchange(&node, "GET /v1/topics/never.heard HTTP/1.0\r\n\r\n").await, 404);
    assert!(said.contains("nothing to do with never.heard"), "{said}");
    let outbox: OutboxReport = get(&node, "/v1/outbox").await;
    let pending: Vec<_> =
        outbox.pending.iter().map(|row| (row.topic.as_str(), row.from_seq.0, row.to_seq.0, row.waiting)).collect();
    assert_eq!((outbox.published, pending), (true, vec![("publish", 1, 1, 0), ("rooms/lobby", 1, 1, 0)]));

    let decide = async |request: Value| post(&node, "/v1/topics/retain", &request.to_string()).await;
    let said = error(decide(json!({ "topic": "rooms/lobby", "messages": 1 })).await, 403);
    assert!(said.contains("everybody's") && said.contains("[topics] owners"), "{said}");
    error(decide(json!({ "topic": "No" })).await, 400);
    let first = json!({ "topic": own, "age_secs": 60, "messages": 5, "access": { "closed": [node.id()] } });
    assert_eq!(decide(first).await.0, 200);
    let second = json!({ "topic": own, "age_secs": null, "last_per_key": true, "keepers": [node.id()] });
    let policy: TopicPolicy = serde_json::from_str(&decide(second).await.1).unwrap();
    assert_eq!((policy.age_secs, policy.messages, policy.bytes, policy.last_per_key), (None, Some(5), None, true));
    assert_eq!(
        (policy.access.clone(), policy.keepers.clone()),
        (TopicAccess::Closed(vec![node.id()]), vec![node.id()])
    );
    let described: TopicDescription = get(&node, &format!("/v1/topics/{}", own.as_str().replace('/', "%2f"))).await;
    assert_eq!((described.row.owned, described.own_name, described.policy), (true, None, Some(policy)));
    let keeper = &described.keeper_rows[0];
    assert_eq!((keeper.node, keeper.pinned, keeper.path.as_deref()), (node.id(), true, Some("local")));
    let too_many = json!({ "topic": own, "keepers": vec![node.id(); 17] });
    let said = error(decide(too_many).await, 400);
    assert!(said.contains("17 keepers, at most 16"), "{said}");
}
