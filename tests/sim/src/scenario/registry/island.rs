//! Many nodes, and what they know of each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceQuery},
};

use super::{
    SECOND, SETTLING, Setting,
    node::{Kind, Node, key, name_of},
    resolver::{Resolved, Resolver},
    settled,
};
use crate::{
    engine::{Clock, Engine, Network, PeerIndex, Time},
    scenario::{Churn, report::quantile},
};

/// Nodes that everybody knows from the start.
const BOOTSTRAPS: u32 = 3;
/// Services that a node offers.
const SERVICES: u32 = 5;
/// Instances of each name.
const INSTANCES: u32 = 10;
/// Nodes that join in a second, at first.
const JOINING: u32 = 20;
/// Views looked at in full, for what is listed of whom.
const SAMPLE: usize = 5;
/// Who is listed for so long after its end was overlooked.
const LONG: Duration = Duration::from_secs(60);
/// Clocks are wrong by up to this many milliseconds, either way: hours, but less than what is taken for absurd.
const SKEW: u64 = 2 * 3600 * 1000;

pub(super) struct Island {
    pub(super) engine: Engine<Node>,
    setting: Setting,
    /// Every node that there ever was.
    peers: BTreeMap<NodeId, PeerIndex>,
    /// When those went that are gone.
    gone: BTreeMap<PeerIndex, Time>,
    kind: Kind,
}

/// What came of look-ups, and what was listed.
#[derive(Debug, Default)]
pub(super) struct Found {
    first: u64,
    second: u64,
    missed: u64,
    live: u64,
    dead: u64,
    long_dead: u64,
    suspect_dead: u64,
    listed_live: u64,
    live_in_all: u64,
}

impl Island {
    /// All nodes have joined, and some time has passed.
    pub(super) fn settled(setting: Setting, network: Network) -> Self {
        Self::grown(setting, network, Kind::default(), JOINING)
    }

    /// The same, of this kind of nodes, of which so many join in a second.
    pub(super) fn grown(setting: Setting, network: Network, kind: Kind, joining: u32) -> Self {
        let engine = Engine::new(setting.seed, network);
        let mut island = Self { engine, setting, peers: BTreeMap::new(), gone: BTreeMap::new(), kind };
        for index in 0..setting.nodes {
            let offers = (0..SERVICES).map(|nth| (index * SERVICES + nth) % island.names()).collect();
            island.join(offers);
            island.engine.run_until(Time::START + SECOND * (index + 1) / joining);
        }
        island.engine.run_for(SETTLING);
        island
    }

    fn names(&self) -> u32 {
        (self.setting.nodes * SERVICES / INSTANCES).max(1)
    }

    fn join(&mut self, offers: Vec<u32>) {
        let joined = self.engine.now();
        let skew = self.engine.random().below(2 * SKEW) as i64 - SKEW as i64;
        let clock = Clock { skew, ..Clock::default() };
        let bootstraps = (0..BOOTSTRAPS).map(PeerIndex).collect();
        let kind = self.kind;
        let peer = self.engine.spawn(clock, |me| Node::new(kind, me, bootstraps, offers, joined));
        self.peers.insert(key(peer).node_id(), peer);
    }

    /// Lets nodes come and go for so long; `each` is called every second.
    pub(super) fn run(&mut self, churn: Churn, duration: Duration, mut each: impl FnMut(&mut Self)) {
        let until = self.engine.now() + duration;
        let from = self.engine.now();
        let mut departures = churn.departures(from, self.engine.random());
        while self.engine.now() < until {
            let second = self.engine.now() + SECOND;
            while let Some(departure) = departures.next_before(second, self.engine.random()) {
                self.engine.run_until(departure.at);
                self.replace(departure.crash);
            }
            self.engine.run_until(second);
            each(self);
        }
    }

    /// Another node takes the place, and offers the services, of one that goes.
    fn replace(&mut self, crash: bool) {
        let alive: Vec<_> = self.engine.cores().map(|(peer, _)| peer).filter(|peer| peer.0 >= BOOTSTRAPS).collect();
        let Some(victim) = self.engine.random().pick(&alive).copied() else { return };
        let offers = self.engine.with(victim, |node, _| node.offers().to_vec()).unwrap_or_default();
        self.gone.insert(victim, self.engine.now());
        if crash {
            self.engine.crash(victim);
        } else {
            self.engine.leave(victim);
        }
        self.join(offers);
    }

