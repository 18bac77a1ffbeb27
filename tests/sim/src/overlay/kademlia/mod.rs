//! A distributed hash table of who provides what, in the way of Kademlia as libp2p runs it.
//!
//! Every node serves. A question goes to a peer over a connection that is made for it ([`Delivery::Visit`]), whose
//! handshake is paid for each time: real nodes keep such connections for a minute, so they pay less. There are no values,
//! no clients, no quotas and no hostile peers.
//!
//! Sources: P. Maymounkov, D. Mazières, *Kademlia*, 2002; the specification of libp2p's `kad-dht`; rust-libp2p 0.57 where
//! they leave a choice.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use self::{query::Outcome, settings::Settings};
use self::{query::Query, store::Store, table::Table};
use crate::engine::{Context, Delivery, PeerIndex, Time};

mod query;
mod settings;
mod store;
mod table;
#[cfg(test)]
mod tests;

/// What it costs is booked under these classes.
const CLASS_QUESTION: &str = "dht.question";
const CLASS_ANSWER: &str = "dht.answer";
const CLASS_PROVIDE: &str = "dht.provide";

/// IP, UDP and QUIC headers, authentication, and the name of the protocol that a substream begins with.
const SUBSTREAM: u32 = 60 + 30;
/// A key of 32 bytes, and what the message says beside it.
const QUESTION: u32 = 40;
/// A peer with its identity and some addresses.
const PEER: u32 = 150;

/// A position: that of a node, or what is looked for. 64 bits tell a million nodes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    /// Where a node stands: evenly spread, as hashes are.
    #[must_use]
    pub fn of(peer: PeerIndex) -> Self {
        Self(spread(u64::from(peer.0)))
    }

    /// Where something with this number stands.
    #[must_use]
    pub fn named(number: u64) -> Self {
        Self(spread(number ^ 0x6b65_795f_6e61_6d65))
    }

    /// How far apart two positions are.
    #[must_use]
    pub fn distance(self, other: Self) -> u64 {
        self.0 ^ other.0
    }
}

/// The finaliser of SplitMix64 (Steele and others, 2014).
fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How much a look-up for providers is to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// Those that are named first.
    Quick,
    /// All that are to be found.
    Thorough,
}

/// What nodes say to each other.
#[derive(Debug, Clone)]
pub enum Message {
    /// Whom do you know close to this, and, if asked, who provides it?
    Find {
        /// The asker's number for it.
        query: u32,
        /// What is looked for.
        target: Key,
        /// Whether providers are wanted, too.
        providers: bool,
    },
    /// The answer to the question with this number.
    Found(u32, Arc<Found>),
    /// I provide this.
    Provide(Key),
}

/// What is known of what is looked for.
#[derive(Debug, Clone)]
pub struct Found {
    /// The closest peers known.
    pub closer: Vec<PeerIndex>,
    /// Who provides it.
    pub providers: Vec<PeerIndex>,
}

/// One node's part in the table.
#[derive(Debug)]
pub struct Kademlia {
    settings: Settings,
    me: PeerIndex,
    table: Table,
    store: Store,
    queries: BTreeMap<u32, Query>,
    next_query: u32,
    /// What this node provides, and when it says so next.
    provided: BTreeMap<Key, Time>,
    refresh: Time,
    outcomes: Vec<Outcome>,
}

impl Kademlia {
    /// A node that knows nobody.
    #[must_use]
    pub fn new(me: PeerIndex, settings: Settings) -> Self {
        Self {
            table: Table::new(Key::of(me), settings.bucket),
            store: Store::default(),
            queries: BTreeMap::new(),
            next_query: 0,
            provided: BTreeMap::new(),
            refresh: Time::NEVER,
            outcomes: Vec::new(),
            settings,
            me,
        }
    }

    /// To be passed on from the core's `start`.
    pub fn start<M: From<Message>>(&mut self, ctx: &mut Context<'_, M>) {
        self.refresh = ctx.now() + ctx.random().within(&(Duration::ZERO..=self.settings.first_refresh));
        self.rest(ctx);
    }

    /// To be passed on from the core's `link_up`: whoever is connected is known.
    pub fn link_up(&mut self, peer: PeerIndex) {
        self.table.seen(peer);
    }

    /// To be passed on from the core's `link_down`.
    pub fn link_down(&mut self, peer: PeerIndex, failed: bool) {
        if failed {
            self.table.failed(peer);
        }
    }

    /// Peers in the routing table.
    #[must_use]
    pub fn known(&self) -> usize {
        self.table.len()
    }

    /// Says from some time within `spread` on, and then again and again, that this node provides `key`.
    pub fn provide<M: From<Message>>(&mut self, key: Key, spread: Duration, ctx: &mut Context<'_, M>) {
        self.provided.insert(key, ctx.now() + ctx.random().within(&(Duration::ZERO..=spread)));
        self.rest(ctx);
    }

