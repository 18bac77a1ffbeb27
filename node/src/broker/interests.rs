//! Which topics are wanted here: subscriptions' patterns, and how much of what they stand for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    topic::sync::Scope,
};

use super::{Inner, gossip::channel, sync::Ask};
use crate::net::Channel;

/// Neighbours that are asked when something becomes wanted.
const ASKED: usize = 8;

/// A pattern that somebody here has subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InterestId(u64);

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Interests {
    all: BTreeMap<InterestId, (TopicPattern, Scope)>,
    /// Those that stand for one topic.
    literal: HashMap<TopicName, BTreeMap<InterestId, Scope>>,
    /// Those that stand for more.
    wild: BTreeSet<InterestId>,
    next: u64,
    /// Topics that are heard of on each channel.
    channels: BTreeMap<Channel, BTreeSet<TopicName>>,
}

impl Interests {
    fn begin(&mut self, pattern: TopicPattern, scope: Scope) -> InterestId {
        let id = InterestId(self.next);
        self.next = self.next.wrapping_add(1);
        match pattern.literal() {
            Some(topic) => drop(self.literal.entry(topic).or_default().insert(id, scope)),
            None => drop(self.wild.insert(id)),
        }
        self.all.insert(id, (pattern, scope));
        id
    }

    fn end(&mut self, id: InterestId) {
        let Some((pattern, _)) = self.all.remove(&id) else { return };
        self.wild.remove(&id);
        let Some(topic) = pattern.literal() else { return };
        if let Some(of_topic) = self.literal.get_mut(&topic) {
            of_topic.remove(&id);
            if of_topic.is_empty() {
                self.literal.remove(&topic);
            }
        }
    }

    /// How much of a topic is wanted; none if nothing is.
    pub(super) fn wants(&self, topic: &TopicName) -> Option<Scope> {
        let literal = self.literal.get(topic).into_iter().flat_map(BTreeMap::values);
        let wild = self.wild.iter().filter_map(|id| self.all.get(id));
        let wild = wild.filter(|(pattern, _)| pattern.matches(topic)).map(|(_, scope)| scope);
        let mut wanted = None;
        for scope in literal.chain(wild) {
            if *scope == Scope::Everything {
                return Some(Scope::Everything);
            }
            wanted = Some(*scope);
        }
        wanted
    }

    /// The patterns that stand for more than one topic.
    pub(super) fn wild(&self) -> BTreeSet<TopicPattern> {
        self.wild.iter().filter_map(|id| self.all.get(id)).map(|(pattern, _)| pattern.clone()).collect()
    }

    /// Notes that a topic is heard of. True if its channel is to be joined.
    fn hear(&mut self, topic: &TopicName) -> bool {
        let topics = self.channels.entry(channel(topic)).or_default();
        let joins = topics.is_empty();
        topics.insert(topic.clone());
        joins
    }

    /// The opposite. True if the channel is to be left.
    fn cease(&mut self, topic: &TopicName) -> bool {
        let Some(topics) = self.channels.get_mut(&channel(topic)) else { return false };
        topics.remove(topic);
        let leaves = topics.is_empty();
        if leaves {
            self.channels.remove(&channel(topic));
        }
        leaves
    }
}

impl Inner {
    /// Somebody here wants what a pattern stands for, from now on.
    pub(super) fn begin_interest(self: &Arc<Self>, pattern: &TopicPattern, scope: Scope) -> InterestId {
        let id = self.interests.lock().begin(pattern.clone(), scope);
        if let Some(topic) = pattern.literal() {
            self.want(&topic, scope);
            self.ask_about(&topic, scope == Scope::Everything);
            return id;
        }
        let known: Vec<TopicName> = {
            let logs = self.logs.lock();
            logs.shelf.topics().filter(|topic| pattern.matches(topic)).cloned().collect()
        };
        for topic in &known {
            self.want(topic, scope);
        }
        self.listen(Channel::New, true);
        for peer in self.those_to_ask(None) {
            self.ask(peer, Ask::patterns(BTreeSet::from([pattern.clone()])));
            self.ask(peer, Ask::all());
        }
        id
    }

    pub(super) fn end_interest(self: &Arc<Self>, id: InterestId) {
        self.interests.lock().end(id);
    }

    /// A topic is wanted to this extent at least. True if that is news.
    pub(super) fn want(self: &Arc<Self>, topic: &TopicName, scope: Scope) -> bool {
        let news = {
            let mut logs = self.logs.lock();
            logs.set_own(topic, true);
            logs.want(topic, scope, self.clock.wall())
        };
        // Also of a topic that is held since before a restart.
        if !matches!(scope, Scope::Only(_)) && self.interests.lock().hear(topic) {
            self.listen(channel(topic), true);
        }
        if news {
            self.look_after_holes(self.me, &BTreeSet::new());
        }
        news
    }

    fn ask_about(self: &Arc<Self>, topic: &TopicName, history: bool) {
        for peer in self.those_to_ask(Some(topic)) {
            let ask = if history { Ask::history(BTreeSet::from([topic.clone()])) } else { Ask::about(topic.clone()) };
            self.ask(peer, ask);
        }
        let (inner, topic) = (Arc::clone(self), topic.clone());
        self.tasks.spawn(async move { inner.ask_holders(topic).await });
    }

    /// Asks those that say in the DHT that they hold a topic: beyond neighbours and keepers.
    async fn ask_holders(self: Arc<Self>, topic: TopicName) {
        let known: BTreeSet<NodeId> = self.those_to_ask(Some(&topic)).into_iter().collect();
        let found = self.net.providers(self.dht_key(&topic), crate::net::LookUp::Quick).await;
        for peer in found.into_iter().filter(|peer| !known.contains(peer)).take(ASKED) {
            self.ask(peer, Ask::about(topic.clone()));
        }
    }

    /// Keepers of a topic (or of all), and neighbours.
    pub(super) fn those_to_ask(&self, topic: Option<&TopicName>) -> Vec<NodeId> {
        let mut all = match topic {
            Some(topic) => self.keepers_of(topic),
            None => self.volunteers().iter().map(|volunteer| volunteer.node).take(ASKED).collect(),
        };
        let keepers = all.len();
        for peer in self.net.connections.peers() {
            if all.len() >= keepers + ASKED {
                break;
            }
            if !all.contains(&peer) {
                all.push(peer);
            }
        }
        all.retain(|peer| *peer != self.me);
        all
    }

    /// A topic is of no interest any more.
    pub(super) fn forget(self: &Arc<Self>, topic: &TopicName) {
        self.logs.lock().forget(topic);
        self.cease(topic);
        self.bell.ring();
    }

    /// Others' entries of a topic are of no interest any more.
    pub(super) fn cease(self: &Arc<Self>, topic: &TopicName) {
        if self.interests.lock().cease(topic) {
            self.listen(channel(topic), false);
        }
    }

    fn listen(self: &Arc<Self>, channel: Channel, on: bool) {
        let net = self.net.clone();
        self.tasks.spawn(async move { net.listen(channel, on).await });
    }
}
