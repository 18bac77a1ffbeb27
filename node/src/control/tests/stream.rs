//! Streams through the control socket.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;
use crate::{Receiver, Sender, Serving, protocol::limits};

const PATH: &str = "/v1/call/stream";

/// A body: what to call, and the messages.
fn body(service: &str, method: &str, messages: &[&str]) -> String {
    let head = serde_json::to_string(&call(service, method, Value::Null)).unwrap();
    format!("{head}\n{}", messages.iter().map(|message| format!("{message}\n")).collect::<String>())
}

/// The messages that come, and how it ends.
async fn whole(node: &Node, body: &str) -> (Vec<Value>, CallStatus) {
    let (code, said) = post(node, PATH, body).await;
    assert_eq!(code, 200, "{said}");
    let mut messages = Vec::new();
    let mut lines = said.lines().filter(|line| !line.is_empty());
    for line in &mut lines {
        match serde_json::from_str(line).unwrap() {
            StreamEvent::Message { message } => messages.push(message),
            StreamEvent::End { status, .. } => {
                assert_eq!(lines.next(), None, "something behind the end");
                return (messages, status);
            }
        }
    }
    panic!("no end: {said}")
}

/// A stream whose request goes on for as long as it is held.
struct Open(BufReader<UnixStream>);

impl Open {
    /// In HTTP/1.0 the answer needs no framing; the request is said to be long, and never ends.
    async fn new(node: &Node, method: &str) -> Self {
        let mut socket = UnixStream::connect(socket_path(node.data_dir().unwrap())).await.unwrap();
        let body = body("flows", method, &[]);
        let head = format!("POST {PATH} HTTP/1.0\r\ncontent-length: 999999999\r\n\r\n{body}");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut open = Self(BufReader::new(socket));
        while !open.line().await.trim().is_empty() {}
        open
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within("a line", self.0.read_line(&mut line)).await.unwrap();
        line
    }

