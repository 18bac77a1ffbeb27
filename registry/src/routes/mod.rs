//! Which way a call to a service would go.
//!
//! A route is derived, never stored: from what the directory lists now and the connections that are open now. It ends
//! with either.

use std::{cmp::Ordering, collections::BTreeMap, fmt, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceName},
};
use semver::Version;

use crate::services::Instance;

#[cfg(test)]
mod tests;

/// An open connection to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The other end.
    pub peer: NodeId,
    /// The relay that the bytes pass through; `None` if they go directly.
    pub relayed_by: Option<NodeId>,
    /// Measured round trip, end to end.
    pub rtt: Option<Duration>,
}

/// How a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// It runs on this node.
    Local,
    /// The bytes go directly.
    Direct,
    /// The bytes pass through a relay.
    Relayed,
    /// There is no connection: one will be made for the first call.
    None,
}

/// One way to one instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The service's name.
    pub service: ServiceName,
    /// The version of this instance.
    pub version: Version,
    /// This instance.
    pub instance: InstanceId,
    /// The node that runs it.
    pub address: NodeId,
    /// The node that the bytes are handed to first: this node itself, the relay, or the address.
    pub gateway: NodeId,
    /// Measured round trip; zero on this node, `None` where nothing has been measured.
    pub metric: Option<Duration>,
    /// How it is reached.
    pub link: LinkKind,
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Local => "local",
            Self::Direct => "direct",
            Self::Relayed => "relayed",
            Self::None => "none",
        })
    }
}

impl Link {
    /// Direct before relayed, then the lower round trip, and what is not measured last.
    fn preference(&self) -> (bool, Duration) {
        (self.relayed_by.is_some(), self.rtt.unwrap_or(Duration::MAX))
    }
}

/// The routes from `me` to `instances` over `links` (of several links to one peer the best one), ordered by service
/// name, then metric (what is not measured last), then version, latest first.
#[must_use]
pub fn routes(
    me: NodeId,
    instances: impl IntoIterator<Item = Instance>,
    links: impl IntoIterator<Item = Link>,
) -> Vec<Route> {
    let mut best: BTreeMap<NodeId, Link> = BTreeMap::new();
    for link in links {
        let held = best.entry(link.peer).or_insert(link);
        if link.preference() < held.preference() {
            *held = link;
        }
    }
    let mut routes: Vec<Route> =
        instances.into_iter().map(|instance| route(me, &instance, best.get(&instance.node))).collect();
    routes.sort_by(order);
    routes
}

fn route(me: NodeId, instance: &Instance, link: Option<&Link>) -> Route {
    let (gateway, metric, kind) = match link {
        _ if instance.node == me => (me, Some(Duration::ZERO), LinkKind::Local),
        Some(Link { relayed_by: Some(relay), rtt, .. }) => (*relay, *rtt, LinkKind::Relayed),
        Some(Link { relayed_by: None, rtt, .. }) => (instance.node, *rtt, LinkKind::Direct),
        None => (instance.node, None, LinkKind::None),
    };
    let record = instance.record.value();
    Route {
        service: record.name.clone(),
        version: record.version.clone(),
        instance: record.instance,
        address: instance.node,
        gateway,
        metric,
        link: kind,
    }
}

fn order(a: &Route, b: &Route) -> Ordering {
    let metric = |route: &Route| route.metric.unwrap_or(Duration::MAX);
    a.service
        .cmp(&b.service)
        .then_with(|| metric(a).cmp(&metric(b)))
        .then_with(|| b.version.cmp(&a.version))
        .then_with(|| (a.address, a.instance).cmp(&(b.address, b.instance)))
}