    /// Random nodes look for random services, and call them: a provider that is gone is tried again elsewhere, once.
    pub(super) fn look_up(&mut self, count: usize, found: &mut Found) {
        let now = self.engine.now();
        let askers: Vec<_> =
            self.engine.cores().filter(|(_, node)| settled(node.joined) <= now).map(|(peer, _)| peer).collect();
        let alive: BTreeSet<PeerIndex> = self.engine.cores().map(|(peer, _)| peer).collect();
        for _ in 0..count {
            let Some(asker) = self.engine.random().pick(&askers).copied() else { return };
            let names = self.names().into();
            let number = self.engine.random().below(names);
            let peers = &self.peers;
            self.engine.with(asker, |node, ctx| {
                let Ok(query) = name_of(number as u32).parse::<ServiceQuery>() else { return };
                let lives = |node: &NodeId| peers.get(node).is_some_and(|peer| alive.contains(peer));
                for tried in 0..2 {
                    // Suspects come last, and are chosen only where there is nobody else.
                    let all = node.view.find(&query);
                    let trusted: Vec<_> = all.iter().filter(|i| !i.suspect).map(|i| i.node).collect();
                    let all: Vec<_> = all.iter().map(|i| i.node).collect();
                    let choice = if trusted.is_empty() { &all } else { &trusted };
                    match ctx.random().pick(choice).copied() {
                        Some(provider) if lives(&provider) => {
                            let count = if tried == 0 { &mut found.first } else { &mut found.second };
                            *count += 1;
                            return;
                        }
                        Some(provider) => node.contact_failed(provider, ctx),
                        None => {}
                    }
                }
                found.missed += 1;
            });
        }
        self.count_listed(&askers, &alive, found);
    }

    /// Random nodes look for random services that they do not list.
    pub(super) fn look_outside(&mut self, count: usize, outside: &mut Outside) {
        let now = self.engine.now();
        let askers: Vec<_> =
            self.engine.cores().filter(|(_, node)| settled(node.joined) <= now).map(|(peer, _)| peer).collect();
        for _ in 0..count {
            let Some(asker) = self.engine.random().pick(&askers).copied() else { return };
            let names = self.names().into();
            self.engine.with(asker, |node, ctx| {
                let lists = |name: u64| {
                    let query = name_of(name as u32).parse::<ServiceQuery>();
                    query.is_ok_and(|query| !node.view.find(&query).is_empty())
                };
                let drawn: Vec<u64> = (0..20).map(|_| ctx.random().below(names)).collect();
                if let Some(name) = drawn.into_iter().find(|name| !lists(*name)) {
                    node.resolve(name as u32, ctx);
                }
            });
        }
        let peers: Vec<_> = self.engine.cores().map(|(peer, _)| peer).collect();
        for peer in peers {
            let resolved = self.engine.with(peer, |node, _| node.resolver.as_mut().map(Resolver::take_resolved));
            outside.0.extend(resolved.flatten().unwrap_or_default());
        }
    }

    /// How deep views are, and how many nodes they list, on average.
    pub(super) fn breadth(&self) -> (f64, f64) {
        let (mut depth, mut listed, mut nodes) = (0.0, 0.0, 0.0);
        for (_, node) in self.engine.cores() {
            depth += f64::from(node.view.depth());
            listed += node.view.node_count() as f64;
            nodes += 1.0;
        }
        (depth / nodes, listed / nodes)
    }

    fn count_listed(&mut self, askers: &[PeerIndex], alive: &BTreeSet<PeerIndex>, found: &mut Found) {
        for asker in self.engine.random().sample(askers.iter().copied(), SAMPLE) {
            let (peers, gone, now) = (&self.peers, &self.gone, self.engine.now());
            let long_dead = |node: &NodeId| {
                let went = peers.get(node).and_then(|peer| gone.get(peer));
                went.is_some_and(|went| now.since(*went) > LONG)
            };
            self.engine.with(asker, |node, _| {
                for instance in node.view.instances() {
                    let lives = peers.get(&instance.node).is_some_and(|peer| alive.contains(peer));
                    found.live += u64::from(lives);
                    found.listed_live += u64::from(lives);
                    found.dead += u64::from(!lives);
                    found.long_dead += u64::from(long_dead(&instance.node));
                    found.suspect_dead += u64::from(!lives && instance.suspect);
                }
                found.live_in_all += alive.len() as u64 * u64::from(SERVICES);
            });
        }
    }

