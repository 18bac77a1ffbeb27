//! What is to be done now and then: comparing with others, holes, retention, keepers, and letting go of what nobody wants.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{ChainId, log::Stretch, sync::Scope},
};
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Inner, sync::Ask};
use crate::net::TopicEvent;

#[cfg(test)]
mod tests;

/// How often what is short-lived is looked after.
const TICK: Duration = Duration::from_secs(1);
/// How often a neighbour is compared with, about.
const COMPARE: Duration = Duration::from_secs(30);
/// How often keepers are reviewed.
const REVIEW: Duration = Duration::from_secs(10);
/// How often one peer is asked back, at most.
const BACK: Duration = Duration::from_secs(5);
/// Neighbours that are compared with after something was learnt.
const SPREAD: usize = 3;
/// How long what nobody wants any more is held.
const GRACE: Duration = Duration::from_secs(600);
/// So many peers that do not have something are believed that it is gone.
const FILLERS: usize = 4;
/// So long others are waited for who may have what those that can be reached do not have: by whoever wants all of a log, and by whoever
/// wants only news, whom that keeps waiting.
const HOLE: Duration = Duration::from_secs(60);
const NEWS_HOLE: Duration = Duration::from_secs(10);
/// How often others are asked again for what was given up: somebody may have it who was away.
const GIVEN_UP: Duration = Duration::from_secs(3600);
/// So long a peer is not asked again that was asked in vain.
const AGAIN: Duration = Duration::from_secs(5);

/// What is remembered between rounds.
#[derive(Debug, Default)]
pub(super) struct Upkeep(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked_back: HashMap<NodeId, Instant>,
    /// Neighbours to compare with at the next tick.
    soon: HashSet<NodeId>,
    holes: BTreeMap<ChainId, Hole>,
    /// Gossip that was dropped when that was last looked at.
    dropped: u64,
    /// When what was given up was last asked for again.
    asked_again: Option<Instant>,
    /// Since when nobody has wanted a topic.
    unwanted: HashMap<TopicName, Instant>,
}

/// What was missing at a peer that had what follows.
#[derive(Debug)]
struct Hole {
    /// Since when nobody has sent anything of the log.
    since: Instant,
    /// Peers that have said that they do not have it, and what of it.
    lacking: HashMap<NodeId, Vec<Stretch>>,
    /// Peers that were asked and have said nothing about it, and when.
    in_vain: HashMap<NodeId, Instant>,
    waiting_for: Option<Waiting>,
}

/// Who is to be asked for a hole, and whether that has begun: the peer may still be answering another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    peer: NodeId,
    begun: bool,
}

impl Hole {
    fn new() -> Self {
        Self { since: Instant::now(), lacking: HashMap::new(), in_vain: HashMap::new(), waiting_for: None }
    }

    /// What is given up of what is missing, where nobody is left to be asked now. Its author must know what it has not; others may only be
    /// cut off from those who have it, or have been busy, and are waited for a while.
    fn given_up(&self, missing: &[Stretch], author: &NodeId, scope: Scope) -> Vec<Stretch> {
        let patience = if scope == Scope::Everything { HOLE } else { NEWS_HOLE };
        if self.is_lacked_by_many(missing) || self.since.elapsed() >= patience {
            return missing.to_vec();
        }
        let lost = self.lacking.get(author).map(Vec::as_slice).unwrap_or_default();
        missing.iter().flat_map(|hole| lost.iter().filter_map(|lost| hole.overlap(*lost))).collect()
    }

    /// Whether a peer has said that it has nothing of what is missing.
    fn lacks(&self, peer: &NodeId, missing: &[Stretch]) -> bool {
        let lost = self.lacking.get(peer).map(Vec::as_slice).unwrap_or_default();
        missing.iter().all(|hole| lost.iter().any(|lost| lost.overlap(*hole) == Some(*hole)))
    }

    fn is_lacked_by_many(&self, missing: &[Stretch]) -> bool {
        self.lacking.keys().filter(|peer| self.lacks(peer, missing)).count() >= FILLERS
    }

    /// Whether a peer has said that it has nothing of what is missing, or was asked just now.
    fn was_asked(&self, peer: &NodeId, missing: &[Stretch]) -> bool {
        self.lacks(peer, missing) || self.in_vain.get(peer).is_some_and(|asked| asked.elapsed() < AGAIN)
    }

    /// A peer will say no more about it.
    fn asked_in_vain(&mut self, peer: NodeId) {
        self.in_vain.insert(peer, Instant::now());
        self.waiting_for = None;
    }
}

impl State {
    /// A peer is gone: what was to be asked of it will not be.
    fn lost(&mut self, peer: &NodeId) {
        self.asked_back.remove(peer);
        let waiting = |hole: &&mut Hole| hole.waiting_for.is_some_and(|waiting| waiting.peer == *peer);
        self.holes.values_mut().filter(waiting).for_each(|hole| hole.asked_in_vain(*peer));
    }
}