    /// Looks for providers, for the first that are named or thoroughly for all. [`Kademlia::take_outcomes`] has the former in the
    /// end, the latter as they are named.
    pub fn find_providers<M: From<Message>>(&mut self, key: Key, look_up: LookUp, ctx: &mut Context<'_, M>) {
        let here: Vec<_> = self.store.providers(key, ctx.now()).collect();
        self.ask(key, Some(look_up), &here, ctx);
    }

    /// Nobody waits any more for what a look-up for this key brings.
    pub fn forget(&mut self, key: Key) {
        self.queries.retain(|_, query| !query.wants_providers() || query.target() != key);
    }

    /// What has come of look-ups since the last call.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    /// To be passed on from the core's `handle`.
    pub fn handle<M: From<Message>>(&mut self, from: PeerIndex, message: Message, ctx: &mut Context<'_, M>) {
        let now = ctx.now();
        self.table.seen(from);
        match message {
            Message::Find { query, target, providers } => {
                let closer = self.table.closest(target, self.settings.replication, Some(from));
                let wanted = self.store.providers(target, now).filter(|_| providers);
                let providers: Vec<_> = wanted.take(self.settings.named).collect();
                let peers = u32::try_from(closer.len() + providers.len()).unwrap_or(u32::MAX / PEER / 2);
                let answer = Message::Found(query, Arc::new(Found { closer, providers }));
                ctx.send_as(Delivery::Return, from, CLASS_ANSWER, SUBSTREAM + QUESTION + PEER * peers, answer.into());
            }
            Message::Found(query, found) => {
                if let Some(under_way) = self.queries.get_mut(&query) {
                    under_way.answered(from, &found, self.me, now, &self.settings);
                }
                self.go_on(query, ctx);
            }
            Message::Provide(key) => self.store.keep(key, from, now + self.settings.kept),
        }
        self.rest(ctx);
    }

    /// To be passed on from the core's `wake`.
    pub fn wake<M: From<Message>>(&mut self, ctx: &mut Context<'_, M>) {
        let now = ctx.now();
        if now >= self.refresh {
            self.refresh = now + self.settings.refresh;
            self.store.forget(now);
            // One look-up for oneself finds the neighbourhood, one at random something farther away.
            let anywhere = Key(ctx.random().number());
            for target in [Key::of(self.me), anywhere] {
                self.ask(target, None, &[], ctx);
            }
        }
        let due: Vec<Key> = self.provided.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
        for key in due {
            self.provided.insert(key, now + self.settings.renewal);
            self.ask_to_provide(key, ctx);
        }
        let waiting: Vec<u32> = self.queries.iter().filter(|(_, q)| q.due() <= now).map(|(id, _)| *id).collect();
        for id in waiting {
            if let Some(query) = self.queries.get_mut(&id) {
                for silent in query.time_out(now) {
                    self.table.failed(silent);
                }
            }
            self.go_on(id, ctx);
        }
        self.rest(ctx);
    }

    fn ask<M: From<Message>>(
        &mut self,
        key: Key,
        providers: Option<LookUp>,
        here: &[PeerIndex],
        ctx: &mut Context<'_, M>,
    ) {
        let start = self.table.closest(key, self.settings.bucket, None);
        self.begin(Query::new(key, providers, &start, here, ctx.now(), &self.settings), ctx);
    }

    fn ask_to_provide<M: From<Message>>(&mut self, key: Key, ctx: &mut Context<'_, M>) {
        let start = self.table.closest(key, self.settings.bucket, None);
        self.begin(Query::new(key, None, &start, &[], ctx.now(), &self.settings).providing(), ctx);
    }

    fn begin<M: From<Message>>(&mut self, query: Query, ctx: &mut Context<'_, M>) {
        let id = self.next_query;
        self.next_query = self.next_query.wrapping_add(1);
        self.queries.insert(id, query);
        self.go_on(id, ctx);
    }

    /// Asks whom the look-up wants asked, or ends it.
    fn go_on<M: From<Message>>(&mut self, id: u32, ctx: &mut Context<'_, M>) {
        let Some(query) = self.queries.get_mut(&id) else { return };
        let now = ctx.now();
        for peer in query.next(now, &self.settings) {
            let find = Message::Find { query: id, target: query.target(), providers: query.wants_providers() };
            ctx.send_as(Delivery::Visit, peer, CLASS_QUESTION, SUBSTREAM + QUESTION, find.into());
        }
        let over = query.is_over(now, &self.settings);
        if query.wants_providers() {
            self.outcomes.extend(query.outcome(over));
        }
        if !over {
            return;
        }
        let Some(query) = self.queries.remove(&id) else { return };
        if query.is_to_provide() {
            for peer in query.closest(self.settings.replication) {
                let provide = Message::Provide(query.target());
                ctx.send_as(Delivery::Visit, peer, CLASS_PROVIDE, SUBSTREAM + QUESTION + PEER, provide.into());
            }
        }
    }

    fn rest<M: From<Message>>(&self, ctx: &mut Context<'_, M>) {
        let provided = self.provided.values().copied().min().unwrap_or(Time::NEVER);
        let queries = self.queries.values().map(Query::due).min().unwrap_or(Time::NEVER);
        ctx.wake_at(self.refresh.min(provided).min(queries));
    }
}
