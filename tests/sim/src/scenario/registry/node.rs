//! One node: the registry's machines, driven as the node program drives them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    adjacency::Adjacency,
    directory::SyncRequest,
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName},
    sealed::{Hash, Verified},
    service::{Endpoint, EndpointKind, Extensions, Protocol, Schema, Seq, ServiceRecord, UnixMillis},
};
use atoll_registry::{
    exchange::{self, Effect, Exchange, Moment},
    routes::Link,
    services::{Directory, DirectoryLimits, Holding},
};

use super::{
    adjacent::{self, Surveyor},
    resolver::Resolver,
    wire::{self, IDENTIFY, Message, Said},
};
use crate::{
    engine::{Context, Core, Delivery, PeerIndex, Time},
    overlay::{
        gossip::{self, Gossip, Verdict},
        membership::{Degrees, Membership},
    },
};

/// Neighbours that are told personally of a departure.
const GOODBYES: usize = 8;
/// How often a neighbour that was lost is tried again: how islands find each other.
const RETRY: Duration = Duration::from_secs(30);
/// Lost neighbours that are remembered.
const LOST: usize = 16;

pub(super) type Ctx<'a> = Context<'a, Message>;

pub(super) struct Node {
    pub(super) view: Directory,
    pub(super) joined: Time,
    pub(super) routes: Surveyor,
    exchange: Exchange,
    overlay: Membership,
    gossip: Gossip<Arc<Said>>,
    /// The names that this node offers, by number.
    offers: Vec<u32>,
    /// Neighbours that have said who they are.
    peers: BTreeMap<NodeId, PeerIndex>,
    /// What was asked and is not answered yet.
    asked: BTreeMap<PeerIndex, Arc<SyncRequest>>,
    lost: Vec<PeerIndex>,
    retry: Time,
    /// None where everybody's view has room for everything, and nobody asks it.
    pub(super) resolver: Option<Resolver>,
}

/// What nodes are like.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kind {
    pub(super) limits: DirectoryLimits,
    pub(super) dht: bool,
}

pub(super) fn key(peer: PeerIndex) -> SecretKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(peer.0.to_le_bytes()).for_each(|(to, from)| *to = from);
    SecretKey::from_seed(&seed)
}

/// The mesh as nodes set it up: for many small messages four copies of each instead of six, and fewer offers of what most
/// have.
fn carrier() -> gossip::Settings {
    gossip::Settings {
        mesh: 4,
        mesh_low: 3,
        mesh_high: 6,
        lazy: 2,
        lazy_share: 0.1,
        gossiped: 2,
        heartbeat: Duration::from_millis(700),
        ..gossip::Settings::default()
    }
}

impl Node {
    pub(super) fn new(kind: Kind, me: PeerIndex, bootstraps: Vec<PeerIndex>, offers: Vec<u32>, joined: Time) -> Self {
        let key = key(me);
        let routes = Surveyor::new(key.node_id());
        let at = Moment { now: atoll_registry::time::Time::default(), wall: UnixMillis(0), random: u64::from(me.0) };
        Self {
            view: Directory::new(key.node_id(), kind.limits),
            joined,
            routes,
            exchange: Exchange::new(key, NetworkName::main(), Seq(0), at),
            overlay: Membership::new(Degrees::default(), bootstraps),
            gossip: Gossip::new(carrier()),
            offers,
            peers: BTreeMap::new(),
            asked: BTreeMap::new(),
            lost: Vec::new(),
            retry: Time::NEVER,
            resolver: kind.dht.then(|| Resolver::new(me)),
        }
    }

    /// Neighbours that have said who they are.
    pub(super) fn peers(&self) -> &BTreeMap<NodeId, PeerIndex> {
        &self.peers
    }

    /// What it says of its links.
    pub(super) fn own_adjacency(&mut self, links: &[Link], at: Moment) -> Option<Verified<Adjacency>> {
        self.routes.own(&mut self.exchange, links, at)
    }

    pub(super) fn offers(&self) -> &[u32] {
        &self.offers
    }

    /// Withdraws the first of its services.
    pub(super) fn withdraw_one(&mut self, ctx: &mut Ctx<'_>) -> Option<InstanceId> {
        let instance = self.exchange.services().next()?.instance;
        self.tell(ctx, |exchange, view, at| exchange.withdraw(view, [instance], at).is_ok()).then_some(instance)
    }

    /// A call to this node failed.
    pub(super) fn contact_failed(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        self.tell(ctx, |exchange, view, at| exchange.contact_failed(view, node, at));
    }

