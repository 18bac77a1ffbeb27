//! Calls, and what becomes of how they end.

use serde_json::json;

use super::*;
use crate::{
    Code,
    gateway::problem::http_status,
    testing::{eventually, lists, node},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_json_in_and_json_out_here_and_across_nodes() {
    let server = node(&[]).await;
    let _serving = offer(&server).await;
    let gateway = node_with_gateway(&server.addresses()).await;
    eventually("the service is listed", || lists(&gateway, "demo")).await;
    let _local = gateway.service("here", "1.0.0").unwrap().method("echo", |_: Context, v: Value| async move { Ok(v) });
    let _local = _local.register().await.unwrap();
    let reply = post(&gateway, "/v1/call/demo/add", "[1, 2, 3]").await;
    assert_eq!((reply.status, reply.text(), reply.header("content-type")), (200, "6", "application/json"));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let said = json!({ "deep": [1, { "x": null }], "text": "ahoy" });
    assert_eq!(post(&gateway, "/v1/call/here/echo", &said.to_string()).await.json(), said);
    // No arguments may be said by nothing.
    let pong = send(&gateway, "POST", &format!("/v1/call/system/ping?node={}", server.id()), &[], b"").await;
    assert_eq!(pong.json()["node"], server.id().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_and_the_node_can_be_named() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    for path in ["/v1/call/demo/add?version=1", "/v1/call/demo@%5E1.1/add", "/v1/call/demo/add?version=%5E1.2"] {
        assert_eq!(post(&node, path, "[1]").await.text(), "1", "{path}");
    }
    let reply = post(&node, "/v1/call/demo/add?version=2", "[1]").await;
    assert!(reply.problem(404).contains("demo@^2"), "{}", reply.text());
    assert!(post(&node, "/v1/call/demo/add?version=new", "[1]").await.problem(400).contains("new"));
    let reply = post(&node, &format!("/v1/call/demo/add?node={}", node.id()), "[1]").await;
    assert_eq!(reply.text(), "1");
    let nobody = "12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477";
    post(&node, &format!("/v1/call/demo/add?node={nobody}&deadline=5s"), "[1]").await.problem(503);
    assert!(post(&node, "/v1/call/demo/add?node=me", "[1]").await.problem(400).contains("node"));
    assert!(post(&node, "/v1/call/demo/add?versoin=1", "[1]").await.problem(400).contains("versoin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_stay_bytes() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let reply = send(&node, "POST", "/v1/call/demo/bytes", &[("content-type", "image/png")], &[0, 1]).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &[0, 1, 0xff][..]));
    assert_eq!(reply.header("content-type"), "application/octet-stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_end_has_its_status_and_says_why() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    for code in Code::ALL.iter().filter(|code| **code != Code::Ok) {
        let reply = post(&node, "/v1/call/demo/fail", &format!("\"{code}\"")).await;
        assert_eq!(reply.status, http_status(*code).as_u16(), "{code}: {}", reply.text());
        let problem = reply.json();
        assert_eq!((&problem["code"], &problem["detail"]), (&json!(code.name()), &json!("as you like")));
        assert_eq!((&problem["service"], &problem["method"]), (&json!("demo"), &json!("fail")));
        assert_eq!((&problem["data"], &problem["status"]), (&json!({ "why": "night" }), &json!(reply.status)));
    }
    let reply = post(&node, "/v1/call/demo/busy", "null").await;
    assert_eq!((reply.problem(429), reply.header("retry-after")), ("later".to_owned(), "3"));
    assert_eq!(reply.json()["retry_after_ms"], 2500);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_called_is_refused_with_the_reason() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    assert!(post(&node, "/v1/call/no.such/x", "null").await.problem(404).contains("no.such"));
    assert!(post(&node, "/v1/call/demo/nothing", "null").await.problem(404).contains("add, busy, bytes"));
    assert!(post(&node, "/v1/call/No!/x", "null").await.problem(400).contains("No!"));
    assert!(post(&node, "/v1/call/demo/add", "[1,").await.problem(400).contains("JSON"));
    assert!(post(&node, "/v1/call/demo/add", "[\"x\"]").await.problem(400).contains("[0]"));
    let plain = send(&node, "POST", "/v1/call/demo/add", &[("content-type", "text/plain")], b"[1]").await;
    assert!(plain.problem(415).contains("text/plain"));
    assert!(post(&node, "/v1/call/demo/sum", "1").await.problem(426).contains("WebSocket"));
    assert_eq!(post(&node, "/v1/call/demo/sum", "1").await.header("upgrade"), "websocket");
    let got = get(&node, "/v1/call/demo/add").await;
    assert_eq!((got.status, got.header("allow")), (405, "POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_and_the_trace_travel_with_the_call() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("x-deadline", "90s"), ("traceparent", trace), ("x-other", "stays here")];
    let told = send(&node, "POST", "/v1/call/demo/told", &headers, b"null").await.json();
    assert!((80_000..=90_000).contains(&told["left_ms"].as_u64().unwrap()), "{told}");
    let metadata = told["metadata"].as_object().unwrap();
    assert_eq!(metadata.len(), 1);
    let passed = metadata["traceparent"].as_str().unwrap();
    assert!(passed.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && passed != trace, "{passed}");
    let reply = send(&node, "POST", "/v1/call/demo/sleep", &[("x-deadline", "20")], b"null").await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (504, Some("deadline_exceeded")));
    let wrong = send(&node, "POST", "/v1/call/demo/sleep", &[("x-deadline", "soon")], b"null").await;
    assert!(wrong.problem(400).contains("soon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stream_is_a_stream_of_events() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let reply = post(&node, "/v1/call/demo/count", "3").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/event-stream"));
    let expected = "data: 1\n\ndata: 2\n\ndata: 3\n\nevent: end\ndata: {\"code\":\"ok\"}\n\n";
    assert_eq!(reply.text(), expected);
    let reply = post(&node, "/v1/call/demo/count", "13").await;
    let (_, last) = reply.text().trim_end().rsplit_once("\n\n").unwrap();
    let problem: Value = serde_json::from_str(last.strip_prefix("event: error\ndata: ").unwrap()).unwrap();
    assert_eq!((&problem["code"], &problem["detail"]), (&json!("out_of_range"), &json!("unlucky")));
    // What fails before anything was said is a problem like any other.
    assert!(post(&node, "/v1/call/demo/count", "\"many\"").await.problem(400).contains("u64"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_gone_is_not_found_any_more_and_a_new_one_is_found_at_once() {
    let node = node_with_gateway(&[]).await;
    post(&node, "/v1/call/demo/add", "[1]").await.problem(404);
    let serving = offer(&node).await;
    assert_eq!(post(&node, "/v1/call/demo/add", "[1]").await.status, 200);
    drop(serving);
    eventually("it is withdrawn", || !lists(&node, "demo")).await;
    post(&node, "/v1/call/demo/add", "[1]").await.problem(404);
}
