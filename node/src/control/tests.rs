//! Tests of the control socket, over real sockets with the types that both ends share.

mod bench;
mod choosing;
mod conduct;
mod groups;
mod map;
mod registry;
mod standing;
mod stream;
mod topics;
mod tunnels;

use std::os::unix::fs::PermissionsExt;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{api::*, *};
use crate::{
    Code, Context, Multiaddr, Node, Status,
    config::Config,
    testing::{builder, eventually, listening, lists, node, within},
};

/// One exchange in HTTP/1.0, where the answer ends with the connection. It is read while the request is still written.
async fn exchange(node: &Node, request: &str) -> (u16, String) {
    let path = socket_path(node.data_dir().unwrap());
    let answer = within("an answer", async {
        let (mut from, mut to) = UnixStream::connect(path).await.unwrap().into_split();
        let mut answer = String::new();
        let (written, read) = tokio::join!(to.write_all(request.as_bytes()), from.read_to_string(&mut answer));
        written.and(read).unwrap();
        answer
    })
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn get<T: DeserializeOwned>(node: &Node, path: &str) -> T {
    let (code, body) = exchange(node, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
    assert_eq!(code, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
}

async fn post(node: &Node, path: &str, body: &str) -> (u16, String) {
    let head = format!("POST {path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    exchange(node, &format!("{head}\r\n\r\n{body}")).await
}

async fn ask<T: DeserializeOwned>(node: &Node, path: &str, request: &impl Serialize) -> T {
    let (code, body) = post(node, path, &serde_json::to_string(request).unwrap()).await;
    assert_eq!(code, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The reason for which a request is refused.
fn error((code, body): (u16, String), expected: u16) -> String {
    assert_eq!(code, expected, "{body}");
    serde_json::from_str::<ApiError>(&body).unwrap_or_else(|e| panic!("{e}: {body}")).error
}

async fn with_socket(dir: &Path, bootstrap: Vec<Multiaddr>) -> Node {
    listening(builder().data_dir(dir).bootstrap(bootstrap)).await
}

fn call(service: &str, method: &str, body: Value) -> CallRequest {
    CallRequest { service: service.to_owned(), method: method.to_owned(), body, ..CallRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_its_owners_alone_and_goes_with_the_node() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(socket_path(dir.path()), "left by a node that died").unwrap();
    for stop in [true, false] {
        let node = with_socket(dir.path(), Vec::new()).await;
        let path = socket_path(dir.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        if stop {
            node.shutdown().await;
        }
        drop(node);
        assert!(!path.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_too_long_for_a_socket_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100));
    let error = builder().data_dir(&deep).spawn().await.unwrap_err();
    assert!(matches!(error, SpawnError::Control { .. }), "{error}");
    assert!(error.to_string().contains("107") && error.to_string().contains("--data-dir"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_is_what_the_api_says() {
    let dir = tempfile::tempdir().unwrap();
    let server = node(&[]).await;
    let _serving = server
        .service("math.calc", "1.2.0")
        .unwrap()
        .doc("Sums.")
        .method("add", |_: Context, r: Vec<i64>| async move { Ok(r.iter().sum::<i64>()) })
        .documented("add", "Adds up.")
        .raw_method("echo", |_: Context, body| async move { Ok(body) })
        .register()
        .await
        .unwrap();
    let node = with_socket(dir.path(), server.addresses()).await;
    within("joining", node.joined()).await;
    eventually("the service is listed", || lists(&node, "math.calc")).await;

    let status: StatusReport = get(&node, "/v1/status").await;
    assert_eq!((status.node, status.pid, status.peers), (node.id(), std::process::id(), 1));
    assert_eq!((status.nodes, status.instances, status.joined), (2, 3, true));
    assert_eq!(status.data_dir, node.data_dir().unwrap());
    let nodes: Vec<NodeRow> = get(&node, "/v1/nodes").await;
    assert_eq!(nodes.iter().map(|n| (n.node, n.me)).collect::<Vec<_>>(), [(node.id(), true), (server.id(), false)]);
    let services: Vec<ServiceRow> = get(&node, "/v1/services").await;
    let row = services.iter().find(|s| s.name.as_str() == "math.calc").unwrap();
    assert_eq!((row.version.as_str(), row.instances, row.nodes.clone()), ("1.2.0", 1, vec![server.id()]));
    let described: ServiceDescription = get(&node, "/v1/services/math.calc@1").await;
    let version = &described.versions[0];
    assert_eq!((version.doc.as_str(), version.instances[0].node), ("Sums.", server.id()));
    let instance = &version.instances[0];
    assert_eq!((instance.path.as_deref(), instance.hops, instance.suspect), (Some("direct"), Some(1), false));
    assert!((1..=90_000).contains(&instance.lease_ms.unwrap()), "{instance:?}");
    let add = version.endpoints.iter().find(|e| e.name.as_str() == "add").unwrap();
    assert_eq!((add.doc.as_str(), add.request.as_ref().unwrap()["type"].as_str()), ("Adds up.", Some("array")));
    let echo = version.endpoints.iter().find(|e| e.name.as_str() == "echo").unwrap();
    assert_eq!((&echo.request, &echo.response), (&None, &None));
    let routes: Vec<RouteRow> = get(&node, "/v1/routes").await;
    let route = routes.iter().find(|r| r.service == "math.calc@1.2.0").unwrap();
    assert_eq!(
        (route.address, route.gateway, route.router, route.link.as_str()),
        (server.id(), server.id(), node.id(), "direct")
    );
    let connections: Vec<ConnectionRow> = get(&node, "/v1/connections").await;
    assert!(connections.iter().all(|c| c.peer == server.id() && c.path == "direct"), "{connections:?}");
    let graph: GraphNode = get(&node, "/v1/graph").await;
    assert_eq!((graph.node, graph.peers[0].node), (node.id(), server.id()));
    let config: Config = get(&node, "/v1/config").await;
    assert_eq!(config, node.0.config);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_connects_and_calls_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let (server, node) = (node(&[]).await, with_socket(dir.path(), Vec::new()).await);
    let _serving = server
        .service("echo", "1.0.0")
        .unwrap()
        .method("say", |_: Context, what: Value| async move { Ok(what) })
        .method("fail", |_: Context, _: Value| async move {
            Err::<(), _>(Status::failed_precondition("not now").with_detail(br#"{"why": "night"}"#.to_vec()))
        })
        .raw_method("bytes", |_: Context, _| async move { Ok(vec![0xff, 0xfe].into()) })
        .register()
        .await
        .unwrap();
    let address = server.addresses()[0].to_string();
    let connected: ConnectReply = ask(&node, "/v1/connect", &ConnectRequest { address: address.clone() }).await;
    assert_eq!((connected.peer, connected.address), (server.id(), address));

    let said = json!({ "text": "ahoy", "deep": [1, 2, { "x": null }] });
    let reply: CallReply = ask(&node, "/v1/call", &call("echo@1", "say", said.clone())).await;
    assert_eq!((reply.status.code, reply.body, reply.status.message.as_str()), (Code::Ok, said, ""));
    let reply: CallReply = ask(&node, "/v1/call", &call("echo", "fail", Value::Null)).await;
    assert_eq!((reply.status.code, reply.status.message.as_str()), (Code::FailedPrecondition, "not now"));
    assert_eq!((reply.body, reply.status.retryable), (json!({ "why": "night" }), false));
    let reply: CallReply = ask(&node, "/v1/call", &call("echo", "bytes", Value::Null)).await;
    assert_eq!((reply.status.code, reply.body), (Code::Ok, json!({ "bytes": 2 })));
    let reply: CallReply = ask(&node, "/v1/call", &call("no.such.thing", "x", Value::Null)).await;
    assert_eq!(reply.status.code, Code::NotFound);
    // Longer than any clock can count.
    let mut patient = call("system", "ping", Value::Null);
    (patient.peer, patient.deadline_ms) = (Some(server.id()), Some(u64::MAX));
    let reply: CallReply = ask(&node, "/v1/call", &patient).await;
    assert_eq!(reply.body["node"], server.id().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_answered_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let refused = error(exchange(&node, "GET /v1/services/Not!A!Name HTTP/1.0\r\n\r\n").await, 400);
    assert!(refused.contains("Not!A!Name"), "{refused}");
    let refused = error(exchange(&node, "GET /v1/services/no.such HTTP/1.0\r\n\r\n").await, 404);
    assert!(refused.contains("no.such"), "{refused}");
    error(exchange(&node, "GET /v2/status HTTP/1.0\r\n\r\n").await, 404);
    error(post(&node, "/v1/status", "{}").await, 405);
    let refused = error(post(&node, "/v1/connect", r#"{"address": "nonsense"}"#).await, 400);
    assert!(refused.contains("nonsense"), "{refused}");
    let own = json!({ "address": node.addresses()[0].to_string() });
    let refused = error(post(&node, "/v1/connect", &own.to_string()).await, 502);
    assert!(refused.contains("itself"), "{refused}");
    let refused = error(post(&node, "/v1/call", &json!(call("No Name", "x", Value::Null)).to_string()).await, 400);
    assert!(refused.contains("No Name"), "{refused}");
    error(post(&node, "/v1/call", "{").await, 400);
    let refused = error(post(&node, "/v1/call", r#"{"service": "a", "method": 3, "body": null}"#).await, 422);
    assert!(refused.contains("method"), "{refused}");
    error(exchange(&node, "POST /v1/call HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}").await, 415);
}
