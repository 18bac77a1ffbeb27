//! Many nodes, and what they hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    names::TopicName,
    topic::{ChainId, Seq},
};

use super::{
    MINUTE,
    node::{Interests, Node, Told},
};
use crate::{
    engine::{Clock, Engine, Network, PeerIndex},
    scenario::Setting,
};

/// How many topics there are.
const TOPICS: u32 = 50;
/// Topics that a node reads, and that it publishes on.
const READS: usize = 30;
const WRITES: usize = 8;
/// Neighbours that a node dials.
const LINKS: usize = 5;
/// Clocks are wrong by up to this many milliseconds, either way.
const SKEW: u64 = 2 * 3600 * 1000;

pub(super) struct Ocean {
    pub(super) engine: Engine<Node>,
}

/// What is counted of what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Batches,
    Bytes,
}

impl Ocean {
    pub(super) fn new(setting: Setting, network: Network) -> Self {
        let mut engine = Engine::new(setting.seed, network);
        let topics: Vec<TopicName> = (0..TOPICS).filter_map(|nth| format!("sim/t{nth}").parse().ok()).collect();
        for index in 0..setting.nodes {
            let reads = engine.random().sample(topics.clone(), READS);
            let writes = engine.random().sample(reads.clone(), WRITES);
            let skew = engine.random().below(2 * SKEW) as i64 - SKEW as i64;
            let clock = Clock { skew, ..Clock::default() };
            // Half of the neighbours on each island, so that each holds together by itself.
            let mut neighbours = Vec::new();
            for island in 0..2 {
                let there = (0..setting.nodes).filter(|peer| peer % 2 == island && *peer != index).map(PeerIndex);
                neighbours.extend(engine.random().sample(there, LINKS.div_ceil(2)));
            }
            // A ring through each island.
            neighbours.push(PeerIndex((index + 2) % setting.nodes));
            let interests = Interests { reads, writes };
            engine.spawn(clock, |me| Node::new(me, interests, neighbours));
        }
        Self { engine }
    }

    /// Nobody publishes any more.
    pub(super) fn quiet(&mut self) {
        // Those that are down come back first.
        self.engine.run_for(10 * MINUTE);
        let peers: Vec<_> = self.engine.cores().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.engine.with(peer, |node, _| node.publishes = false);
        }
    }
}

/// Ends a node without a word and starts it again at once, with what is on its disk.
pub(super) fn crash(engine: &mut Engine<Node>, victim: PeerIndex, _: bool) {
    engine.crash(victim);
    engine.run_for(Duration::from_secs(30));
    engine.restart(victim, |disk| Node::restored(victim, disk));
}

/// Batches that somebody who wants them has not, but somebody else who wants them has; for each that has not.
pub(super) fn missing(engine: &Engine<Node>, counted: Counted) -> u64 {
    let mut there: BTreeMap<&TopicName, BTreeMap<&(ChainId, Seq), usize>> = BTreeMap::new();
    for (_, node) in engine.cores() {
        for (key, bytes) in node.store.iter() {
            there.entry(&key.0.topic).or_default().insert(key, bytes);
        }
    }
    let mut sum = 0;
    for (_, node) in engine.cores() {
        let wanted = node.shelf.topics().filter_map(|topic| there.get(topic)).flatten();
        let lacked = wanted.filter(|(key, _)| !node.store.contains(key));
        sum += lacked.map(|(_, bytes)| if counted == Counted::Bytes { *bytes as u64 } else { 1 }).sum::<u64>();
    }
    sum
}

/// How many logs there are, by topic, author and epoch, and how many of them are not the same everywhere.
pub(super) fn logs(engine: &Engine<Node>) -> (usize, usize) {
    let mut tails = BTreeMap::new();
    let mut readers: BTreeMap<&TopicName, usize> = BTreeMap::new();
    for (_, node) in engine.cores() {
        for topic in node.shelf.topics() {
            *readers.entry(topic).or_default() += 1;
            for log in node.shelf.logs(topic) {
                for (epoch, chain) in log.chains() {
                    let tail = (chain.first(), chain.last(), chain.tail().hash());
                    let all: &mut Vec<_> = tails.entry((topic, log.author(), epoch)).or_default();
                    all.push(tail);
                }
            }
        }
    }
    let same = |(topic, ..): &(&TopicName, _, _), all: &[_]| {
        all.len() == readers.get(topic).copied().unwrap_or_default() && all.iter().collect::<BTreeSet<_>>().len() == 1
    };
    let differing = tails.iter().filter(|(log, all)| !same(log, all)).count();
    (tails.len(), differing)
}

/// What all readers were told.
pub(super) fn told(engine: &Engine<Node>) -> Told {
    engine.cores().fold(Told::default(), |sum, (_, node)| Told {
        entries: sum.entries + node.told.entries,
        gaps: sum.gaps + node.told.gaps,
        disorder: sum.disorder + node.told.disorder,
        faults: sum.faults + node.told.faults,
    })
}