    async fn say(&mut self, message: &str) {
        self.0.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn event(&mut self) -> StreamEvent {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "the answer has ended");
            if !line.trim().is_empty() {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }
}

/// What a test sees of the handlers of [`offer`].
#[derive(Clone, Default)]
struct Seen {
    /// Handlers at work.
    working: Arc<AtomicU64>,
    /// Messages sent by `flood`.
    sent: Arc<AtomicU64>,
}

/// Counts one handler for as long as it is there.
struct Work(Arc<AtomicU64>);

impl Work {
    fn of(seen: &Seen) -> Self {
        seen.working.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&seen.working))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn offer(node: &Node, seen: &Seen) -> Serving {
    let (echoing, deaf, flooding) = (seen.clone(), seen.clone(), seen.clone());
    node.service("flows", "1.0.0")
        .unwrap()
        .method("unary", |_: Context, _: Value| async move { Ok(1) })
        .server_stream("count", |_: Context, to: u64, mut out: Sender<u64>| async move {
            for number in 1..=to {
                out.send(&number).await?;
            }
            Ok(())
        })
        .client_stream("sum", |_: Context, mut numbers: Receiver<i64>| async move {
            let mut sum = 0;
            while let Some(number) = numbers.next().await? {
                sum += number;
            }
            Ok(sum)
        })
        .bidirectional("echo", move |_: Context, mut from: Receiver<Value>, mut to: Sender<Value>| {
            let work = Work::of(&echoing);
            async move {
                let _work = work;
                while let Some(value) = from.next().await? {
                    if value == json!("fail") {
                        return Err(Status::failed_precondition("not now").retryable(true));
                    }
                    to.send(&value).await?;
                }
                Ok(())
            }
        })
        .bidirectional("deaf", move |_: Context, from: Receiver<Value>, to: Sender<Value>| {
            let work = Work::of(&deaf);
            async move {
                let _held = (work, from, to);
                std::future::pending().await
            }
        })
        .server_stream("flood", move |_: Context, _: Value, mut out: Sender<String>| {
            let seen = flooding.clone();
            async move {
                let _work = Work::of(&seen);
                loop {
                    out.send(&"x".repeat(10_000)).await?;
                    seen.sent.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
        .register()
        .await
        .unwrap()
}

/// A node with a control socket that calls `flows` at another node, and what is seen there.
async fn served() -> (tempfile::TempDir, Node, Seen, (Node, Serving)) {
    let (dir, seen, server) = (tempfile::tempdir().unwrap(), Seen::default(), node(&[]).await);
    let serving = offer(&server, &seen).await;
    let node = with_socket(dir.path(), server.addresses()).await;
    eventually("the service is listed", || lists(&node, "flows")).await;
    (dir, node, seen, (server, serving))
}

async fn idle(seen: &Seen) {
    eventually("the handler is dropped", || seen.working.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_stream_is_carried() {
    let (_dir, node, _seen, _server) = served().await;
    let ok = CallStatus { code: Code::Ok, message: String::new(), retryable: false, retry_after_ms: None };
    let cases = [
        ("count", &["3"][..], vec![json!(1), json!(2), json!(3)]),
        ("count", &["0"], vec![]),
        ("sum", &["1", "", " 2 ", "39"], vec![json!(42)]),
        ("sum", &[], vec![json!(0)]),
        ("echo", &["{\"b\": [1, null]}", "null"], vec![json!({ "b": [1, null] }), Value::Null]),
        ("echo", &[], vec![]),
    ];
    for (method, messages, expected) in cases {
        assert_eq!(whole(&node, &body("flows", method, messages)).await, (expected, ok.clone()), "{method}");
    }
    // More than fits any buffer, and a last line without an end.
    let many: Vec<String> =
        (0..20_000).map(|number| json!({ "number": number, "fill": "y".repeat(50) }).to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (messages, status) = whole(&node, body("flows", "echo", &many).trim_end()).await;
    assert_eq!((messages.len(), status), (20_000, ok));
    assert_eq!(messages[19_999]["number"], 19_999);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways_as_they_come() {
    let (_dir, node, seen, _server) = served().await;
    let mut open = Open::new(&node, "echo").await;
    for number in 0..10 {
        open.say(&number.to_string()).await;
        assert_eq!(open.event().await, StreamEvent::Message { message: number.into() });
    }
    open.say("\"fail\"").await;
    let StreamEvent::End { status, .. } = open.event().await else { panic!("no end") };
    let expected = (Code::FailedPrecondition, "not now", true);
    assert_eq!((status.code, status.message.as_str(), status.retryable), expected);
    idle(&seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_stream_ends_at_once_with_the_reason() {
    let (_dir, node, seen, _server) = served().await;
    let too_long = format!("\"{}\"", "x".repeat(limits::STREAM_MESSAGE));
    let cases = [
        (body("no.such.thing", "x", &["1"]), Code::NotFound, "no.such.thing"),
        (body("flows", "nothing", &["1"]), Code::Unimplemented, "count"),
        (body("flows", "unary", &["1"]), Code::Unimplemented, "flows/unary is no stream"),
        (body("flows", "count", &["\"many\""]), Code::InvalidArgument, "u64"),
        (body("flows", "deaf", &["1", "{", "3"]), Code::InvalidArgument, "message 2 is not JSON"),
        (body("flows", "deaf", &["1 2"]), Code::InvalidArgument, "message 1 is not JSON"),
        (body("flows", "deaf", &["1", "2", &too_long]), Code::ResourceExhausted, "message 3 has 131"),
        (body("flows", "deaf", &[&"[".repeat(2 * lines::LONGEST)]), Code::Cancelled, "longer than"),
    ];
    for (body, code, words) in cases {
        let (messages, status) = whole(&node, &body).await;
        assert!(messages.is_empty() && status.code == code && status.message.contains(words), "{words}: {status:?}");
        idle(&seen).await;
    }
    // The other way round.
    let reply: CallReply = ask(&node, "/v1/call", &call("flows", "count", json!(3))).await;
    assert_eq!(reply.status.code, Code::Unimplemented);
    assert!(reply.status.message.contains("--stream"), "{}", reply.status.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_line_that_does_not_say_what_to_call_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let cases = [
        ("", "empty"),
        ("\n \n", "empty"),
        ("hello\n1\n", "first line"),
        ("{\"service\": \"a\"}\n", "method"),
        ("{\"service\": \"No Name\", \"method\": \"x\"}\n", "No Name"),
        ("{\"service\": \"a\", \"method\": \"x\", \"body\": 1}\n", "messages follow"),
        ("{\"service\": \"a\", \"method\": \"x\", \"hedge_ms\": 1}\n", "hedge"),
        ("{\"service\": \"a\", \"method\": \"x\", \"policy\": \"best\"}\n", "best"),
    ];
    for (body, words) in cases {
        let said = error(post(&node, PATH, body).await, 400);
        assert!(said.contains(words), "{body}: {said}");
    }
    error(exchange(&node, &format!("GET {PATH} HTTP/1.0\r\n\r\n")).await, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_stream() {
    let (_dir, node, seen, _server) = served().await;
    let head = CallRequest { deadline_ms: Some(100), ..call("flows", "deaf", Value::Null) };
    let (_, status) = whole(&node, &serde_json::to_string(&head).unwrap()).await;
    assert_eq!(status.code, Code::DeadlineExceeded);
    idle(&seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_its_stream() {
    let (_dir, node, seen, _server) = served().await;
    for method in ["echo", "deaf", "flood"] {
        let mut open = Open::new(&node, method).await;
        if method == "flood" {
            open.say("1").await;
        }
        eventually("the handler works", || seen.working.load(Ordering::SeqCst) == 1).await;
        drop(open);
        idle(&seen).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_missed_even_when_nobody_reads_it() {
    let (_dir, node, seen, _server) = served().await;
    let mut open = Open::new(&node, "deaf").await;
    let message = format!("\"{}\"", "x".repeat(10_000));
    // Until everything between here and there is full.
    let full = async { while tokio::time::timeout(Duration::from_secs(1), open.say(&message)).await.is_ok() {} };
    within("the queues are full", full).await;
    assert_eq!(seen.working.load(Ordering::SeqCst), 1);
    drop(open);
    idle(&seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_stops_the_service() {
    let (_dir, node, seen, _server) = served().await;
    let mut open = Open::new(&node, "flood").await;
    open.say("1").await;
    let mut sent = 0;
    let stopped = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = seen.sent.load(Ordering::SeqCst);
            if now > 0 && now == sent {
                break;
            }
            sent = now;
        }
    };
    within("the service stops", stopped).await;
    // The stream's window, hyper's buffers and the sockets', together.
    assert!(sent < 1_000, "{sent} messages of 10 kB are held somewhere");
    for _ in 0..sent + 100 {
        assert!(matches!(open.event().await, StreamEvent::Message { .. }));
    }
    drop(open);
    idle(&seen).await;
}
