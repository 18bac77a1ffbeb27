//! What is missing in logs: others are asked for it, and what nobody has is given up.
//!
//! Where two nodes know the same end of a log, sums do not show that one lacks something before it. So what a peer turned out not to have
//! is remembered here, and others are asked for just that.

mod hole;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{ChainId, log::Stretch, sync::Scope},
};
use parking_lot::Mutex;
use tokio::time::Instant;

use self::hole::{Hole, Waiting};
use super::{Inner, disk::chain_id, sync::Ask};

/// How often others are asked again for what was given up: somebody may have it who was away.
const GIVEN_UP: Duration = Duration::from_secs(3600);
/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Holes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What was missing at peers that had what follows.
    holes: BTreeMap<ChainId, Hole>,
    /// When what was given up was last asked for again.
    asked_again: Option<Instant>,
}

impl Holes {
    /// A peer is gone: what was to be asked of it will not be.
    pub(super) fn lost(&self, peer: &NodeId) {
        let waiting = |hole: &&mut Hole| hole.waiting_for.is_some_and(|waiting| waiting.peer == *peer);
        self.0.lock().holes.values_mut().filter(waiting).for_each(|hole| hole.asked_in_vain(*peer));
    }
}

impl Inner {
    /// A peer is being asked about the whole of these topics from now on.
    pub(in crate::broker) fn asking(&self, peer: NodeId, topics: &BTreeSet<TopicName>) {
        let mut state = self.holes.0.lock();
        for (_, hole) in state.holes.iter_mut().filter(|(chain, _)| topics.contains(&chain.topic)) {
            if let Some(waiting) = hole.waiting_for.as_mut().filter(|waiting| waiting.peer == peer) {
                waiting.begun = true;
            }
        }
    }

    /// After a peer was asked about the whole of these topics: others are asked for what it did not have; what nobody has is given up.
    pub(in crate::broker) fn look_after_holes(self: &Arc<Self>, peer: NodeId, asked: &BTreeSet<TopicName>) {
        let new = std::mem::take(&mut self.logs.lock().holes);
        // Logs of which more is wanted than before, or some was given up, are to be written.
        let mut changed = !new.is_empty();
        let mut state = self.holes.0.lock();
        for (chain, stretch, lacks) in new {
            let hole = state.holes.entry(chain).or_insert_with(Hole::new);
            // Whoever has just begun to want more lacks it, and is nobody to be asked.
            if lacks != self.me {
                hole.lacking.entry(lacks).or_default().push(stretch);
            }
            hole.waiting_for = hole.waiting_for.filter(|waiting| waiting.peer != lacks);
        }
        for (_, hole) in state.holes.iter_mut().filter(|(chain, _)| asked.contains(&chain.topic)) {
            if hole.waiting_for == Some(Waiting { peer, begun: true }) {
                hole.asked_in_vain(peer);
            }
        }
        let mut ask: BTreeMap<NodeId, BTreeSet<TopicName>> = BTreeMap::new();
        state.holes.retain(|chain, hole| {
            if hole.waiting_for.is_some() {
                return true;
            }
            let missing = self.missing(chain);
            if missing.is_empty() {
                return false;
            }
            if let Some(peer) = self.filler(chain, hole, &missing) {
                hole.waiting_for = Some(Waiting { peer, begun: false });
                ask.entry(peer).or_default().insert(chain.topic.clone());
                return true;
            }
            let mut logs = self.logs.lock();
            if logs.claims.is_claimed(chain) {
                // Somebody is sending it.
                hole.since = Instant::now();
                return true;
            }
            let lost = hole.given_up(&missing, &chain.author, logs.shelf.scope(&chain.topic));
            lost.iter().for_each(|lost| logs.give_up(chain, *lost));
            changed |= !lost.is_empty();
            lost != missing
        });
        drop(state);
        ask.into_iter().for_each(|(peer, topics)| self.ask(peer, Ask::history(topics)));
        if changed {
            self.bell.ring();
        }
    }

    /// What is missing in logs was perhaps being asked for when the node was restarted, or of peers that are gone: it is asked for again.
    /// Where only ends are compared nobody would notice.
    pub(in crate::broker) fn find_holes(self: &Arc<Self>) {
        let incomplete: Vec<ChainId> = {
            let logs = self.logs.lock();
            let topics = logs.shelf.topics().filter(|topic| !matches!(logs.shelf.scope(topic), Scope::Only(_)));
            let all = topics.flat_map(|topic| logs.shelf.logs(topic).map(move |log| (topic, log)));
            let chains = all.filter(|(_, log)| log.forked().is_none()).flat_map(|(topic, log)| {
                let incomplete = log.chains().filter(|(_, chain)| !chain.missing(chain.last()).is_empty());
                incomplete.map(move |(epoch, _)| chain_id(topic, log.author(), epoch))
            });
            chains.collect()
        };
        {
            let mut state = self.holes.0.lock();
            for chain in incomplete {
                state.holes.entry(chain).or_insert_with(Hole::new);
            }
        }
        self.look_after_holes(self.me, &BTreeSet::new());
    }

    /// Asks for what lies before what logs began with, where that was news.
    pub(in crate::broker) fn fill_back(self: &Arc<Self>, peer: NodeId) {
        let chains = std::mem::take(&mut self.logs.lock().backfill);
        if chains.is_empty() {
            return;
        }
        let topics = chains.iter().map(|chain| chain.topic.clone()).collect();
        {
            // Others are asked for what this one turns out not to have, or if it goes.
            let mut state = self.holes.0.lock();
            for chain in chains {
                let hole = state.holes.entry(chain).or_insert_with(Hole::new);
                hole.waiting_for.get_or_insert(Waiting { peer, begun: false });
            }
        }
        self.ask(peer, Ask::history(topics));
    }

    /// What was found to be damaged on the disk is missing from now on. False if there is none.
    pub(in crate::broker) fn lose_damaged(&self) -> bool {
        let damage = self.disk.damage();
        let any = !damage.is_empty();
        if any {
            let mut logs = self.logs.lock();
            damage.into_iter().for_each(|damage| logs.lose(damage));
        }
        any
    }

    fn missing(&self, chain: &ChainId) -> Vec<Stretch> {
        let logs = self.logs.lock();
        let known = logs.log(&chain.topic, &chain.author).and_then(|log| log.chain(chain.epoch));
        known.map(|known| known.missing(known.last())).unwrap_or_default()
    }

    /// Who is asked next for what others did not have.
    fn filler(&self, chain: &ChainId, hole: &Hole, missing: &[Stretch]) -> Option<NodeId> {
        if hole.is_lacked_by_many(missing) {
            return None;
        }
        let author = self.net.connections.best(&chain.author).is_some().then_some(chain.author);
        let others = self.those_to_ask(Some(&chain.topic));
        author.into_iter().chain(others).find(|peer| *peer != self.me && !hole.was_asked(peer, missing))
    }

    /// What was given up is wanted again now and then.
    pub(in crate::broker) fn ask_again(&self) {
        let due = {
            let mut state = self.holes.0.lock();
            let last = *state.asked_again.get_or_insert_with(Instant::now);
            let due = last.elapsed() >= GIVEN_UP;
            state.asked_again = if due { None } else { state.asked_again };
            due
        };
        if due {
            self.logs.lock().want_again(|_| true);
        }
    }
}