    /// Looks for a service that this node does not list.
    pub(super) fn resolve(&mut self, name: u32, ctx: &mut Ctx<'_>) {
        if let Some(resolver) = &mut self.resolver {
            resolver.begin(name, ctx);
        }
    }

    /// A provider has described itself.
    fn described(&mut self, from: PeerIndex, holdings: &[Holding], ctx: &mut Ctx<'_>) {
        let batches: Vec<_> = holdings.iter().map(wire::batch).collect();
        if let Some(source) = batches.first().map(|batch| batch.lease.author()) {
            self.tell(ctx, |exchange, view, at| exchange.learned(view, source, batches, at));
        }
        if let Some(resolver) = &mut self.resolver {
            resolver.described(from, &self.view, ctx);
        }
    }

    /// Tells the exchange something, and does what it wants done.
    fn tell<T>(&mut self, ctx: &mut Ctx<'_>, tell: impl FnOnce(&mut Exchange, &mut Directory, Moment) -> T) -> T {
        let at = moment(ctx);
        let told = tell(&mut self.exchange, &mut self.view, at);
        self.carry_out(ctx);
        told
    }

    fn carry_out(&mut self, ctx: &mut Ctx<'_>) {
        let changes = self.view.take_changes();
        self.routes.follow(&changes, &self.view);
        for effect in self.exchange.take_effects() {
            match effect {
                Effect::Publish(announcement) => {
                    if let Some((id, said, bytes)) = wire::gossip(announcement) {
                        self.gossip.publish(id, said, bytes, ctx);
                    }
                }
                Effect::Ask { peer, question } => self.ask(peer, question, ctx),
                Effect::Joined | Effect::Said(_) | Effect::Refused { .. } | Effect::Replayed { .. } => {}
            }
        }
        let ends = self.view.next_expiry().unwrap_or(atoll_registry::time::Time::NEVER);
        let due = self.exchange.due().min(ends);
        // Not before the next millisecond, or a wake for what is due now would find the same time.
        let wait = Duration::from_millis(due.since(registry_time(ctx.now())).as_millis().max(1) as u64);
        ctx.wake_at(ctx.now() + wait.min(Duration::from_secs(3600)));
    }

    fn ask(&mut self, peer: NodeId, question: SyncRequest, ctx: &mut Ctx<'_>) {
        let question = Arc::new(question);
        match self.peers.get(&peer).copied() {
            Some(to) => {
                let cost = wire::cost(&*question);
                ctx.send(to, class(&question), cost, Message::Ask(Arc::clone(&question)));
                self.asked.insert(to, question);
            }
            None => self.tell(ctx, |exchange, view, at| exchange.ended(view, peer, &question, false, at)),
        }
    }

    fn answer(&mut self, from: PeerIndex, question: Arc<SyncRequest>, ctx: &mut Ctx<'_>) {
        let now = registry_time(ctx.now());
        let nodes = match &*question {
            SyncRequest::Newer { known } => self.view.newer_than(known),
            SyncRequest::Describe { nodes } => nodes.clone(),
            SyncRequest::Compare { summary } => {
                let heads = self.view.heads(summary);
                let (cost, differs) = (wire::cost(&heads), !heads.is_equal());
                ctx.send(from, "compare.answer", cost, Message::Compared(question, Arc::new(heads)));
                if let Some(peer) = self.node_at(from).filter(|_| differs) {
                    self.tell(ctx, |exchange, view, at| exchange.was_compared(view, peer, at));
                }
                return;
            }
            // Nobody looks at a schema in a simulation.
            SyncRequest::Goodbye { .. } | SyncRequest::Adjacent { .. } | SyncRequest::Schemas { .. } => return,
        };
        let holdings: Vec<_> = nodes.iter().filter_map(|node| self.view.holding(node, now)).collect();
        let class = if matches!(*question, SyncRequest::Newer { .. }) { "snapshot.answer" } else { "describe.answer" };
        ctx.send(from, class, wire::cost_of(&holdings), Message::Answer(question, Arc::new(holdings)));
    }

    fn answered(&mut self, from: PeerIndex, question: &SyncRequest, ctx: &mut Ctx<'_>) {
        self.asked.remove(&from);
        if let Some(peer) = self.node_at(from) {
            self.tell(ctx, |exchange, view, at| exchange.ended(view, peer, question, true, at));
        }
    }

    pub(super) fn node_at(&self, peer: PeerIndex) -> Option<NodeId> {
        node_at(&self.peers, peer)
    }

