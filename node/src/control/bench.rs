//! Putting a service, or this node's own disk, under load for whoever asks at the control socket.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::{ServiceName, ServiceQuery},
    rpc::{Code, Status},
};
use axum::{Json, http::StatusCode};

use super::{
    api::{BENCH_CONCURRENCY, BENCH_DURATION, BenchRequest},
    routes::{Answer, Failure, Received, Shared, node, query},
};
use crate::{
    Client, Node,
    bench::{Amount, EchoLoad, EchoReport, FlowLoad, FlowReport, PublishLoad, PublishReport, SERVICE, Unmeasured},
    node::Inner,
};

pub(super) async fn rpc(state: Shared, request: Received<BenchRequest<EchoLoad>>) -> Answer<EchoReport> {
    let Json(BenchRequest { service, load }) = request?;
    bounded("concurrency", load.concurrency, BENCH_CONCURRENCY)?;
    bounded("size", load.size, limits::RPC_BODY)?;
    bounded("duration_ms", Duration::from_millis(load.duration_ms).as_secs(), BENCH_DURATION.as_secs())?;
    let (query, client) = client(&state, &service)?;
    load.run(&client).await.map(Json).map_err(|status| failed(&query.name, load.peer, &status))
}

pub(super) async fn stream(state: Shared, request: Received<BenchRequest<FlowLoad>>) -> Answer<FlowReport> {
    let Json(BenchRequest { service, load }) = request?;
    bounded("concurrency", load.concurrency, BENCH_CONCURRENCY)?;
    let (query, client) = client(&state, &service)?;
    load.run(&client).await.map(Json).map_err(|status| failed(&query.name, load.peer, &status))
}

pub(super) async fn publish(state: Shared, request: Received<PublishLoad>) -> Answer<PublishReport> {
    let Json(load) = request?;
    bounded("in_flight", load.in_flight, BENCH_CONCURRENCY)?;
    bounded("size", load.size, limits::ENTRY_PAYLOAD)?;
    if let Amount::DurationMs(millis) = load.amount {
        bounded("duration_ms", Duration::from_millis(millis).as_secs(), BENCH_DURATION.as_secs())?;
    }
    let node = Node(node(&state)?);
    load.run(&node).await.map(Json).map_err(|error| {
        let code = match &error {
            Unmeasured::Nothing | Unmeasured::Name(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        };
        Failure(code, format!("publishing cannot be measured: {error}"))
    })
}

fn client(state: &Weak<Inner>, service: &str) -> Result<(ServiceQuery, Client), Failure> {
    let query = query(service)?;
    let client = Client::new(Arc::clone(&node(state)?.rpc), query.clone());
    Ok((query, client))
}

/// A mistyped load is not to exhaust this node's memory.
fn bounded<T: PartialOrd + std::fmt::Display>(field: &str, value: T, limit: T) -> Result<(), Failure> {
    if value > limit {
        let reason = format!("{field}: {value} is too much, at most {limit} is allowed");
        return Err(Failure(StatusCode::BAD_REQUEST, reason));
    }
    Ok(())
}

fn failed(service: &ServiceName, peer: Option<NodeId>, status: &Status) -> Failure {
    let code = if status.code() == Code::InvalidArgument { StatusCode::BAD_REQUEST } else { StatusCode::BAD_GATEWAY };
    let at = peer.map(|peer| format!(" at {}", peer.short())).unwrap_or_default();
    let way_out = match (status.code(), peer) {
        (Code::NotFound, None) if service.as_str() == SERVICE => "; a node offers it when it runs with --bench",
        (Code::NotFound, Some(_)) if service.as_str() == SERVICE => "; that node has to run with --bench",
        (Code::Unimplemented, _) => "; only a service with the methods of `bench` can be",
        _ => "",
    };
    Failure(code, format!("{service}{at} cannot be measured: {status}{way_out}"))
}
