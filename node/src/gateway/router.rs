//! The gateway's own paths.

use std::sync::Arc;

use atoll_protocol::rpc::Code;
use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};

use super::{Shared, call, metrics, openapi, pages, problem::Problem, reports, topics, upstream};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route("/docs", get(pages::docs))
        .route("/assets/{name}", get(pages::asset))
        .route("/healthz", get(reports::healthz))
        .route("/readyz", get(reports::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/v1/status", get(reports::status))
        .route("/v1/nodes", get(reports::nodes))
        .route("/v1/services", get(reports::services))
        .route("/v1/services/{name}", get(reports::service).put(upstream::put).delete(upstream::delete))
        .route("/v1/routes", get(reports::routes))
        .route("/v1/connections", get(reports::connections))
        .route("/v1/graph", get(reports::graph))
        .route("/v1/doctor", get(reports::doctor))
        .route("/v1/search", get(reports::search))
        .route("/v1/call/{service}/{method}", post(call::post).get(call::socket::open))
        .route("/v1/topics", get(topics::list))
        .route("/v1/topics/{*topic}", get(topics::get).post(topics::publish))
        .fallback(async || Problem::not_found("there is nothing at this path; /docs says what there is"))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::Unimplemented, "this path does not take this HTTP method")
                .status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .with_state(shared)
}