    fn identified(&mut self, from: PeerIndex, node: NodeId, ctx: &mut Ctx<'_>) {
        self.peers.insert(node, from);
        self.tell(ctx, |exchange, view, at| {
            exchange.listened_to(at);
            exchange.ready(view, node, at);
        });
        self.met(node, ctx);
    }

    fn remember_lost(&mut self, peer: PeerIndex) {
        self.lost.retain(|lost| *lost != peer);
        if self.lost.len() >= LOST {
            self.lost.remove(0);
        }
        self.lost.push(peer);
    }

    fn try_lost(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.now() >= self.retry {
            self.retry = ctx.now() + ctx.random().within(&(RETRY / 2..=RETRY));
            if let Some(peer) = ctx.random().pick(&self.lost).copied() {
                ctx.connect(peer);
            }
        }
    }
}

impl Core for Node {
    type Message = Message;
    type State = ();

    fn start(&mut self, ctx: &mut Ctx<'_>) {
        self.exchange = Exchange::new(key(ctx.me()), NetworkName::main(), Seq(0), moment(ctx));
        self.overlay.start(ctx);
        self.gossip.start(ctx);
        self.retry = ctx.now() + RETRY;
        let (offers, me) = (self.offers.clone(), ctx.me());
        self.tell(ctx, |exchange, view, at| {
            let addresses = vec![
                format!("/ip4/198.51.100.{}/udp/4077/quic-v1", me.0 % 250),
                "/ip6/2001:db8::7/udp/4077/quic-v1".into(),
            ];
            // What breaks a rule is not listed, and shows in the figures.
            let _ = exchange.introduce(view, addresses, "atoll/0.1.0", at);
            for (number, name) in offers.iter().copied().enumerate() {
                let instance = u64::from(me.0) * 100 + number as u64;
                if let Some(record) = record(name, instance) {
                    let _ = exchange.register(view, record, at);
                }
            }
        });
        if let Some(resolver) = &mut self.resolver {
            resolver.start(&self.offers, ctx);
        }
    }

    fn handle(&mut self, from: PeerIndex, message: Message, ctx: &mut Ctx<'_>) {
        match message {
            Message::Overlay(message) => self.overlay.handle(from, message, ctx),
            Message::Gossip(rpc) => {
                let (exchange, view, peers) = (&mut self.exchange, &mut self.view, &self.peers);
                let mut news = false;
                self.gossip.handle(from, rpc, ctx, |said, ctx| {
                    news = true;
                    match exchange.heard(view, node_at(peers, from), said.0.clone(), moment(ctx)) {
                        exchange::Verdict::Accept => Verdict::Accept,
                        exchange::Verdict::Ignore => Verdict::Ignore,
                        exchange::Verdict::Reject => Verdict::Reject,
                    }
                });
                // Most of what comes has been heard before: then there is nothing to carry out.
                if news {
                    self.carry_out(ctx);
                }
            }
            Message::Identify(node) => self.identified(from, *node, ctx),
            Message::Ask(question) => self.answer(from, question, ctx),
            Message::Answer(question, holdings) => {
                if let Some(source) = self.node_at(from) {
                    let batches = holdings.iter().map(wire::batch).collect();
                    self.tell(ctx, |exchange, view, at| exchange.learned(view, source, batches, at));
                }
                self.answered(from, &question, ctx);
            }
            Message::Compared(question, heads) => {
                if let (Some(peer), SyncRequest::Compare { summary }) = (self.node_at(from), &*question) {
                    self.tell(ctx, |exchange, view, at| exchange.compared(view, peer, summary, &heads, at));
                }
                self.answered(from, &question, ctx);
            }
            Message::AskAdjacent(id, question) => self.asked_adjacent(from, id, &question, ctx),
            Message::Adjacent(id, held) => self.answered_adjacent(from, id, &held, ctx),
            Message::Goodbye(withdrawal) => {
                let source = withdrawal.author();
                self.tell(ctx, |exchange, view, at| exchange.goodbye(view, source, &withdrawal, at));
            }
            Message::Dht(message) => {
                if let Some(resolver) = &mut self.resolver {
                    resolver.handle(from, message, ctx);
                }
            }
            Message::Describe => {
                let me = self.view.me();
                let own: Vec<_> = self.view.holding(&me, registry_time(ctx.now())).into_iter().collect();
                let cost = wire::cost_of(&own);
                ctx.send_as(Delivery::Return, from, "describe.answer", cost, Message::Described(Arc::new(own)));
            }
            Message::Described(holdings) => self.described(from, &holdings, ctx),
        }
    }

