//! What the node knows, as the control socket reports it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::ServiceName,
    rpc::{ContentType, Status},
};
use atoll_registry::{
    peers::conduct::Faults,
    routes::{self, LinkKind},
    services::Instance,
    time::Time,
};
use serde_json::Value;

use super::{
    api::{ConnectionRow, NodeRow, RouteRow, ServiceRow, StatusReport},
    as_millis, as_u64,
};
use crate::{
    net::connections::{Connection, Path},
    node::Inner,
    rpc::Body,
};

pub(crate) fn status(node: &Inner) -> StatusReport {
    let view = node.rpc.directory.view();
    let (sessions, sessions_connected) = node.broker.sessions();
    StatusReport {
        sessions,
        sessions_connected,
        node: node.net().me,
        network: node.config.network.clone(),
        agent: crate::AGENT.to_owned(),
        pid: std::process::id(),
        data_dir: node.data_dir(),
        uptime_ms: node.clock.now().0,
        addresses: node.addresses().iter().map(ToString::to_string).collect(),
        joined: node.rpc.directory.has_joined(),
        gateway: node.gateway_url(),
        peers: node.net().connections.len(),
        nodes: view.nodes().count(),
        instances: view.len(),
        dht: if node.net().is_dht_server() { "server" } else { "client" }.to_owned(),
        faults: by_kind(&node.net().conduct.totals()),
        barred: node.net().conduct.barred(),
    }
}

fn by_kind(faults: &Faults) -> BTreeMap<String, u32> {
    faults.iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect()
}

pub(crate) fn nodes(node: &Inner) -> Vec<NodeRow> {
    let services = services_by_node(node);
    let now = node.clock.now();
    let known: Vec<_> = node.rpc.directory.view().nodes().collect();
    let row = |known: atoll_registry::services::KnownNode| {
        let link = node.net().connections.best(&known.node);
        let record = known.record.as_ref().map(|r| r.value());
        let standing = Some(node.rpc.trust.of(&known.node)).filter(|_| known.node != node.net().me);
        NodeRow {
            node: known.node,
            me: known.node == node.net().me,
            agent: record.map(|r| r.agent.clone()).unwrap_or_default(),
            addresses: record.map(|r| r.addresses.clone()).unwrap_or_default(),
            services: services.get(&known.node).cloned().unwrap_or_default(),
            path: link.as_ref().map(|c| c.path.name().to_owned()),
            rtt_ms: link.and_then(|c| c.rtt()).map(as_millis),
            age_ms: as_u64(now.since(known.renewed)),
            suspect: known.suspect,
            tier: standing.map(|standing| standing.tier),
            score: standing.map(|standing| standing.score),
        }
    };
    let mut rows: Vec<NodeRow> = known.into_iter().map(row).collect();
    rows.sort_by_key(|r| (!r.me, r.node));
    rows
}

pub(crate) fn services(node: &Inner) -> Vec<ServiceRow> {
    let now = node.clock.now();
    let mut rows: Vec<ServiceRow> = Vec::new();
    // Ordered by name, then version: instances of one version stand together.
    for instance in node.rpc.directory.view().instances() {
        let record = instance.record.value();
        let (version, age_ms) = (record.version.to_string(), as_u64(now.since(instance.learnt)));
        match rows.last_mut().filter(|r| r.name == record.name && r.version == version) {
            Some(row) => {
                row.instances += 1;
                row.age_ms = row.age_ms.max(age_ms);
                if !row.nodes.contains(&instance.node) {
                    row.nodes.push(instance.node);
                }
            }
            None => rows.push(ServiceRow {
                name: record.name.clone(),
                version,
                instances: 1,
                nodes: vec![instance.node],
                age_ms,
            }),
        }
    }
    rows
}

pub(crate) fn routes(node: &Inner) -> Vec<RouteRow> {
    let now = node.clock.now();
    let instances: Vec<Instance> = node.rpc.directory.view().instances().collect();
    let row = |route: routes::Route| RouteRow {
        service: format!("{}@{}", route.service, route.version),
        address: route.address,
        gateway: route.gateway,
        router: route.router,
        network: node.config.network.clone(),
        metric_us: route.metric.map(|m| u64::try_from(m.as_micros()).unwrap_or(u64::MAX)),
        estimated: route.link == LinkKind::None && route.metric.is_some(),
        hops: route.hops,
        expires_ms: (route.expires != Time::NEVER).then(|| as_u64(route.expires.since(now))),
        link: route.link.to_string(),
    };
    node.rpc.directory.with_links(|links| routes::routes(instances, links)).into_iter().map(row).collect()
}

pub(crate) fn connections(node: &Inner) -> Vec<ConnectionRow> {
    let connections = &node.net().connections;
    let row = |c: &Arc<Connection>| {
        let via = c.relay();
        // The address of a relayed connection is where it was asked for, not what carries it.
        let carrier = via.and_then(|relay| connections.best(&relay)).filter(|to_relay| to_relay.path == Path::Direct);
        ConnectionRow {
            peer: c.peer,
            address: c.address.to_string(),
            path: c.path.name().to_owned(),
            via,
            transport: carrier.as_ref().unwrap_or(c).transport().name().to_owned(),
            rtt_ms: c.rtt().map(as_millis),
            outbound: c.outbound,
            faults: by_kind(&node.net().conduct.faults(&c.peer)),
        }
    };
    connections.all().iter().map(row).collect()
}

pub(crate) fn services_by_node(node: &Inner) -> BTreeMap<NodeId, Vec<ServiceName>> {
    let mut services: BTreeMap<NodeId, BTreeSet<ServiceName>> = BTreeMap::new();
    for instance in node.rpc.directory.view().instances() {
        services.entry(instance.node).or_default().insert(instance.record.value().name.clone());
    }
    services.into_iter().map(|(node, names)| (node, names.into_iter().collect())).collect()
}

/// An answer for those who read only JSON: text as a string, other bytes as their number.
pub(crate) fn body_as_json(body: &Body) -> Result<Value, Status> {
    match body.content {
        ContentType::Json if body.bytes.is_empty() => Ok(Value::Null),
        ContentType::Json => serde_json::from_slice(&body.bytes)
            .map_err(|e| Status::internal(format!("the answer says it is JSON and is not: {e}"))),
        ContentType::Raw => match std::str::from_utf8(&body.bytes) {
            Ok(text) => Ok(Value::String(text.to_owned())),
            Err(_) => Ok(serde_json::json!({ "bytes": body.bytes.len() })),
        },
    }
}
