//! The control socket's routes: each reads a report or carries out a command.

use std::sync::{Arc, Weak};

use atoll_protocol::{
    limits,
    names::{NameError, ServiceQuery},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    api::{ApiError, ConnectReply, ConnectRequest, DoctorReport, RouteRow},
    bench, call, describe, graph, groups, report, search, standing, stream, topics, tunnels, watch,
};
use crate::{net, node::Inner};

/// The largest request, in bytes: the largest body of a call, and what the JSON around it may take.
const REQUEST: usize = 2 * limits::RPC_BODY;

pub(super) type Shared = State<Weak<Inner>>;

/// The node; gone if it is stopping.
pub(super) fn node(state: &Weak<Inner>) -> Result<Arc<Inner>, Failure> {
    state.upgrade().ok_or(Failure(StatusCode::SERVICE_UNAVAILABLE, "this node is stopping".to_owned()))
}

/// Why the node does not do what it is asked to.
pub(super) struct Failure(pub(super) StatusCode, pub(super) String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(ApiError { error: self.1 })).into_response()
    }
}

pub(super) type Answer<T> = Result<Json<T>, Failure>;
/// A request's body, or why it is none.
pub(super) type Received<T> = Result<Json<T>, JsonRejection>;

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

/// The service that a request names.
pub(super) fn query(text: &str) -> Result<ServiceQuery, Failure> {
    text.parse().map_err(|e: NameError| Failure(StatusCode::BAD_REQUEST, e.to_string()))
}

pub(super) fn router(node: Weak<Inner>) -> Router {
    Router::new()
        .route("/v1/status", get(async |state: Shared| report_of(&state, report::status)))
        .route("/v1/nodes", get(async |state: Shared| report_of(&state, report::nodes)))
        .route("/v1/services", get(async |state: Shared| report_of(&state, report::services)))
        .route("/v1/services/{name}", get(service))
        .route("/v1/routes", get(all_ways))
        .route("/v1/connections", get(async |state: Shared| report_of(&state, report::connections)))
        .route("/v1/doctor", get(doctor))
        .route("/v1/reputation", get(standing::all))
        .route("/v1/reputation/{node}", get(standing::one))
        .route("/v1/graph", get(graph::graph))
        .route("/v1/search", post(search::asked))
        .route("/v1/watch", post(watch::watch))
        .route("/v1/config", get(async |state: Shared| report_of(&state, |node| node.config.clone())))
        .route("/v1/connect", post(connect))
        .route("/v1/call", post(call::call))
        .route("/v1/call/stream", post(stream::carry))
        .route("/v1/topics", get(topics::list))
        // Topics may be called like what is done with them.
        .route(
            "/v1/topics/publish",
            post(topics::publish).get(async |state: Shared| topics::called(state, "publish").await),
        )
        .route(
            "/v1/topics/subscribe",
            post(topics::subscribe).get(async |state: Shared| topics::called(state, "subscribe").await),
        )
        .route(
            "/v1/topics/retain",
            post(topics::retain).get(async |state: Shared| topics::called(state, "retain").await),
        )
        .route("/v1/topics/{name}", get(topics::topic))
        .route("/v1/outbox", get(topics::outbox))
        .route("/v1/topics/work", post(groups::work).get(async |state: Shared| topics::called(state, "work").await))
        .route("/v1/groups", get(groups::groups))
        .route("/v1/groups/{topic}", get(groups::groups_of))
        .route("/v1/bench/rpc", post(bench::rpc))
        .route("/v1/bench/stream", post(bench::stream))
        .route("/v1/bench/publish", post(bench::publish))
        .route("/v1/tunnels", get(tunnels::list))
        .route("/v1/tunnels/expose", post(tunnels::expose))
        .route("/v1/tunnels/forward", post(tunnels::forward))
        .route("/v1/tunnels/remove", post(tunnels::remove))
        .route("/v1/tickets", get(tunnels::tickets).post(tunnels::issue))
        .route("/v1/shares", post(tunnels::share))
        .route("/v1/shares/get", post(tunnels::get))
        .route("/v1/tickets/revoke", post(tunnels::revoke))
        .fallback(async || Failure(StatusCode::NOT_FOUND, "there is nothing at this path".to_owned()))
        .method_not_allowed_fallback(async || {
            Failure(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this HTTP method".to_owned())
        })
        .layer(DefaultBodyLimit::max(REQUEST))
        .with_state(node)
}

fn report_of<T: Serialize>(state: &Weak<Inner>, report: impl Fn(&Inner) -> T) -> Answer<T> {
    Ok(Json(report(&*node(state)?)))
}

async fn all_ways(state: Shared) -> Answer<Vec<RouteRow>> {
    Ok(Json(ways(&*node(&state)?).await))
}

/// The routes, over what is known of links within the hop limit.
pub(crate) async fn ways(node: &Inner) -> Vec<RouteRow> {
    node.rpc.directory.look(limits::ADJACENCY_HOPS).await;
    report::routes(node)
}

async fn doctor(state: Shared) -> Answer<DoctorReport> {
    let node = node(&state)?;
    let stopping = || Failure(StatusCode::SERVICE_UNAVAILABLE, "the node is stopping".to_owned());
    super::doctor::doctor(&node).await.map(Json).ok_or_else(stopping)
}

async fn service(state: Shared, Path(name): Path<String>) -> Response {
    let found = async {
        let node = node(&state)?;
        let query = query(&name)?;
        describe(&node, &query).await.map(Json).map_err(|e| Failure(StatusCode::NOT_FOUND, e.to_string()))
    };
    found.await.into_response()
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
