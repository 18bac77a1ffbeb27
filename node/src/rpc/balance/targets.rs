//! The instances that a client chooses from: looked up once, and again when the directory has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, MethodName},
    service::EndpointKind,
};
use atoll_registry::{select::Candidate, services::Instance, standing::Judged, time::Time};

use super::Load;
use crate::{
    rpc::{Rpc, lanes::Peer},
    standing::Account,
};

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
    pub(in crate::rpc) account: Arc<Account>,
    /// Whether its node is none of the strangers between whom standing decides.
    pub(super) exempt: bool,
    suspect: bool,
}

impl Target {
    pub(in crate::rpc) fn listed(instance: &Instance, rpc: &Rpc) -> Self {
        Self { suspect: instance.suspect, ..Self::of(instance.node, instance.record.value().instance, rpc) }
    }

    /// A node that the caller has named.
    pub(in crate::rpc) fn named(node: NodeId, rpc: &Rpc) -> Self {
        Self::of(node, InstanceId(0), rpc)
    }

    fn of(node: NodeId, instance: InstanceId, rpc: &Rpc) -> Self {
        let over = rpc.net.connections.best(&node);
        Self {
            node,
            instance,
            load: rpc.instances.of(node, instance),
            peer: rpc.lanes.peer(&node),
            account: rpc.trust.account(&node),
            exempt: node == rpc.net.me || rpc.trust.is_exempt(&node, over.as_deref()),
            suspect: false,
        }
    }

    /// What is thought of its node; nothing but good of one that is no stranger.
    pub(super) fn judged(&self) -> Judged {
        let judged = self.account.judged();
        if self.exempt { Judged { score: 1.0, quality: 1.0, confidence: 1.0, ..judged } } else { judged }
    }

    pub(super) fn candidate(&self, me: NodeId, now: Time) -> Candidate {
        Candidate {
            node: self.node,
            instance: self.instance,
            latency: self.load.latency(),
            in_flight: self.load.in_flight(),
            standing: 1.0,
            suspect: self.suspect || self.peer.is_stalled() || self.load.is_blocked(now),
            local: self.node == me,
        }
    }
}

/// Services that nodes offer by themselves.
const OWN: [&str; 3] = ["bench", "keeper", "system"];

impl Rpc {
    /// Whether an instance is one of those that its node may offer: a newcomer has one service, the first by name, and a member
    /// sixteen. So nobody fills the network with names before it is known for anything.
    pub(in crate::rpc) fn may_offer(&self, instance: &Instance) -> bool {
        let over = self.net.connections.best(&instance.node);
        let Some(most) = self.trust.services(&instance.node, over.as_deref()) else { return true };
        let name = &instance.record.value().name;
        let Some(holding) = self.directory.view().holding(&instance.node, self.directory.now()) else { return true };
        let names = holding.services.iter().map(|record| &record.value().name);
        let before: BTreeSet<&str> =
            names.filter(|other| *other < name).map(|name| name.as_str()).filter(|name| !OWN.contains(name)).collect();
        OWN.contains(&name.as_str()) || before.len() < usize::try_from(most).unwrap_or(usize::MAX)
    }
}

/// What a lookup gave.
#[derive(Debug)]
pub(in crate::rpc) struct Targets {
    pub(in crate::rpc) all: Vec<Target>,
    /// The methods that all of them call idempotent.
    idempotent: Vec<MethodName>,
    /// How long calls of a method may reasonably take, where any of them says so.
    promises: Vec<(MethodName, Duration)>,
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
        Self { all, idempotent: idempotent(&found), promises: promises(&found), generation, found: now }
    }

    /// One target and no other, of which this has been found: nothing, where it is not listed here.
    pub(in crate::rpc) fn only(target: Target, found: &[Instance], (generation, now): (u64, Time)) -> Self {
        let found: Vec<&Instance> = found.iter().collect();
        let (idempotent, promises) = (idempotent(&found), promises(&found));
        Self { all: vec![target], idempotent, promises, generation, found: now }
    }

    /// Whether calling the method twice does no more than calling it once, whichever instance is called.
    pub(in crate::rpc) fn are_idempotent(&self, method: &str) -> bool {
        self.idempotent.iter().any(|name| name.as_str() == method)
    }

    /// How long a call of the method may reasonably take, if that is said: the longest that is, since instances differ.
    pub(in crate::rpc) fn promise(&self, method: &str) -> Option<Duration> {
        let of_method = self.promises.iter().filter(|(name, _)| name.as_str() == method);
        of_method.map(|(_, time)| *time).max()
    }

    /// Whether they are what a lookup would give now.
    pub(in crate::rpc) fn are_current(&self, generation: u64, now: Time) -> bool {
        self.generation == generation && now.0.saturating_sub(self.found.0) < REFRESH
    }
}

fn promises(instances: &[&Instance]) -> Vec<(MethodName, Duration)> {
    let endpoints = instances.iter().flat_map(|instance| &instance.record.value().endpoints);
    let mut all: Vec<(MethodName, Duration)> = Vec::new();
    for (endpoint, hint) in endpoints.filter_map(|endpoint| Some((endpoint, endpoint.deadline_hint_ms?))) {
        let time = Duration::from_millis(hint.into());
        match all.iter_mut().find(|(name, _)| *name == endpoint.name) {
            Some((_, longest)) => *longest = time.max(*longest),
            None => all.push((endpoint.name.clone(), time)),
        }
    }
    all
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
