//! What is to be done now and then: comparing with others, holes, retention, keepers, and letting go of what nobody wants.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{identity::NodeId, names::TopicName, topic::sync::Scope};
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Inner, sync::Ask};
use crate::net::TopicEvent;

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
/// What is remembered between rounds.
#[derive(Debug, Default)]
pub(super) struct Upkeep(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked_back: HashMap<NodeId, Instant>,
    /// Neighbours to compare with at the next tick.
    soon: HashSet<NodeId>,
    /// Gossip that was dropped when that was last looked at.
    dropped: u64,
    /// Since when nobody has wanted a topic.
    unwanted: HashMap<TopicName, Instant>,
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
            inner.upkeep.0.lock().asked_back.remove(&peer);
            inner.holes.lost(&peer);
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
