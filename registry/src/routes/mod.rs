//! Which way a call to a service would go, what that costs, and who is connected to whom.
//!
//! | part | what it does |
//! |---|---|
//! | [`table`] | holds what nodes say of their connections, for as long as it is good |
//! | [`links`] | says which links that proves |
//! | [`paths`] | finds the cheapest ways, with a hop limit |
//! | [`survey`] | decides whom to ask for what they say, and when |
//!
//! A route is derived, never stored: from what the directory lists now, the connections that are open now, and what is held of
//! others' connections. It ends with any of them. Where this node has no connection its metric is an *estimate*: no bytes have gone
//! that way, and a call makes a connection of its own.

use std::{cmp::Ordering, collections::BTreeMap, fmt, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceName},
};
use semver::Version;

pub use self::{
    links::{Edge, Links},
    paths::{HOP_LIMIT, Path, Paths, UNMEASURED},
    survey::{Effect, Learned, PATIENCE, Survey, TTL},
    table::{HELD, LinkState, Taken},
};
use crate::{services::Instance, time::Time};

mod links;
mod paths;
mod survey;
mod table;
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
    /// There is no connection: one will be made for the first call. The metric, if any, is an estimate.
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
    /// The first node on the way: this node itself, the relay, or the address. Where no way is known, the address.
    pub gateway: NodeId,
    /// The last node before the address: this node itself, where the way is direct or not known.
    pub router: NodeId,
    /// The round trip: zero on this node, measured where there is a connection, else estimated; `None` where nothing is known.
    pub metric: Option<Duration>,
    /// How many hops the way has, at most [`HOP_LIMIT`]; two through a relay; `None` where no way is known.
    pub hops: Option<u32>,
    /// How it is reached.
    pub link: LinkKind,
    /// When it is no longer good, unless renewed: the first end of anything that it is derived from. [`Time::NEVER`] on this node.
    pub expires: Time,
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

/// Of several links to one peer the best one.
fn best(links: impl IntoIterator<Item = Link>) -> BTreeMap<NodeId, Link> {
    let mut best: BTreeMap<NodeId, Link> = BTreeMap::new();
    for link in links {
        let held = best.entry(link.peer).or_insert(link);
        if link.preference() < held.preference() {
            *held = link;
        }
    }
    best
}

/// The routes to `instances` from the node whose links these are: over its own link where there is one, else estimated over what
/// is known of others'. Ordered by service name, then metric (what is not known last), then version, latest first.
#[must_use]
pub fn routes(instances: impl IntoIterator<Item = Instance>, links: &Links<'_>) -> Vec<Route> {
    let paths = Paths::from(links);
    let mut routes: Vec<Route> =
        instances.into_iter().map(|instance| Way::to(instance.node, links, &paths).route(&instance)).collect();
    routes.sort_by(order);
    routes
}

/// How a node is reached, whatever it offers.
struct Way {
    gateway: NodeId,
    router: NodeId,
    metric: Option<Duration>,
    hops: Option<u32>,
    link: LinkKind,
    expires: Time,
}

impl Way {
    fn to(node: NodeId, links: &Links<'_>, paths: &Paths) -> Self {
        let me = links.me();
        let own = |gateway, router, metric, hops, link| Self {
            gateway,
            router,
            metric,
            hops: Some(hops),
            link,
            expires: Time::NEVER,
        };
        match links.own(&node) {
            _ if node == me => own(me, me, Some(Duration::ZERO), 0, LinkKind::Local),
            Some(Link { relayed_by: Some(relay), rtt, .. }) => own(*relay, *relay, *rtt, 2, LinkKind::Relayed),
            Some(Link { relayed_by: None, rtt, .. }) => own(node, me, *rtt, 1, LinkKind::Direct),
            None => Self::estimated(node, links, paths.to(&node)),
        }
    }

    fn estimated(node: NodeId, links: &Links<'_>, path: Option<Path>) -> Self {
        let Some(Path { nodes, metric, hops, expires }) = path else {
            let (gateway, router, expires) = (node, links.me(), Time::NEVER);
            return Self { gateway, router, metric: None, hops: None, link: LinkKind::None, expires };
        };
        let first = nodes.first().copied().unwrap_or(node);
        let gateway = links.own(&first).and_then(|link| link.relayed_by).unwrap_or(first);
        let router = nodes.iter().rev().nth(1).copied().unwrap_or(gateway);
        Self { gateway, router, metric: Some(metric), hops: Some(hops), link: LinkKind::None, expires }
    }

    fn route(self, instance: &Instance) -> Route {
        let record = instance.record.value();
        let Self { gateway, router, metric, hops, link, expires } = self;
        Route {
            service: record.name.clone(),
            version: record.version.clone(),
            instance: record.instance,
            address: instance.node,
            gateway,
            router,
            metric,
            hops,
            link,
            expires: expires.min(instance.expires),
        }
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
