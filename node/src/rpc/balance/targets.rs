//! The instances that a client chooses from: looked up once, and again when the directory has changed.

use std::{collections::BTreeMap, sync::Arc};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, MethodName},
    service::EndpointKind,
};
use atoll_registry::{select::Candidate, services::Instance, time::Time};

use super::{Instances, Load};
use crate::rpc::lanes::{Lanes, Peer};

/// Milliseconds after which instances are looked up again even if nothing has changed: so the directory knows that they are
/// in use, and does not drop them when it is full.
const REFRESH: u64 = 1_000;

/// One instance that can be called.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Target {
    pub(in crate::rpc) node: NodeId,
    pub(in crate::rpc) instance: InstanceId,
    pub(in crate::rpc) load: Arc<Load>,
    pub(in crate::rpc) peer: Arc<Peer>,
    suspect: bool,
}

impl Target {
    pub(in crate::rpc) fn listed(instance: &Instance, instances: &Instances, lanes: &Lanes) -> Self {
        let id = instance.record.value().instance;
        Self {
            node: instance.node,
            instance: id,
            load: instances.of(instance.node, id),
            peer: lanes.peer(&instance.node),
            suspect: instance.suspect,
        }
    }

    /// A node that the caller has named.
    pub(in crate::rpc) fn named(node: NodeId, instances: &Instances, lanes: &Lanes) -> Self {
        let instance = InstanceId(0);
        let (load, peer) = (instances.of(node, instance), lanes.peer(&node));
        Self { node, instance, load, peer, suspect: false }
    }

    pub(in crate::rpc) fn candidate(&self, me: NodeId, now: Time) -> Candidate {
        Candidate {
            node: self.node,
            instance: self.instance,
            latency: self.load.latency(),
            in_flight: self.load.in_flight(),
            // Reputation enters here.
            standing: 1.0,
            suspect: self.suspect || self.peer.is_stalled() || self.load.is_blocked(now),
            local: self.node == me,
        }
    }
}

/// What a lookup gave.
#[derive(Debug)]
pub(in crate::rpc) struct Targets {
    pub(in crate::rpc) all: Vec<Target>,
    /// The methods that all of them call idempotent.
    idempotent: Vec<MethodName>,
    /// The state of the directory that they were found in.
    generation: u64,
    found: Time,
}

impl Targets {
    /// Those that have all the labels of `wanted`.
    pub(in crate::rpc) fn new(
        found: &[Instance],
        wanted: &BTreeMap<String, String>,
        (generation, now): (u64, Time),
        target: impl Fn(&Instance) -> Target,
    ) -> Self {
        let found: Vec<&Instance> = found.iter().filter(|instance| instance.is_labelled(wanted)).collect();
        let all = found.iter().map(|instance| target(instance)).collect();
        Self { all, idempotent: idempotent(&found), generation, found: now }
    }

    /// One target and no other, of which this has been found: nothing, where it is not listed here.
    pub(in crate::rpc) fn only(target: Target, found: &[Instance], (generation, now): (u64, Time)) -> Self {
        let found: Vec<&Instance> = found.iter().collect();
        Self { all: vec![target], idempotent: idempotent(&found), generation, found: now }
    }

    /// Whether calling the method twice does no more than calling it once, whichever instance is called.
    pub(in crate::rpc) fn are_idempotent(&self, method: &str) -> bool {
        self.idempotent.iter().any(|name| name.as_str() == method)
    }

    /// Whether they are what a lookup would give now.
    pub(in crate::rpc) fn are_current(&self, generation: u64, now: Time) -> bool {
        self.generation == generation && now.0.saturating_sub(self.found.0) < REFRESH
    }
}

fn idempotent(instances: &[&Instance]) -> Vec<MethodName> {
    let of = |instance: &Instance| {
        let endpoints = &instance.record.value().endpoints;
        endpoints.iter().filter(|e| e.idempotent && e.kind == EndpointKind::Unary).map(|e| e.name.clone()).collect()
    };
    let mut all: Vec<Vec<MethodName>> = instances.iter().map(|instance| of(instance)).collect();
    let mut common = all.pop().unwrap_or_default();
    common.retain(|method| all.iter().all(|others| others.contains(method)));
    common
}
