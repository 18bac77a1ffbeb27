//! Searching, watching and describing through the control socket.

use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;
use crate::{SearchQuery, Serving};

/// Offers a service with a doc and a label.
async fn offer(node: &Node, name: &str, version: &str) -> Serving {
    node.service(name, version)
        .unwrap()
        .doc("Simple arithmetic.")
        .metadata("zone", "eu")
        .method("add", |_: Context, r: Vec<i64>| async move { Ok(r.iter().sum::<i64>()) })
        .documented("add", "Adds whole numbers.")
        .register()
        .await
        .unwrap()
}

/// What a watcher is told, for as long as this is held.
struct Told(BufReader<UnixStream>);

impl Told {
    async fn new(node: &Node, pattern: &str) -> Self {
        let mut socket = UnixStream::connect(socket_path(node.data_dir().unwrap())).await.unwrap();
        let body = json!(WatchRequest { pattern: Some(pattern.to_owned()) }).to_string();
        let head = format!("content-type: application/json\r\ncontent-length: {}", body.len());
        socket.write_all(format!("POST /v1/watch HTTP/1.0\r\n{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut told = Self(BufReader::new(socket));
        while !told.line().await.unwrap().is_empty() {}
        told
    }

    /// The next line; `None` at the end.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = within("a line", self.0.read_line(&mut line)).await.unwrap();
        (read > 0).then(|| line.trim().to_owned())
    }

    /// The next event as `change name@version reason`; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                continue;
            }
            let WatchEvent { at_unix_ms, change, reason, instance } = serde_json::from_str(&line).unwrap();
            assert!(at_unix_ms > 1_600_000_000_000, "{line}");
            let of = instance.map(|i| format!(" {}@{}", i.service, i.version)).unwrap_or_default();
            let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
            return Some(format!("{change:?}{of}{reason}").to_lowercase());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_the_library_finds() {
    let dir = tempfile::tempdir().unwrap();
    let server = node(&[]).await;
    let _serving = [offer(&server, "math.calc", "1.2.0").await, offer(&server, "math.calc", "2.0.0").await];
    let node = with_socket(dir.path(), server.addresses()).await;
    eventually("the service is listed", || lists(&node, "math.calc")).await;
    let found = async |request: SearchRequest| -> Vec<String> {
        let reply: SearchReply = ask(&node, "/v1/search", &request).await;
        reply.found.iter().map(|row| format!("{}@{}", row.name, row.version)).collect()
    };
    let words = |words: &str| SearchRequest { words: words.to_owned(), ..SearchRequest::default() };
    let both = ["math.calc@2.0.0", "math.calc@1.2.0"];
    for text in ["calc", "ADDS numbers", "arithmetic", "eu"] {
        assert_eq!(found(words(text)).await, both, "{text}");
        let query = SearchQuery::new(text).unwrap();
        assert_eq!(node.search(&query).found.len(), 2);
    }
    assert_eq!(found(SearchRequest { version: Some("^1".to_owned()), ..words("calc") }).await, both[1..]);
    assert_eq!(found(SearchRequest { prefix: "math.".to_owned(), ..words("") }).await, both);
    let labels = |value: &str| std::collections::BTreeMap::from([("zone".to_owned(), value.to_owned())]);
    assert_eq!(found(SearchRequest { labels: labels("eu"), ..words("") }).await, both);
    assert!(found(SearchRequest { labels: labels("us"), ..words("") }).await.is_empty());
    let reply: SearchReply = ask(&node, "/v1/search", &SearchRequest { limit: Some(1), ..words("calc") }).await;
    assert_eq!((reply.found.len(), reply.more), (1, 1));
    let row = &reply.found[0];
    assert_eq!((row.nodes.as_slice(), row.instances, row.suspect), (&[server.id()][..], 1, false));
    assert_eq!(row.doc, "Simple arithmetic.");
    let reply: SearchReply = ask(&node, "/v1/search", &words("system ping")).await;
    assert_eq!(reply.found[0].methods, ["ping".parse().unwrap()]);
    assert_eq!((reply.found[0].nodes.len(), reply.found[0].rtt_ms), (2, Some(0.0)), "the nearest is this node");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let cases = [
        ("/v1/search", json!({ "words": "x ".repeat(17) }), "at most 16"),
        ("/v1/search", json!({ "words": "x".repeat(129) }), "beginning"),
        ("/v1/search", json!({ "version": "one" }), "^1.2"),
        ("/v1/search", json!({ "limit": 0 }), "from 1 to 1000"),
        ("/v1/search", json!({ "limit": 1001 }), "from 1 to 1000"),
        ("/v1/watch", json!({ "pattern": "Math" }), "math.*"),
        ("/v1/watch", json!({ "pattern": ">.x" }), "math.>"),
    ];
    for (path, body, words) in cases {
        let said = error(post(&node, path, &body.to_string()).await, 400);
        assert!(said.contains(words), "{body}: {said}");
    }
    error(post(&node, "/v1/search", "{").await, 400);
    error(post(&node, "/v1/search", r#"{"words": 3}"#).await, 422);
    error(post(&node, "/v1/watch", r#"{"pattern": 3}"#).await, 422);
    error(exchange(&node, "GET /v1/watch HTTP/1.0\r\n\r\n").await, 405);
    for radius in ["0", "9", "far"] {
        let said = error(exchange(&node, &format!("GET /v1/graph?radius={radius} HTTP/1.0\r\n\r\n")).await, 400);
        assert!(said.contains("from 1 to 8"), "{said}");
    }
    let graph: GraphNode = get(&node, "/v1/graph?radius=1").await;
    assert_eq!(graph.node, node.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_is_told_what_is_there_and_what_changes() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let first = offer(&node, "math.calc", "1.0.0").await;
    let _other = offer(&node, "other", "1.0.0").await;
    let (mut some, mut all) = (Told::new(&node, "math.*").await, Told::new(&node, ">").await);
    assert_eq!(some.next().await.unwrap(), "present math.calc@1.0.0");
    assert_eq!(some.next().await.unwrap(), "ready");
    for expected in ["present math.calc@1.0.0", "present other@1.0.0"] {
        assert_eq!(all.next().await.unwrap(), expected, "by name");
    }
    let _second = offer(&node, "math.geo", "1.0.0").await;
    assert_eq!(some.next().await.unwrap(), "added math.geo@1.0.0");
    let _not_asked_for = offer(&node, "math.geo.flat", "1.0.0").await;
    drop(first);
    assert_eq!(some.next().await.unwrap(), "removed math.calc@1.0.0 withdrawn");
    // A node that stops ends the watch, whatever it still has to say.
    node.shutdown().await;
    while let Some(event) = some.next().await {
        assert!(event.starts_with("removed math.geo@1.0.0"), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_that_leave_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    // Each is carried by a task of its own; those of the node itself come and go by a few.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut watchers = Vec::new();
    for _ in 0..50 {
        watchers.push(Told::new(&node, "math.*").await);
    }
    assert!(tasks() >= before + 40);
    drop(watchers);
    eventually("nothing of them is left", || tasks() < before + 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_service_is_answered_with_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let _serving = [offer(&node, "math.calc", "1.2.0").await, offer(&node, "math.calc", "2.0.0").await];
    for (asked, words) in [
        ("math.cacl", "did you mean math.calc?"),
        ("math", "did you mean math.calc?"),
        ("math.calc@3", "known versions: 2.0.0, 1.2.0"),
        ("math.calc@%3E%3D1.3%2C%20%3C2", "no node offers math.calc@>=1.3, <2; known versions: 2.0.0, 1.2.0"),
    ] {
        let said = error(exchange(&node, &format!("GET /v1/services/{asked} HTTP/1.0\r\n\r\n")).await, 404);
        assert!(said.contains(words), "{asked}: {said}");
    }
    let said = error(exchange(&node, "GET /v1/services/weather HTTP/1.0\r\n\r\n").await, 404);
    assert_eq!(said, "no node offers weather");
    let described: ServiceDescription = get(&node, "/v1/services/math.calc@%5E1").await;
    assert_eq!(described.versions.len(), 1);
    let instance = &described.versions[0].instances[0];
    assert_eq!((instance.path.as_deref(), instance.hops, instance.lease_ms), (Some("local"), Some(0), None));
}
