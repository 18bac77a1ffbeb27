//! `/v1/search`.

use std::time::Duration;

use atoll_protocol::names::parse_requirement;
use atoll_registry::services::{Found, SearchQuery};
use axum::{Json, http::StatusCode};

use super::{
    api::{FoundRow, SEARCH_LIMIT, SearchReply, SearchRequest},
    as_millis,
    routes::{Answer, Failure, Received, Shared, node},
};
use crate::node::Inner;

pub(super) async fn asked(state: Shared, request: Received<SearchRequest>) -> Answer<SearchReply> {
    let Json(request) = request?;
    let found = search(&*node(&state)?, &request).await;
    found.map(Json).map_err(|reason| Failure(StatusCode::BAD_REQUEST, reason))
}

/// Looks for services.
///
/// # Errors
/// In words, if the request cannot be meant.
pub(crate) async fn search(node: &Inner, request: &SearchRequest) -> Result<SearchReply, String> {
    let query = query(request)?;
    let directory = node.rpc.directory.clone();
    // Long docs take a while, and others want this thread.
    let searched = tokio::task::spawn_blocking(move || directory.search(&query)).await;
    let found = searched.map_err(|e| format!("the search failed: {e}"))?;
    Ok(SearchReply { found: found.found.iter().map(|found| row(node, found)).collect(), more: found.more })
}

fn query(request: &SearchRequest) -> Result<SearchQuery, String> {
    let mut query = SearchQuery::new(&request.words).map_err(|e| e.to_string())?.prefix(&request.prefix);
    for (key, value) in &request.labels {
        query = query.labelled(key, value);
    }
    if let Some(version) = &request.version {
        query = query.version(parse_requirement(version).map_err(|e| e.to_string())?);
    }
    match request.limit {
        Some(limit) if !(1..=SEARCH_LIMIT).contains(&limit) => {
            Err(format!("limit is {limit}; it takes a number from 1 to {SEARCH_LIMIT}"))
        }
        Some(limit) => Ok(query.limit(limit)),
        None => Ok(query),
    }
}

fn row(node: &Inner, found: &Found) -> FoundRow {
    // Instances of one version should say the same; where they differ, the first that fits is shown.
    let doc = found.instances.first().map(|i| i.record.value().doc.clone()).unwrap_or_default();
    let mut nodes: Vec<_> = found.instances.iter().map(|instance| instance.node).collect();
    nodes.dedup();
    let rtt = |id: &_| {
        if *id == node.net().me { Some(Duration::ZERO) } else { node.net().connections.best(id).and_then(|c| c.rtt()) }
    };
    FoundRow {
        name: found.name.clone(),
        version: found.version.to_string(),
        doc,
        methods: found.methods.clone(),
        instances: found.instances.len(),
        rtt_ms: nodes.iter().filter_map(rtt).min().map(as_millis),
        nodes,
        suspect: found.is_suspect(),
    }
}
