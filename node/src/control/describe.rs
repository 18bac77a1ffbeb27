//! A service in full: what its records say, and the schemas that they name by their hashes.

use std::collections::BTreeMap;

use atoll_protocol::{
    names::ServiceQuery,
    service::{Endpoint, Schema, ServiceRecord},
};
use atoll_registry::{schemas, services::Instance, time::Time};
use semver::Version;
use serde_json::Value;

use super::{
    api::{EndpointDescription, InstanceRow, ServiceDescription, VersionDescription},
    as_millis, as_u64,
};
use crate::{directory::Described, error::DescribeError, net::connections::Path, node::Inner};

/// Versions that are named where none of them will do.
const VERSIONS: usize = 5;

/// The service in full: found through the DHT if it is not listed here, its schemas fetched if they are not at hand.
pub(crate) async fn describe(node: &Inner, query: &ServiceQuery) -> Result<ServiceDescription, DescribeError> {
    let directory = &node.rpc.directory;
    let mut instances = directory.find(query);
    if instances.is_empty() {
        instances = directory.resolve(query).await;
    }
    let mut by_version: BTreeMap<Version, Vec<&Instance>> = BTreeMap::new();
    for instance in &instances {
        by_version.entry(instance.record.value().version.clone()).or_default().push(instance);
    }
    if by_version.is_empty() {
        return Err(DescribeError::Unknown { reason: unknown(node, query) });
    }
    let records = by_version.values().filter_map(|instances| shown(instances));
    let schemas = directory.describe_schemas(schemas::named(records, &instances)).await;
    let describe = |(version, instances): (&Version, &Vec<&Instance>)| {
        Some(describe_version(node, version, shown(instances)?, instances, &schemas))
    };
    let versions = by_version.iter().rev().filter_map(describe).collect();
    Ok(ServiceDescription { name: query.name.clone(), versions })
}

/// Instances of one version should say the same; where they differ, the youngest statement is shown.
fn shown<'a>(instances: &[&'a Instance]) -> Option<&'a ServiceRecord> {
    instances.iter().map(|instance| instance.record.value()).max_by_key(|record| record.issued)
}

/// Why a service cannot be described: nobody offers it, but perhaps something like it.
fn unknown(node: &Inner, query: &ServiceQuery) -> String {
    let view = node.rpc.directory.view();
    let others = view.find(&ServiceQuery::any(query.name.clone()));
    let hint = if others.is_empty() {
        let near: Vec<String> = view.names_near(&query.name).iter().map(ToString::to_string).collect();
        if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
    } else {
        let mut versions: Vec<&Version> = others.iter().map(|i| &i.record.value().version).collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        versions.dedup();
        let shown: Vec<String> = versions.iter().take(VERSIONS).map(ToString::to_string).collect();
        let more = if versions.len() > VERSIONS { " and older" } else { "" };
        format!("; known versions: {}{more}", shown.join(", "))
    };
    format!("no node offers {query}{hint}")
}

fn describe_version(
    node: &Inner,
    version: &Version,
    record: &ServiceRecord,
    instances: &[&Instance],
    schemas: &Described,
) -> VersionDescription {
    let now = node.clock.now();
    let instance = |i: &&Instance| {
        let link = node.net().connections.best(&i.node);
        let local = i.node == node.net().me;
        InstanceRow {
            instance: i.record.value().instance,
            node: i.node,
            path: if local { Some("local".to_owned()) } else { link.as_ref().map(|c| c.path.name().to_owned()) },
            hops: if local { Some(0) } else { link.as_ref().map(|c| if c.path == Path::Direct { 1 } else { 2 }) },
            rtt_ms: link.and_then(|c| c.rtt()).map(as_millis),
            lease_ms: (i.expires != Time::NEVER).then(|| as_u64(i.expires.since(now))),
            age_ms: as_u64(now.since(i.learnt)),
            suspect: i.suspect,
        }
    };
    VersionDescription {
        version: version.to_string(),
        doc: record.doc.clone(),
        endpoints: record.endpoints.iter().map(|endpoint| describe_endpoint(endpoint, schemas)).collect(),
        topics: record.topics.clone(),
        metadata: record.metadata.clone(),
        protocols: record.protocols.clone(),
        instances: instances.iter().map(instance).collect(),
    }
}

fn describe_endpoint(endpoint: &Endpoint, schemas: &Described) -> EndpointDescription {
    let (request, request_missing) = describe_schema(&endpoint.request, schemas);
    let (response, response_missing) = describe_schema(&endpoint.response, schemas);
    EndpointDescription {
        name: endpoint.name.clone(),
        kind: endpoint.kind,
        doc: endpoint.doc.clone(),
        idempotent: endpoint.idempotent,
        deadline_hint_ms: endpoint.deadline_hint_ms,
        request,
        response,
        request_missing,
        response_missing,
    }
}

/// The schema, or why it is not there; neither for raw bytes.
fn describe_schema(schema: &Schema, schemas: &Described) -> (Option<Value>, Option<String>) {
    // A schema is a stranger's text: one that is no JSON is shown as the text that it is.
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    match schema {
        Schema::Raw => (None, None),
        Schema::Json(text) => (Some(read(text)), None),
        Schema::Reference(hash) => match schemas.found.get(hash) {
            Some(document) => (Some(read(document.text())), None),
            None => (None, schemas.missing.get(hash).cloned()),
        },
    }
}
