//! The control socket's routes: each reads a report or carries out a command.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atoll_protocol::{
    names::ServiceQuery,
    rpc::{Code, Status},
};
use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    api::{ApiError, CallReply, CallRequest, ConnectReply, ConnectRequest},
    report,
};
use crate::{Client, net, node::Inner, rpc::DEFAULT_DEADLINE};

type Shared = State<Weak<Inner>>;

/// The node; gone if it is stopping.
fn node(state: &Weak<Inner>) -> Result<Arc<Inner>, Failure> {
    state.upgrade().ok_or(Failure(StatusCode::SERVICE_UNAVAILABLE, "this node is stopping".to_owned()))
}

struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(ApiError { error: self.1 })).into_response()
    }
}

type Answer<T> = Result<Json<T>, Failure>;
/// A request's body, or why it is none.
type Received<T> = Result<Json<T>, JsonRejection>;

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

pub(super) fn router(node: Weak<Inner>) -> Router {
    Router::new()
        .route("/v1/status", get(async |state: Shared| report_of(&state, report::status)))
        .route("/v1/nodes", get(async |state: Shared| report_of(&state, report::nodes)))
        .route("/v1/services", get(async |state: Shared| report_of(&state, report::services)))
        .route("/v1/services/{name}", get(service))
        .route("/v1/routes", get(async |state: Shared| report_of(&state, report::routes)))
        .route("/v1/connections", get(async |state: Shared| report_of(&state, report::connections)))
        .route("/v1/graph", get(graph))
        .route("/v1/config", get(async |state: Shared| report_of(&state, |node| node.config.clone())))
        .route("/v1/connect", post(connect))
        .route("/v1/call", post(call))
        .fallback(async || Failure(StatusCode::NOT_FOUND, "there is nothing at this path".to_owned()))
        .method_not_allowed_fallback(async || {
            Failure(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this HTTP method".to_owned())
        })
        .with_state(node)
}

fn report_of<T: Serialize>(state: &Weak<Inner>, report: impl Fn(&Inner) -> T) -> Answer<T> {
    Ok(Json(report(&*node(state)?)))
}

async fn service(state: Shared, Path(name): Path<String>) -> Response {
    let found = async {
        let node = node(&state)?;
        let query: ServiceQuery = name
            .parse()
            .map_err(|e: atoll_protocol::names::NameError| Failure(StatusCode::BAD_REQUEST, e.to_string()))?;
        let mut instances = node.rpc.directory.find(&query);
        if instances.is_empty() {
            instances = node.rpc.directory.resolve(&query).await;
        }
        report::describe(&node, &query, &instances)
            .map(Json)
            .ok_or_else(|| Failure(StatusCode::NOT_FOUND, format!("no node offers {query}")))
    };
    found.await.into_response()
}

async fn graph(state: Shared) -> Response {
    match node(&state) {
        Ok(node) => Json(report::graph(&node).await).into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn connect(state: Shared, request: Received<ConnectRequest>) -> Answer<ConnectReply> {
    let Json(request) = request?;
    let node = node(&state)?;
    let started = Instant::now();
    let address = net::parse_address(&request.address).map_err(|e| Failure(StatusCode::BAD_REQUEST, e.to_string()))?;
    let peer = node.connect(&address).await.map_err(|e| Failure(StatusCode::BAD_GATEWAY, e.to_string()))?;
    let address = node.net().connections.best(&peer).map_or(address, |c| c.address.clone());
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(ConnectReply { peer, address: net::with_peer(&net::bare(&address), &peer).to_string(), millis }))
}

async fn call(state: Shared, request: Received<CallRequest>) -> Answer<CallReply> {
    let Json(request) = request?;
    let node = node(&state)?;
    let started = Instant::now();
    let query: ServiceQuery = request
        .service
        .parse()
        .map_err(|e: atoll_protocol::names::NameError| Failure(StatusCode::BAD_REQUEST, e.to_string()))?;
    let deadline = request.deadline_ms.map_or(DEFAULT_DEADLINE, Duration::from_millis);
    let client = Client::new(Arc::clone(&node.rpc), query);
    let mut call = client.call_raw(&request.method, request.body.to_string()).json().deadline(deadline);
    if let Some(peer) = request.peer {
        call = call.peer(peer);
    }
    let result = call.run().await;
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let reply = |status: &Status| CallReply {
        code: status.code(),
        message: status.message().to_owned(),
        retryable: status.is_retryable(),
        body: serde_json::from_slice(status.detail()).unwrap_or_default(),
        micros,
    };
    Ok(Json(match result {
        Ok(body) => match report::body_as_json(&body) {
            Ok(body) => CallReply { code: Code::Ok, message: String::new(), retryable: false, body, micros },
            Err(status) => reply(&status),
        },
        Err(status) => reply(&status),
    }))
}