/// Looks after the topics for as long as the node lives.
pub(super) async fn run(inner: Arc<Inner>, mut events: mpsc::Receiver<TopicEvent>) {
    let (mut tick, mut compare, mut review) = (Instant::now() + TICK, Instant::now() + COMPARE, Instant::now());
    loop {
        let acks = inner.clock.instant(inner.acks.due());
        tokio::select! {
            // What is due by time comes first: it is seldom, and what is heard may not end for long on a busy node.
            biased;
            () = sleep_until(acks) => inner.acks.wake(inner.clock.now()),
            () = sleep_until(tick) => {
                tick = Instant::now() + TICK;
                inner.tick();
            }
            () = sleep_until(compare) => {
                compare = Instant::now() + COMPARE / 2 + COMPARE.mul_f64(rand::random());
                inner.compare();
            }
            () = sleep_until(review) => {
                review = Instant::now() + REVIEW;
                inner.tell_keepers();
                inner.tidy();
                let inner = Arc::clone(&inner);
                let tasks = inner.tasks.clone();
                tasks.spawn(async move { inner.review_kept().await });
            }
            () = inner.keeping.due.notified() => inner.give_receipts(),
            () = inner.keeping.written.notified() => inner.tell_of_written(),
            event = events.recv() => match event {
                Some(event) => happened(&inner, event).await,
                None => return,
            },
        }
    }
}

async fn happened(inner: &Arc<Inner>, event: TopicEvent) {
    match event {
        TopicEvent::Gossip { message, source, data } => {
            let verdict = inner.heard(&source, &data);
            inner.net.verdict(message, source, verdict).await;
        }
        TopicEvent::Ready { peer } => {
            inner.ask_everything(peer);
            // Of its own log it is the one to know.
            inner.logs.lock().want_again(|log| log.author() == peer);
            inner.look_after_holes(inner.me, &BTreeSet::new());
            inner.tell_keepers();
            inner.give_receipts();
        }
        TopicEvent::Lost { peer } => {
            inner.asks.forget(&peer);
            inner.upkeep.0.lock().lost(&peer);
        }
    }
}

impl Inner {
    /// A peer was seen to hold something else: it is asked for that, but not all the time.
    pub(super) fn ask_back(self: &Arc<Self>, peer: NodeId) {
        let now = Instant::now();
        {
            let mut state = self.upkeep.0.lock();
            if state.asked_back.get(&peer).is_some_and(|last| now.duration_since(*last) < BACK) {
                state.soon.insert(peer);
                return;
            }
            state.asked_back.insert(peer, now);
        }
        self.ask(peer, Ask::all());
    }

    /// Something was learnt from a peer: neighbours see the difference, and ask back.
    pub(super) fn learnt(&self, from: NodeId) {
        let others = self.net.connections.peers().into_iter().filter(|peer| *peer != from);
        self.upkeep.0.lock().soon.extend(others.take(SPREAD));
    }

    /// A peer was asked in vain. If that was not its fault it is asked once more in a moment, and else when others are.
    pub(super) fn try_again(&self, peer: NodeId, at_fault: bool) {
        if !at_fault {
            self.upkeep.0.lock().soon.insert(peer);
        }
    }

    fn tick(self: &Arc<Self>) {
        let soon = std::mem::take(&mut self.upkeep.0.lock().soon);
        for peer in soon {
            if self.net.connections.best(&peer).is_some() {
                self.ask(peer, Ask::all());
            }
        }
        self.make_up_for_dropped();
        self.lose_damaged();
        self.look_after_holes(self.me, &BTreeSet::new());
        self.give_receipts();
        self.save_sessions();
        let inner = Arc::clone(self);
        self.tasks.spawn_blocking(move || inner.retain());
    }

    /// Compares with a random neighbour.
    fn compare(self: &Arc<Self>) {
        // Clocks go on, and room is made: what was refused may be taken now.
        self.logs.lock().shelf.resume_all();
        self.ask_again();
        self.find_holes();
        let peers = self.net.connections.peers();
        if peers.is_empty() {
            return;
        }
        let nth = rand::random_range(0..peers.len());
        peers.get(nth).into_iter().for_each(|peer| self.ask_everything(*peer));
    }

    /// What was given up is wanted again now and then.
    fn ask_again(&self) {
        let due = {
            let mut state = self.upkeep.0.lock();
            let last = *state.asked_again.get_or_insert_with(Instant::now);
            let due = last.elapsed() >= GIVEN_UP;
            state.asked_again = if due { None } else { state.asked_again };
            due
        };
        if due {
            self.logs.lock().want_again(|_| true);
        }
    }