    /// Every tenth node withdraws a service.
    pub(super) fn withdraw_some(&mut self) -> BTreeSet<(NodeId, InstanceId)> {
        let some: Vec<_> = self.engine.cores().map(|(peer, _)| peer).filter(|peer| peer.0 % 10 == 0).collect();
        let withdraw = |peer: PeerIndex| {
            let instance = self.engine.with(peer, Node::withdraw_one).flatten()?;
            Some((key(peer).node_id(), instance))
        };
        some.into_iter().filter_map(withdraw).collect()
    }

    /// How many of these are listed anywhere.
    pub(super) fn listed(&self, gone: &BTreeSet<(NodeId, InstanceId)>) -> usize {
        let listed = |node: &Node| {
            let mut all = node.view.instances().map(|instance| (instance.node, instance.record.value().instance));
            all.any(|instance| gone.contains(&instance))
        };
        self.engine.cores().filter(|(_, node)| listed(node)).count()
    }

    /// The share of what there is that an average node lists, in per cent.
    pub(super) fn completeness(&self) -> f64 {
        let all: usize = self.engine.cores().map(|(_, node)| own(node)).sum();
        let (listed, nodes) =
            self.engine.cores().fold((0, 0), |(listed, nodes), (_, n)| (listed + n.view.len(), nodes + 1));
        100.0 * listed as f64 / (all * nodes).max(1) as f64
    }
}

/// What came of looking for what was not listed.
#[derive(Debug, Default)]
pub(super) struct Outside(Vec<Resolved>);

impl Outside {
    pub(super) fn tries(&self) -> usize {
        self.0.len()
    }

    /// In per cent.
    pub(super) fn found(&self) -> f64 {
        100.0 * self.0.iter().filter(|resolved| resolved.found).count() as f64 / self.tries().max(1) as f64
    }

    /// In milliseconds, of those that were found.
    pub(super) fn took(&self, share: f64) -> f64 {
        let found = self.0.iter().filter(|resolved| resolved.found);
        let mut took: Vec<f64> = found.map(|resolved| resolved.took.as_secs_f64() * 1_000.0).collect();
        took.sort_unstable_by(f64::total_cmp);
        quantile(&took, share)
    }
}

/// How many services a node offers now.
fn own(node: &Node) -> usize {
    let me = node.view.me();
    node.view.node(&me).map_or(0, |known| known.services)
}

/// Whether all views list the same.
pub(super) fn all_equal(engine: &Engine<Node>) -> bool {
    let mut sums = engine.cores().map(|(_, node)| (node.view.len(), node.view.summary()));
    let Some(first) = sums.next() else { return true };
    sums.all(|sum| sum == first)
}

impl Found {
    fn tries(&self) -> f64 {
        (self.first + self.second + self.missed).max(1) as f64
    }

    pub(super) fn reached(&self) -> f64 {
        100.0 * (self.first + self.second) as f64 / self.tries()
    }

    pub(super) fn at_once(&self) -> f64 {
        100.0 * self.first as f64 / self.tries()
    }

    pub(super) fn dead(&self) -> f64 {
        100.0 * self.dead as f64 / (self.live + self.dead).max(1) as f64
    }

    pub(super) fn dead_unsuspected(&self) -> f64 {
        let dead = self.dead - self.suspect_dead;
        100.0 * dead as f64 / (self.live + dead).max(1) as f64
    }

    pub(super) fn long_dead(&self) -> f64 {
        100.0 * self.long_dead as f64 / (self.live + self.dead).max(1) as f64
    }

    pub(super) fn listed(&self) -> f64 {
        100.0 * self.listed_live as f64 / self.live_in_all.max(1) as f64
    }
}
