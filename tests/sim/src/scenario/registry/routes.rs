//! Routes: how well they are estimated, what that costs, and how long what is dead is part of one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{identity::NodeId, limits};
use atoll_registry::routes::{PATIENCE, Paths, TTL};

use super::{
    KIB, SECOND, adjacent,
    island::Island,
    node::{Node, key},
};
use crate::{
    engine::{Direction, Engine, Network, PeerIndex, Traffic},
    scenario::{Report, Scenario, Setting, Target, report::quantile},
};

/// Estimates, and their end.
pub const ROUTES: Scenario = Scenario {
    name: "routes",
    about: "estimated round trips against the true ones, what looking costs, and 10 % of nodes crashed",
    nodes: 1_000,
    run: routes,
};

/// How long nothing but the background is measured.
const BACKGROUND: Duration = Duration::from_secs(240);
/// Who looks.
const VIEWERS: usize = 20;
/// How long after the end of a node its neighbours notice, at the latest: see [`Network::detection`].
const NOTICED: Duration = Duration::from_secs(15);
/// How long after that the directory drops it, where three neighbours say so.
const DROPPED: Duration = Duration::from_secs(20);

fn routes(setting: Setting) -> Report {
    let mut island = Island::settled(setting, Network::default());
    let before = island.engine.traffic();
    island.engine.run_for(BACKGROUND);
    let background = rate(&island.engine.traffic().since(&before), setting.nodes, BACKGROUND);

    let viewers: Vec<PeerIndex> = some(&mut island.engine, VIEWERS);
    let mut estimates = Estimates::default();
    let mut cost = 0.0;
    for viewer in &viewers {
        let before = island.engine.traffic();
        look(&mut island.engine, *viewer, 2);
        let spent = rate(&island.engine.traffic().since(&before), setting.nodes, PATIENCE) - background;
        cost += spent * f64::from(setting.nodes) * PATIENCE.as_secs_f64() / viewers.len() as f64;
        estimates.compare(&island.engine, *viewer);
    }

    // Everybody who has just looked knows much that is about to end.
    let count = setting.nodes as usize / 10;
    let dead: BTreeSet<PeerIndex> = some(&mut island.engine, count).into_iter().collect();
    viewers.iter().filter(|viewer| !dead.contains(viewer)).for_each(|viewer| look(&mut island.engine, *viewer, 2));
    for peer in &dead {
        island.engine.crash(*peer);
    }
    let at_once = stale(&island.engine, &viewers, &dead);
    island.engine.run_for(NOTICED + SECOND);
    let noticed = stale(&island.engine, &viewers, &dead);
    island.engine.run_for(DROPPED);
    let dropped = stale(&island.engine, &viewers, &dead);
    island.engine.run_for(TTL - DROPPED);
    let expired = stale(&island.engine, &viewers, &dead);

    Report::of(&island.engine)
        .with("in the background, heard by a node", background / KIB, "KiB/s", Target::AtMost(0.3))
        .with("one look, all that it causes", cost / KIB, "KiB", Target::AtMost(4_096.0))
        // What lies farther than anybody looks has none.
        .with("pairs with an estimate after a look", estimates.known(), "%", Target::AtLeast(30.0))
        .with("estimate over truth, median", estimates.excess(0.5), "", Target::AtMost(1.25))
        .with("estimate over truth, 95 %", estimates.excess(0.95), "", Target::AtMost(2.0))
        .with("estimate over truth, 5 %", estimates.excess(0.05), "", Target::AtLeast(0.95))
        .with("routes over the dead, at once", at_once, "%", Target::None)
        .with("the same, once neighbours noticed", noticed, "%", Target::None)
        .with("the same, once the directory dropped them", dropped, "%", Target::AtMost(1.0))
        .with("the same, after a summary's life", expired, "%", Target::AtMost(0.0))
}

fn some(engine: &mut Engine<Node>, count: usize) -> Vec<PeerIndex> {
    // The first ones are everybody's bootstraps, with other links than most.
    let all: Vec<PeerIndex> = engine.cores().map(|(peer, _)| peer).filter(|peer| peer.0 >= 3).collect();
    engine.random().sample(all, count)
}

/// Bytes a second of an average node, for the survey alone.
fn rate(traffic: &Traffic, nodes: u32, over: Duration) -> f64 {
    let classes = [adjacent::QUESTION, adjacent::ANSWER];
    let bytes: u64 = classes.iter().map(|class| traffic.of_class(Direction::Received, class).bytes).sum();
    bytes as f64 / f64::from(nodes) / over.as_secs_f64()
}

/// Looks, and waits as long as one who looks does.
fn look(engine: &mut Engine<Node>, viewer: PeerIndex, hops: u8) {
    engine.with(viewer, |node, ctx| node.look(hops.min(limits::ADJACENCY_HOPS), ctx));
    engine.run_for(PATIENCE);
}

/// How far estimates are from the truth.
#[derive(Debug, Default)]
struct Estimates {
    ratios: Vec<f64>,
    unknown: usize,
}

impl Estimates {
    /// Compares all ways of a node to those without a link to it.
    fn compare(&mut self, engine: &Engine<Node>, from: PeerIndex) {
        let truth = truth(engine, from);
        let (Some(node), Some(now)) = (engine.core(from), engine.local(from)) else { return };
        let paths = node.with_links(now, Paths::from);
        let linked: BTreeSet<PeerIndex> = engine.links(from).collect();
        for (to, cost) in truth.into_iter().filter(|(to, _)| *to != from && !linked.contains(to)) {
            match paths.to(&key(to).node_id()) {
                Some(path) => self.ratios.push(path.metric.as_micros() as f64 / cost as f64),
                None => self.unknown += 1,
            }
        }
        self.ratios.sort_unstable_by(f64::total_cmp);
    }

    fn known(&self) -> f64 {
        100.0 * self.ratios.len() as f64 / (self.ratios.len() + self.unknown).max(1) as f64
    }

    fn excess(&self, share: f64) -> f64 {
        quantile(&self.ratios, share)
    }
}

/// The cheapest ways over all links that there are (E. Dijkstra, 1959), in microseconds there and back.
fn truth(engine: &Engine<Node>, from: PeerIndex) -> BTreeMap<PeerIndex, u64> {
    let mut cost = BTreeMap::new();
    let mut open = BTreeSet::from([(0_u64, from)]);
    while let Some((so_far, at)) = open.pop_first() {
        if cost.contains_key(&at) {
            continue;
        }
        cost.insert(at, so_far);
        for to in engine.links(at) {
            let link = engine.one_way(at, to).map_or(0, |one_way| 2 * one_way.as_micros() as u64);
            open.insert((so_far + link, to));
        }
    }
    cost
}

/// The share of ways that lead to or over somebody who is dead.
fn stale(engine: &Engine<Node>, viewers: &[PeerIndex], dead: &BTreeSet<PeerIndex>) -> f64 {
    let dead: BTreeSet<NodeId> = dead.iter().map(|peer| key(*peer).node_id()).collect();
    let (mut all, mut stale) = (0_usize, 0);
    for viewer in viewers {
        let (Some(node), Some(now)) = (engine.core(*viewer), engine.local(*viewer)) else { continue };
        let paths = node.with_links(now, Paths::from);
        for path in (0..engine.spawned() as u32).filter_map(|to| paths.to(&key(PeerIndex(to)).node_id())) {
            all += 1;
            stale += usize::from(path.nodes.iter().any(|node| dead.contains(node)));
        }
    }
    100.0 * stale as f64 / all.max(1) as f64
}
