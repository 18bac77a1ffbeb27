//! Measuring from the control socket.

use super::*;
use crate::{
    AckLevel, NodeId,
    bench::{Amount, EchoLoad, EchoReport, FlowLoad, FlowReport, PublishLoad, PublishReport},
};

fn echo(peer: Option<NodeId>) -> BenchRequest<EchoLoad> {
    BenchRequest { service: "bench".to_owned(), load: EchoLoad { peer, concurrency: 4, duration_ms: 300, size: 100 } }
}

fn flow(peer: Option<NodeId>) -> BenchRequest<FlowLoad> {
    BenchRequest { service: "bench".to_owned(), load: FlowLoad { peer, concurrency: 3, bytes: 1_000_000 } }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_offers_it_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let server = listening(builder().bench(true)).await;
    let node = with_socket(dir.path(), server.addresses()).await;
    eventually("the service is listed", || lists(&node, "bench")).await;
    for peer in [None, Some(server.id())] {
        let report: EchoReport = ask(&node, "/v1/bench/rpc", &echo(peer)).await;
        assert!(report.requests > 0 && report.requests_per_second > 0.0 && report.errors == 0, "{report:?}");
        assert!(report.p50_us > 0 && report.p50_us <= report.p99_us && report.p99_us <= report.max_us, "{report:?}");
        assert_eq!(report.instances.iter().map(|i| i.node).collect::<Vec<_>>(), [server.id()]);
        let report: FlowReport = ask(&node, "/v1/bench/stream", &flow(peer)).await;
        assert_eq!((report.bytes, report.streams), (1_000_000, 3));
        assert!(report.megabytes_per_second > 0.0);
    }
}

fn publish(amount: Amount) -> PublishLoad {
    PublishLoad { topic: None, amount, size: 100, ack: AckLevel::Local, in_flight: 16 }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let report: PublishReport = ask(&node, "/v1/bench/publish", &publish(Amount::Messages(100))).await;
    assert!(report.messages == 100 && report.errors == 0 && report.messages_per_second > 0.0, "{report:?}");
    assert!(report.p50_us > 0 && report.p50_us <= report.p99_us && report.p99_us <= report.max_us, "{report:?}");
    // Its own, of which it has said how long it is retained.
    assert_eq!(report.topic.owner(), Some(node.id()));
    let policy = node.topic(report.topic.as_str()).unwrap().policy().expect("no policy");
    assert_eq!(policy.retention.age_secs, Some(600));
    // On the same topic once more, which by then is a topic as any other.
    let again = PublishLoad { topic: Some(report.topic.clone()), ..publish(Amount::DurationMs(50)) };
    let again: PublishReport = ask(&node, "/v1/bench/publish", &again).await;
    assert!(again.messages > 0 && again.topic == report.topic, "{again:?}");

    let refusal = async |request: String, code: u16| error(post(&node, "/v1/bench/publish", &request).await, code);
    for (field, value) in [("in_flight", 65_537_u64), ("size", 256 * 1024 + 1)] {
        let mut request = json!(publish(Amount::Messages(1)));
        request[field] = value.into();
        let said = refusal(request.to_string(), 400).await;
        assert!(said.contains(field) && said.contains("at most"), "{said}");
    }
    let said = refusal(json!(publish(Amount::DurationMs(u64::MAX))).to_string(), 400).await;
    assert!(said.contains("duration_ms"), "{said}");
    for nothing in [publish(Amount::Messages(0)), PublishLoad { in_flight: 0, ..publish(Amount::Messages(1)) }] {
        refusal(json!(nothing).to_string(), 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_measured_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = node(&[]).await;
    let node = with_socket(dir.path(), server.addresses()).await;
    within("joining", node.joined()).await;
    let refusal = async |path: &str, request: String, code: u16| error(post(&node, path, &request).await, code);

    for (path, request) in [("rpc", json!(echo(None))), ("stream", json!(flow(None)))] {
        let said = refusal(&format!("/v1/bench/{path}"), request.to_string(), 502).await;
        assert!(said.contains("no node offers bench") && said.contains("--bench"), "{said}");
    }
    let peer = Some(server.id());
    for (path, request) in [("rpc", json!(echo(peer))), ("stream", json!(flow(peer)))] {
        let said = refusal(&format!("/v1/bench/{path}"), request.to_string(), 502).await;
        assert!(said.contains(&server.id().short()) && said.contains("that node has to run with --bench"), "{said}");
    }
    let said = refusal("/v1/bench/rpc", json!({ "service": "system", "load": echo(peer).load }).to_string(), 502).await;
    assert!(said.contains("system") && said.contains("methods of `bench`"), "{said}");
    let said =
        refusal("/v1/bench/rpc", json!({ "service": "no.such", "load": echo(None).load }).to_string(), 502).await;
    assert!(said.contains("no.such") && !said.contains("--bench"), "{said}");
    let said = refusal("/v1/bench/rpc", json!({ "service": "No!", "load": echo(None).load }).to_string(), 400).await;
    assert!(said.contains("No!"), "{said}");

    for (field, value) in [("concurrency", 65_537_u64), ("size", 16 * 1024 * 1024 + 1), ("duration_ms", u64::MAX)] {
        let mut request = json!(echo(None));
        request["load"][field] = value.into();
        let said = refusal("/v1/bench/rpc", request.to_string(), 400).await;
        assert!(said.contains(field) && said.contains("at most"), "{said}");
    }
    for field in ["concurrency", "duration_ms"] {
        let mut request = json!(echo(None));
        request["load"][field] = 0.into();
        refusal("/v1/bench/rpc", request.to_string(), 400).await;
    }
}
