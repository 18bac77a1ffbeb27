//! What the node knows, as the control socket reports it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{Shared, params::Params, problem::Problem};
use crate::{
    control::{
        api::{GRAPH_RADIUS, SearchRequest, ServiceDescription},
        report,
    },
    node::Inner,
};

pub(super) type Door = State<Arc<Shared>>;

fn report_of<T: Serialize>(shared: &Shared, report: impl Fn(&Inner) -> T) -> Result<Response, Problem> {
    Ok(Json(report(&*shared.node()?)).into_response())
}

/// The node is alive if it answers.
pub(super) async fn healthz(State(shared): Door) -> Result<Response, Problem> {
    shared.node()?;
    Ok(Json(json!({ "status": "ok" })).into_response())
}

/// It is ready once it has joined others, or has nobody to join and is the first of its network by choice.
pub(super) async fn readyz(State(shared): Door) -> Result<Response, Problem> {
    let node = shared.node()?;
    let joined = node.rpc.directory.has_joined();
    let alone = !joined && node.config.bootstrap.is_empty();
    let body = Json(json!({ "ready": joined || alone, "joined": joined, "alone": alone }));
    let status = if joined || alone { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, body).into_response())
}

pub(super) async fn status(State(shared): Door) -> Result<Response, Problem> {
    report_of(&shared, report::status)
}

pub(super) async fn nodes(State(shared): Door) -> Result<Response, Problem> {
    report_of(&shared, report::nodes)
}

pub(super) async fn services(State(shared): Door) -> Result<Response, Problem> {
    report_of(&shared, report::services)
}

pub(super) async fn connections(State(shared): Door) -> Result<Response, Problem> {
    report_of(&shared, report::connections)
}

pub(super) async fn routes(State(shared): Door) -> Result<Response, Problem> {
    Ok(Json(crate::control::routes_report(&*shared.node()?).await).into_response())
}

pub(super) async fn doctor(State(shared): Door) -> Result<Response, Problem> {
    let report = crate::control::doctor_report(&*shared.node()?).await.ok_or_else(Problem::stopping)?;
    Ok(Json(report).into_response())
}

pub(super) async fn graph(State(shared): Door, uri: Uri) -> Result<Response, Problem> {
    let radius = Params::of(&uri, &["radius"])?.parsed("radius")?.unwrap_or(GRAPH_RADIUS);
    let graph = crate::control::graph_report(&*shared.node()?, radius).await.map_err(Problem::refused)?;
    Ok(Json(graph).into_response())
}

pub(super) async fn service(
    State(shared): Door,
    Path(name): Path<String>,
) -> Result<Json<ServiceDescription>, Problem> {
    let query = name.parse().map_err(|e: atoll_protocol::names::NameError| Problem::refused(e))?;
    let node = shared.node()?;
    let described = crate::control::describe(&node, &query).await;
    described.map(Json).map_err(|e| Problem::not_found(e.to_string()))
}

/// `?q=words&prefix=math.&version=^1.2&label=zone=eu&limit=20`.
pub(super) async fn search(State(shared): Door, uri: Uri) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["q", "prefix", "version", "label", "limit"])?;
    let mut labels = BTreeMap::new();
    for label in params.all("label") {
        let (key, value) = label
            .split_once('=')
            .ok_or_else(|| Problem::refused(format!("label is {label:.64?}; it takes KEY=VALUE, such as zone=eu")))?;
        labels.insert(key.to_owned(), value.to_owned());
    }
    let request = SearchRequest {
        words: params.one("q")?.unwrap_or_default().to_owned(),
        prefix: params.one("prefix")?.unwrap_or_default().to_owned(),
        labels,
        version: params.one("version")?.map(str::to_owned),
        limit: params.parsed("limit")?,
    };
    let found = crate::control::search_report(&*shared.node()?, &request).await.map_err(Problem::refused)?;
    Ok(Json(found).into_response())
}