    fn link_up(&mut self, peer: PeerIndex, ctx: &mut Ctx<'_>) {
        self.lost.retain(|lost| *lost != peer);
        self.overlay.link_up(peer, ctx);
        self.gossip.link_up(peer, ctx);
        if let Some(resolver) = &mut self.resolver {
            resolver.dht.link_up(peer);
        }
        ctx.send(peer, "identify", IDENTIFY, Message::Identify(Arc::new(self.view.me())));
    }

    fn link_down(&mut self, peer: PeerIndex, failed: bool, ctx: &mut Ctx<'_>) {
        self.overlay.link_down(peer, failed);
        self.gossip.link_down(peer);
        if let Some(resolver) = &mut self.resolver {
            resolver.dht.link_down(peer, failed);
        }
        let Some(node) = self.node_at(peer) else { return };
        self.peers.remove(&node);
        self.parted(&node, peer, ctx);
        if failed {
            self.remember_lost(peer);
        }
        if let Some(question) = self.asked.remove(&peer) {
            self.tell(ctx, |exchange, view, at| exchange.ended(view, node, &question, false, at));
        }
        self.tell(ctx, |exchange, view, at| exchange.lost(view, node, failed, at));
    }

    fn wake(&mut self, ctx: &mut Ctx<'_>) {
        self.overlay.wake(ctx);
        self.gossip.wake(ctx);
        self.try_lost(ctx);
        if let Some(resolver) = &mut self.resolver {
            resolver.wake(ctx);
        }
        self.tell(ctx, |exchange, view, at| {
            view.expire(at.now);
            exchange.wake(view, at);
        });
        self.survey_wakes(ctx);
    }

    fn stop(&mut self, ctx: &mut Ctx<'_>) {
        let at = moment(ctx);
        if let Ok(withdrawal) = self.exchange.leave(&self.view, at) {
            self.carry_out(ctx);
            let cost = wire::cost(&withdrawal.signed());
            let withdrawal = Arc::new(withdrawal);
            for peer in ctx.links().take(GOODBYES).collect::<Vec<_>>() {
                ctx.send(peer, "goodbye", cost, Message::Goodbye(Arc::clone(&withdrawal)));
            }
        }
    }

    fn persist(&self) {}
}

fn node_at(peers: &BTreeMap<NodeId, PeerIndex>, peer: PeerIndex) -> Option<NodeId> {
    peers.iter().find(|(_, at)| **at == peer).map(|(node, _)| *node)
}

fn class(question: &SyncRequest) -> &'static str {
    match question {
        SyncRequest::Newer { .. } => "snapshot.question",
        SyncRequest::Describe { .. } => "describe.question",
        SyncRequest::Compare { .. } => "compare.question",
        SyncRequest::Goodbye { .. } => "goodbye",
        SyncRequest::Adjacent { .. } => adjacent::QUESTION,
        SyncRequest::Schemas { .. } => "schemas.question",
    }
}

pub(super) fn registry_time(time: Time) -> atoll_registry::time::Time {
    atoll_registry::time::Time(time.micros() / 1_000)
}

pub(super) fn moment(ctx: &mut Ctx<'_>) -> Moment {
    Moment { now: registry_time(ctx.now()), wall: UnixMillis(ctx.wall()), random: ctx.random().number() }
}

pub(super) fn name_of(number: u32) -> String {
    format!("service-{number}.example")
}

/// A small service, as most are: one method, with its schemas by their hashes.
fn record(number: u32, instance: u64) -> Option<ServiceRecord> {
    Some(ServiceRecord {
        name: name_of(number).parse().ok()?,
        version: semver::Version::new(1, 0, u64::from(number % 7)),
        instance: InstanceId(instance),
        endpoints: vec![Endpoint {
            name: "call".parse().ok()?,
            kind: EndpointKind::Unary,
            request: Schema::Reference(Hash([1; 32])),
            response: Schema::Reference(Hash([2; 32])),
            idempotent: true,
            deadline_hint_ms: Some(1_000),
            doc: "Does what the service is for.".to_owned(),
        }],
        topics: Vec::new(),
        doc: "One of many services of this simulation.".to_owned(),
        metadata: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        protocols: vec![Protocol::Rpc],
        issued: UnixMillis::default(),
        seq: Seq::default(),
        extensions: Extensions::new(),
    })
}
