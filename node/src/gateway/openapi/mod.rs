//! `/openapi.json`: the gateway's own paths, and one for each method of each service that is listed, with its schemas.
//!
//! It is made anew each time from the live view. Strangers' schemas go in cleaned ([`schemas`]), so that whatever a service says of
//! itself the document stays one that tools can read.

mod schemas;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use atoll_protocol::{
    names::{NameError, ServiceName, ServiceQuery},
    service::EndpointKind,
};
use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};

use self::schemas::Components;
use super::{Shared, params::Params, problem::Problem};
use crate::{
    control::{
        self,
        api::{EndpointDescription, ServiceDescription, VersionDescription},
    },
    node::Inner,
};

/// Services that one document describes at most; `?service=` asks for certain ones.
const SERVICES: usize = 200;
/// Services whose schemas are looked for at a time.
const AT_A_TIME: usize = 32;
/// How long a document may take. What has not come by then is left out.
const PATIENCE: Duration = Duration::from_secs(6);
/// The gateway's own paths.
const FIXED: &str = include_str!("fixed.json");

/// `GET /openapi.json`.
pub(super) async fn openapi(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["service"])?;
    let asked = params.all("service").map(str::parse).collect::<Result<Vec<ServiceName>, NameError>>();
    let node = shared.node()?;
    let (names, more) = chosen(&node, asked.map_err(Problem::refused)?);
    let mut described = describe(&node, names).await;
    described.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Json(document(&described, more)).into_response())
}

/// The services to describe, those of this node first, and how many more there are.
fn chosen(node: &Inner, asked: Vec<ServiceName>) -> (Vec<ServiceName>, usize) {
    if !asked.is_empty() {
        let more = asked.len().saturating_sub(SERVICES);
        return (asked.into_iter().take(SERVICES).collect(), more);
    }
    let me = node.net().me;
    let all: BTreeSet<(bool, ServiceName)> = {
        let view = node.rpc.directory.view();
        view.instances().map(|instance| (instance.node != me, instance.record.value().name.clone())).collect()
    };
    let mut seen = BTreeSet::new();
    let names: Vec<ServiceName> =
        all.into_iter().map(|(_, name)| name).filter(|name| seen.insert(name.clone())).collect();
    let more = names.len().saturating_sub(SERVICES);
    (names.into_iter().take(SERVICES).collect(), more)
}

async fn describe(node: &Inner, names: Vec<ServiceName>) -> Vec<ServiceDescription> {
    let describe = |name: ServiceName| async move { control::describe(node, &ServiceQuery::any(name)).await.ok() };
    let described = stream::iter(names).map(describe).buffer_unordered(AT_A_TIME).filter_map(std::future::ready);
    described.take_until(Box::pin(tokio::time::sleep(PATIENCE))).collect().await
}

fn document(services: &[ServiceDescription], more: usize) -> Value {
    // It is checked by a test that this is what it looks like.
    let mut document: Value = serde_json::from_str(FIXED).unwrap_or_default();
    let mut components = Components::default();
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for service in services {
        let Some(version) = service.versions.first() else { continue };
        tags.push(json!({ "name": service.name, "description": version.doc }));
        for endpoint in &version.endpoints {
            let path = format!("/v1/call/{}/{}", service.name, endpoint.name);
            paths.insert(path, operation(service.name.as_str(), version, endpoint, &mut components));
        }
    }
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
        if more > 0 {
            let said = format!("{more} more services are not described here; ask for them with ?service=NAME");
            info.insert("x-left-out".to_owned(), said.into());
        }
    }
    extend(&mut document, "/paths", paths);
    extend(&mut document, "/components/schemas", components.into_inner());
    if let Some(all) = document.get_mut("tags").and_then(Value::as_array_mut) {
        all.extend(tags);
    }
    document
}

fn extend(document: &mut Value, pointer: &str, more: Map<String, Value>) {
    if let Some(object) = document.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.extend(more);
    }
}

/// One method, as the path that it has.
fn operation(
    service: &str,
    version: &VersionDescription,
    endpoint: &EndpointDescription,
    components: &mut Components,
) -> Value {
    let mut operation = described(service, version, endpoint);
    let mut side = |side: &str, schema: Option<&Value>| match schema {
        Some(schema) => components.add(&format!("{service}.{}.{side}", endpoint.name), schema),
        None => json!({}),
    };
    let (request, response) =
        (side("request", endpoint.request.as_ref()), side("response", endpoint.response.as_ref()));
    // Where the schema is missing it is JSON all the same.
    let media = |schema: Option<&Value>, missing: Option<&String>| {
        if schema.is_some() || missing.is_some() { "application/json" } else { "application/octet-stream" }
    };
    let takes = media(endpoint.request.as_ref(), endpoint.request_missing.as_ref());
    let gives = media(endpoint.response.as_ref(), endpoint.response_missing.as_ref());
    let (method, code, answer) = match endpoint.kind {
        EndpointKind::Unary => {
            ("post", "200", json!({ "description": "The answer", "content": { gives: { "schema": response } } }))
        }
        EndpointKind::ServerStream => {
            let said = "An event for each message, then `end` or `error`";
            let content = json!({ "text/event-stream": { "schema": { "type": "string" } } });
            ("post", "200", json!({ "description": said, "content": content, "x-message-schema": response }))
        }
        EndpointKind::ClientStream | EndpointKind::Bidirectional => {
            let said = "A WebSocket: each message is one; an empty text says that all has been sent";
            let answer = json!({ "description": said, "x-request-schema": request, "x-message-schema": response });
            ("get", "101", answer)
        }
    };
    if let Some(operation) = operation.as_object_mut() {
        let problem = json!({ "$ref": "#/components/responses/Problem" });
        operation.insert("responses".to_owned(), json!({ code: answer, "default": problem }));
        if method == "post" {
            let body = json!({ "content": { takes: { "schema": request } } });
            operation.insert("requestBody".to_owned(), body);
        }
    }
    json!({ method: operation })
}

/// What is said of every method.
fn described(service: &str, version: &VersionDescription, endpoint: &EndpointDescription) -> Value {
    let summary = endpoint.doc.lines().next().filter(|line| !line.is_empty());
    let text = json!({ "type": "string" });
    let parameters = [
        ("version", "query", "Versions that will do, such as ^1.2"),
        ("node", "query", "Call this node's instance and no other"),
        ("x-deadline", "header", "How long to wait: milliseconds, or such as 2s"),
    ];
    let parameters =
        parameters.map(|(name, place, said)| json!({ "name": name, "in": place, "description": said, "schema": text }));
    json!({
        "operationId": format!("{service}.{}", endpoint.name),
        "tags": [service],
        "summary": summary.unwrap_or(endpoint.name.as_str()),
        "description": endpoint.doc,
        "x-version": version.version,
        "x-kind": endpoint.kind,
        "x-idempotent": endpoint.idempotent,
        "parameters": parameters,
    })
}
