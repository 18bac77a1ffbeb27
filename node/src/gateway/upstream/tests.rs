//! Programs that offer services over HTTP: real listeners, and calls through the gateway and from other nodes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Code, Node,
    gateway::tests::{Reply, configured, get, node_with_gateway, post as send_post, send},
    testing::{eventually, lists, node, within},
};

/// A program with a few methods, as one writes it in any language. It counts its calls.
struct Program {
    at: SocketAddr,
    calls: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Program {
    async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (at, calls) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let app = Router::new().route("/rpc/{method}", post(serve)).with_state(Arc::clone(&calls));
        let running = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { at, calls, running }
    }

    fn url(&self) -> String {
        format!("http://{}/rpc", self.at)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn serve(
    State(calls): State<Arc<AtomicUsize>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    calls.fetch_add(1, Ordering::Relaxed);
    let problem = |status: u16, text: &str| {
        let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, "2")];
        (StatusCode::from_u16(status).unwrap(), headers, text.to_owned()).into_response()
    };
    match method.as_str() {
        "echo" => body.into_response(),
        "headers" => {
            let told = headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())));
            axum::Json(Value::Object(told.collect())).into_response()
        }
        "refuse" => problem(400, r#"{"code": "failed_precondition", "detail": "not at night", "data": {"until": 6}}"#),
        "busy" => problem(429, r#"{"title": "Busy"}"#),
        "status" => {
            let status: u16 = serde_json::from_slice(&body).unwrap();
            (StatusCode::from_u16(status).unwrap(), "in words").into_response()
        }
        "sleep" => std::future::pending().await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn record(urls: &[String]) -> Value {
    let any = json!({ "type": ["object", "array", "string", "number", "null"] });
    let method = |name: &str| json!({ "name": name, "request": any, "response": any, "doc": format!("Does {name}."), "idempotent": true });
    let mut endpoints: Vec<Value> = ["headers", "refuse", "busy", "status", "sleep", "echo"].map(method).to_vec();
    endpoints.push(json!({ "name": "bytes" }));
    json!({ "version": "1.0.0", "urls": urls, "doc": "In any language.", "metadata": { "zone": "eu" }, "endpoints": endpoints })
}

async fn put(node: &Node, name: &str, record: &Value) -> Reply {
    let headers = [("content-type", "application/json")];
    send(node, "PUT", &format!("/v1/services/{name}"), &headers, record.to_string().as_bytes()).await
}

async fn call(node: &Node, method: &str, body: &str) -> Reply {
    send_post(node, &format!("/v1/call/lang.any/{method}"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_a_service_like_any_other_until_it_is_withdrawn() {
    let (gateway, program) = (node_with_gateway(&[]).await, Program::start().await);
    let caller = node(&gateway.addresses()).await;
    within("joining", caller.joined()).await;
    let said = put(&gateway, "lang.any", &record(&[program.url()])).await;
    assert_eq!((said.status, &said.json()["outcome"], &said.json()["ttl_s"]), (201, &json!("created"), &json!(60)));
    eventually("it is listed elsewhere", || lists(&caller, "lang.any")).await;
    let heard: Value = caller.client("lang.any@1").unwrap().call("echo", &json!({ "a": 1 })).await.unwrap();
    assert_eq!(heard, json!({ "a": 1 }));
    let described = get(&gateway, "/v1/services/lang.any").await.json();
    let version = &described["versions"][0];
    assert_eq!((&version["doc"], &version["metadata"]["zone"]), (&json!("In any language."), &json!("eu")));
    assert_eq!(version["endpoints"][0]["request"]["type"][0], "object");
    assert_eq!(send(&gateway, "DELETE", "/v1/services/lang.any", &[], b"").await.status, 204);
    eventually("it is withdrawn", || !lists(&caller, "lang.any")).await;
    send(&gateway, "DELETE", "/v1/services/lang.any", &[], b"").await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_renews_and_another_description_replaces() {
    let (gateway, program) = (node_with_gateway(&[]).await, Program::start().await);
    let mut description = record(&[program.url()]);
    let first = put(&gateway, "lang.any", &description).await.json();
    let second = put(&gateway, "lang.any", &description).await;
    assert_eq!((second.status, &second.json()["outcome"]), (200, &json!("renewed")));
    assert_eq!(second.json()["instance"], first["instance"]);
    description["doc"] = json!("Better.");
    let third = put(&gateway, "lang.any", &description).await.json();
    assert_eq!(third["outcome"], "changed");
    assert_ne!(third["instance"], first["instance"]);
    assert_eq!(get(&gateway, "/v1/services/lang.any").await.json()["versions"][0]["doc"], "Better.");
    // Another version stands beside it.
    description["version"] = json!("2.0.0");
    assert_eq!(put(&gateway, "lang.any", &description).await.json()["outcome"], "created");
    assert_eq!(get(&gateway, "/v1/services/lang.any").await.json()["versions"].as_array().unwrap().len(), 2);
    assert_eq!(send(&gateway, "DELETE", "/v1/services/lang.any?version=1.0.0", &[], b"").await.status, 204);
    eventually("one is left", || {
        gateway.services().iter().filter(|i| i.record.value().name.as_str() == "lang.any").count() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_renew_is_forgotten() {
    let (gateway, program) = (node_with_gateway(&[]).await, Program::start().await);
    let mut description = record(&[program.url()]);
    description["ttl_s"] = json!(1);
    put(&gateway, "lang.any", &description).await;
    assert!(lists(&gateway, "lang.any"));
    eventually("it is gone", || !lists(&gateway, "lang.any")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_along_with_a_call_arrives_with_it() {
    let (gateway, program) = (node_with_gateway(&[]).await, Program::start().await);
    put(&gateway, "lang.any", &record(&[program.url()])).await;
    let client = gateway.client("lang.any").unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let told: Value = client
        .call("headers", &Value::Null)
        .metadata("traceparent", trace)
        .metadata("tenant", "blue")
        .deadline(std::time::Duration::from_secs(90))
        .await
        .unwrap();
    assert_eq!((&told["x-caller"], &told["x-service"]), (&json!(gateway.id().to_string()), &json!("lang.any")));
    assert_eq!((&told["x-metadata-tenant"], &told["content-type"]), (&json!("blue"), &json!("application/json")));
    let left: u64 = told["x-deadline"].as_str().unwrap().parse().unwrap();
    assert!((80_000..=90_000).contains(&left), "{left}");
    assert!(told["traceparent"].as_str().unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_program_refuses_is_how_the_call_ends() {
    let (gateway, program) = (node_with_gateway(&[]).await, Program::start().await);
    put(&gateway, "lang.any", &record(&[program.url()])).await;
    let refused = call(&gateway, "refuse", "null").await;
    assert_eq!((refused.problem(400).as_str(), &refused.json()["data"]), ("not at night", &json!({ "until": 6 })));
    assert_eq!(refused.json()["code"], "failed_precondition");
    let busy = call(&gateway, "busy", "null").await;
    assert_eq!((busy.problem(429).as_str(), busy.header("retry-after")), ("Busy", "2"));
    for (status, code) in [
        (400, Code::InvalidArgument),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::NotFound),
        (409, Code::Aborted),
        (412, Code::FailedPrecondition),
        (500, Code::Internal),
        (501, Code::Unimplemented),
        (504, Code::DeadlineExceeded),
        (302, Code::Unknown),
    ] {
        let reply = call(&gateway, "status", &status.to_string()).await.json();
        assert_eq!((&reply["code"], &reply["detail"]), (&json!(code.name()), &json!("in words")), "{status}");
    }
    let late = send_post(&gateway, "/v1/call/lang.any/sleep?deadline=50ms", "null").await;
    assert_eq!(late.json()["code"], "deadline_exceeded");
    // What is no JSON is not passed on as such.
    let mut description = record(&[program.url()]);
    description["version"] = json!("3.0.0");
    description["endpoints"] = json!([{ "name": "echo", "response": true }]);
    put(&gateway, "lang.any", &description).await;
    let reply = send(&gateway, "POST", "/v1/call/lang.any/echo?version=3", &[], b"{").await;
    assert_eq!((reply.status, &reply.json()["code"]), (500, &json!("internal")));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_share_the_calls_and_one_that_is_gone_is_left_out() {
    let gateway = node_with_gateway(&[]).await;
    let (first, second) = (Program::start().await, Program::start().await);
    put(&gateway, "lang.any", &record(&[first.url()])).await;
    let both = put(&gateway, "lang.any", &record(&[second.url()])).await.json();
    assert_eq!(both["upstreams"].as_array().unwrap().len(), 2);
    for _ in 0..10 {
        assert_eq!(call(&gateway, "echo", "1").await.status, 200);
    }
    assert_eq!((first.calls(), second.calls()), (5, 5));
    let at = first.at;
    drop(first);
    eventually("its port is free", || std::net::TcpListener::bind(at).is_ok()).await;
    for _ in 0..10 {
        assert_eq!(call(&gateway, "echo", "1").await.status, 200);
    }
    assert_eq!(second.calls(), 15);
    // It is found again by itself.
    let back = Program::at(at).await;
    within("it is called again", async {
        while back.calls() == 0 {
            assert_eq!(call(&gateway, "echo", "1").await.status, 200);
        }
    })
    .await;
    assert_eq!(
        send(&gateway, "DELETE", &format!("/v1/services/lang.any?url={}", back.url()), &[], b"").await.status,
        204
    );
    let before = back.calls();
    for _ in 0..4 {
        assert_eq!(call(&gateway, "echo", "1").await.status, 200);
    }
    assert_eq!(back.calls(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_program_can_be_reached_the_call_is_unavailable() {
    let gateway = node_with_gateway(&[]).await;
    let nobody = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    put(&gateway, "lang.any", &record(&[format!("http://{nobody}")])).await;
    let reply = send_post(&gateway, "/v1/call/lang.any/echo?deadline=1s", "1").await;
    assert!(matches!(reply.status, 503 | 504), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_offered_is_refused_with_the_reason() {
    let gateway = node_with_gateway(&[]).await;
    let good = record(&["http://127.0.0.1:9000".to_owned()]);
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        changed
    };
    for (description, status, reason) in [
        (with("version", json!("one")), 400, "one"),
        (with("urls", json!([])), 400, "0 addresses"),
        (with("urls", json!(["https://127.0.0.1"])), 400, "http://"),
        (with("urls", json!(["http://192.0.2.1:9000"])), 400, "remote_upstreams"),
        (with("urls", json!(["http://example.org"])), 400, "remote_upstreams"),
        (with("urls", json!(["http://me@127.0.0.1"])), 400, "host"),
        (with("urls", json!(["http://127.0.0.1/?x"])), 400, "host"),
        (with("ttl_s", json!(0)), 400, "1 to 3600"),
        (with("health", json!("healthz")), 400, "/healthz"),
        (with("endpoints", json!([])), 400, "0 endpoints"),
        (with("endpoints", json!([{ "name": "a!" }])), 400, "a!"),
        (with("endpoints", json!([{ "name": "a", "request": 3 }])), 400, "request schema of a"),
        (with("endpoints", json!([{ "name": "a" }, { "name": "a" }])), 400, "twice"),
        (with("doc", json!("x".repeat(10_000))), 400, "doc"),
        (with("metadat", json!({})), 400, "metadat"),
    ] {
        let reply = put(&gateway, "lang.any", &description).await;
        let said = reply.problem(status);
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert!(put(&gateway, "system", &good).await.problem(409).contains("system"));
    put(&gateway, "No!", &good).await.problem(400);
    assert!(!lists(&gateway, "lang.any"));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_on_other_machines_are_allowed_where_it_is_said() {
    let gateway = configured(|config| config.remote_upstreams = true).await;
    assert_eq!(put(&gateway, "lang.any", &record(&["http://192.0.2.1:9000".to_owned()])).await.status, 201);
}