    /// About all topics, and which ones there are that are wanted.
    fn ask_everything(self: &Arc<Self>, peer: NodeId) {
        let wild = self.interests.lock().wild();
        if !wild.is_empty() {
            self.ask(peer, Ask::patterns(wild));
        }
        self.ask(peer, Ask::all());
    }

    /// Where gossip had to be dropped, neighbours are asked for what it said.
    fn make_up_for_dropped(self: &Arc<Self>) {
        let dropped = self.net.counters.dropped_topics.count();
        if std::mem::replace(&mut self.upkeep.0.lock().dropped, dropped) < dropped {
            self.net.connections.peers().into_iter().take(SPREAD).for_each(|peer| self.ask_everything(peer));
        }
    }

    /// A peer is being asked about the whole of these topics from now on.
    pub(super) fn asking(&self, peer: NodeId, topics: &BTreeSet<TopicName>) {
        let mut state = self.upkeep.0.lock();
        for (_, hole) in state.holes.iter_mut().filter(|(chain, _)| topics.contains(&chain.topic)) {
            if let Some(waiting) = hole.waiting_for.as_mut().filter(|waiting| waiting.peer == peer) {
                waiting.begun = true;
            }
        }
    }

    /// After a peer was asked about the whole of these topics: others are asked for what it did not have; what nobody has is given up.
    pub(super) fn look_after_holes(self: &Arc<Self>, peer: NodeId, asked: &BTreeSet<TopicName>) {
        let new = std::mem::take(&mut self.logs.lock().holes);
        // Logs of which more is wanted than before, or some was given up, are to be written.
        let mut changed = !new.is_empty();
        let mut state = self.upkeep.0.lock();
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
    pub(super) fn find_holes(self: &Arc<Self>) {
        let incomplete: Vec<ChainId> = {
            let logs = self.logs.lock();
            let topics = logs.shelf.topics().filter(|topic| !matches!(logs.shelf.scope(topic), Scope::Only(_)));
            let all = topics.flat_map(|topic| logs.shelf.logs(topic).map(move |log| (topic, log)));
            let chains = all.filter(|(_, log)| log.forked().is_none()).flat_map(|(topic, log)| {
                let incomplete = log.chains().filter(|(_, chain)| !chain.missing(chain.last()).is_empty());
                incomplete.map(move |(epoch, _)| super::disk::chain_id(topic, log.author(), epoch))
            });
            chains.collect()
        };
        {
            let mut state = self.upkeep.0.lock();
            for chain in incomplete {
                state.holes.entry(chain).or_insert_with(Hole::new);
            }
        }
        self.look_after_holes(self.me, &BTreeSet::new());
    }

    /// Asks for what lies before what logs began with, where that was news.
    pub(super) fn fill_back(self: &Arc<Self>, peer: NodeId) {
        let chains = std::mem::take(&mut self.logs.lock().backfill);
        if chains.is_empty() {
            return;
        }
        let topics = chains.iter().map(|chain| chain.topic.clone()).collect();
        {
            // Others are asked for what this one turns out not to have, or if it goes.
            let mut state = self.upkeep.0.lock();
            for chain in chains {
                let hole = state.holes.entry(chain).or_insert_with(Hole::new);
                hole.waiting_for.get_or_insert(Waiting { peer, begun: false });
            }
        }
        self.ask(peer, Ask::history(topics));
    }

    /// What was found to be damaged on the disk is missing from now on. False if there is none.
    pub(super) fn lose_damaged(&self) -> bool {
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

    /// Lets go of topics that nobody here has wanted for a while.
    fn tidy(self: &Arc<Self>) {
        let topics: Vec<(TopicName, Scope, bool)> = {
            let logs = self.logs.lock();
            let topics = logs.shelf.topics();
            let own = |topic: &TopicName| logs.log(topic, &self.me).is_some_and(|log| log.head().is_some());
            topics.map(|topic| (topic.clone(), logs.shelf.scope(topic), own(topic))).collect()
        };
        for (topic, scope, own) in topics {
            let wanted = self.keeping.is_kept(&topic) || self.interests.lock().wants(&topic).is_some();
            let only = matches!(scope, Scope::Only(_));
            if wanted || (only && own) {
                self.upkeep.0.lock().unwanted.remove(&topic);
                continue;
            }
            let since = *self.upkeep.0.lock().unwanted.entry(topic.clone()).or_insert_with(Instant::now);
            if since.elapsed() < GRACE {
                continue;
            }
            self.upkeep.0.lock().unwanted.remove(&topic);
            match own {
                true => self.narrow(&topic),
                false => self.forget(&topic),
            }
        }
    }

    /// Only this node's own log of a topic is of interest any more.
    fn narrow(self: &Arc<Self>, topic: &TopicName) {
        self.logs.lock().set_scope(topic, Scope::Only(self.me));
        self.bell.ring();
        self.cease(topic);
    }
}
