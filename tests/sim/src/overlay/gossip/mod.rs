//! One topic, carried in the way of gossipsub 1.2.
//!
//! ```text
//!                 publish ─┐        ┌─► mesh neighbours, at once      (Publish)
//!  Publish ─► seen? ─► validate ────┤
//!                 no    Accept      └─► others, at the next heartbeats (IHave ─► IWant ─► Publish)
//! ```
//!
//! What costs bytes is modelled message by message; what defends against hostile peers (scores, outbound quotas, peer
//! exchange) is not. The core embeds a [`Gossip`], passes events on to it and decides on what comes in.
//!
//! Sources: the gossipsub specifications 1.0 to 1.2 of libp2p, and rust-libp2p 0.57 where they leave a choice.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use self::{cache::Cache, mesh::Mesh};
pub use self::{
    rpc::{MessageId, Number, Rpc},
    settings::Settings,
};
use crate::engine::{Context, PeerIndex, Time};

mod cache;
mod mesh;
mod rpc;
mod seen;
mod settings;

/// What the core thinks of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is passed on.
    Accept,
    /// It is not passed on; nobody is to blame.
    Ignore,
    /// It is not passed on, and counted as the sender's fault.
    Reject,
}

/// What came in, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GossipCounts {
    /// Messages seen for the first time.
    pub new: u64,
    /// Messages that had been seen before.
    pub duplicates: u64,
    /// New ones that came because this node had asked for them.
    pub asked_for: u64,
    /// New ones that the core rejected.
    pub rejected: u64,
}

/// One node's part in a topic.
#[derive(Debug)]
pub struct Gossip<D> {
    settings: Settings,
    mesh: Mesh,
    cache: Cache<D>,
    /// Asked for, and until when to wait for it.
    asked: VecDeque<(Time, Number)>,
    heartbeat: Time,
    counts: GossipCounts,
}

impl<D: Clone> Gossip<D> {
    /// A node without neighbours.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let cache = Cache::new(&settings);
        Self {
            settings,
            mesh: Mesh::default(),
            cache,
            asked: VecDeque::new(),
            heartbeat: Time::NEVER,
            counts: GossipCounts::default(),
        }
    }

    /// What came in so far.
    #[must_use]
    pub fn counts(&self) -> GossipCounts {
        self.counts
    }

    /// The neighbours that get messages at once.
    pub fn mesh(&self) -> impl Iterator<Item = PeerIndex> {
        self.mesh.members()
    }

    /// To be passed on from the core's `start`.
    pub fn start<M: From<Rpc<D>>>(&mut self, ctx: &mut Context<'_, M>) {
        let interval = self.settings.heartbeat;
        self.heartbeat = ctx.now() + ctx.random().within(&(Duration::ZERO..=interval));
        ctx.wake_at(self.heartbeat);
    }

    /// To be passed on from the core's `link_up`.
    pub fn link_up<M: From<Rpc<D>>>(&mut self, peer: PeerIndex, ctx: &mut Context<'_, M>) {
        self.mesh.add(peer);
        self.say(peer, Rpc::Subscribe, ctx);
    }

    /// To be passed on from the core's `link_down`.
    pub fn link_down(&mut self, peer: PeerIndex) {
        self.mesh.remove(peer);
    }

    /// To be passed on from the core's `wake`.
    pub fn wake<M: From<Rpc<D>>>(&mut self, ctx: &mut Context<'_, M>) {
        let now = ctx.now();
        if now >= self.heartbeat {
            self.heartbeat = now + self.settings.heartbeat;
            self.maintain(now, ctx);
        }
        ctx.wake_at(self.heartbeat);
    }

    /// Sends a message of this node's own, `bytes` long. False if it has been seen before.
    pub fn publish<M: From<Rpc<D>>>(&mut self, id: MessageId, data: D, bytes: u32, ctx: &mut Context<'_, M>) -> bool {
        let number = Number(ctx.number_of(id.0));
        if !self.cache.first(number, ctx.now()) {
            return false;
        }
        let to = if self.settings.flood_publish { self.mesh.all() } else { self.mesh.eager(&self.settings) };
        self.pass_on(to, None, number, &data, bytes, ctx);
        self.cache.keep(number, data, bytes);
        true
    }

    /// To be passed on from the core's `handle`; `validate` is called with what has not been seen before.
    pub fn handle<M: From<Rpc<D>>>(
        &mut self,
        from: PeerIndex,
        rpc: Rpc<D>,
        ctx: &mut Context<'_, M>,
        validate: impl FnOnce(&D, &mut Context<'_, M>) -> Verdict,
    ) {
        let now = ctx.now();
        match rpc {
            Rpc::Subscribe => {}
            Rpc::Publish { number, data, bytes } => self.received(from, number, data, bytes, ctx, validate),
            Rpc::IHave(numbers) => self.offered(from, &numbers, ctx),
            Rpc::IWant(numbers) => self.wanted(from, &numbers, ctx),
            // What is here has been passed on already.
            Rpc::IDontWant(number) if self.cache.has_seen(number) => {}
            Rpc::IDontWant(number) => self.mesh.unwanted(from, number, now + self.settings.unwanted_for),
            Rpc::Graft => {
                if !self.mesh.grafted(from, now, &self.settings) {
                    self.say(from, Rpc::Prune, ctx);
                }
            }
            Rpc::Prune => self.mesh.pruned(from, now + self.settings.backoff),
        }
    }

    fn received<M: From<Rpc<D>>>(
        &mut self,
        from: PeerIndex,
        number: Number,
        data: D,
        bytes: u32,
        ctx: &mut Context<'_, M>,
        validate: impl FnOnce(&D, &mut Context<'_, M>) -> Verdict,
    ) {
        if !self.cache.first(number, ctx.now()) {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.new += 1;
        self.counts.asked_for += u64::from(self.asked.iter().any(|(_, asked)| *asked == number));
        if bytes > self.settings.unwanted_above {
            for peer in self.mesh.eager(&self.settings).into_iter().filter(|peer| *peer != from) {
                self.say(peer, Rpc::IDontWant(number), ctx);
            }
        }
        match validate(&data, ctx) {
            Verdict::Accept => {
                self.pass_on(self.mesh.eager(&self.settings), Some(from), number, &data, bytes, ctx);
                self.cache.keep(number, data, bytes);
            }
            Verdict::Ignore => {}
            Verdict::Reject => self.counts.rejected += 1,
        }
    }

    fn pass_on<M: From<Rpc<D>>>(
        &mut self,
        to: Vec<PeerIndex>,
        except: Option<PeerIndex>,
        number: Number,
        data: &D,
        bytes: u32,
        ctx: &mut Context<'_, M>,
    ) {
        for peer in to {
            if Some(peer) != except && !self.mesh.take_unwanted(peer, number) {
                self.say(peer, Rpc::Publish { number, data: data.clone(), bytes }, ctx);
            }
        }
    }

    fn offered<M: From<Rpc<D>>>(&mut self, from: PeerIndex, numbers: &[Number], ctx: &mut Context<'_, M>) {
        let until = ctx.now() + self.settings.asked_for;
        let asked = |number| self.asked.iter().any(|(_, asked)| *asked == number);
        let missing: Vec<_> =
            numbers.iter().copied().filter(|number| !self.cache.has_seen(*number) && !asked(*number)).collect();
        if !missing.is_empty() {
            self.asked.extend(missing.iter().map(|number| (until, *number)));
            self.say(from, Rpc::IWant(missing.into()), ctx);
        }
    }

    fn wanted<M: From<Rpc<D>>>(&mut self, from: PeerIndex, numbers: &[Number], ctx: &mut Context<'_, M>) {
        for number in numbers {
            if let Some((data, bytes)) = self.cache.get(*number) {
                let rpc = Rpc::Publish { number: *number, data: data.clone(), bytes };
                self.say(from, rpc, ctx);
            }
        }
    }

    fn maintain<M: From<Rpc<D>>>(&mut self, now: Time, ctx: &mut Context<'_, M>) {
        while self.asked.front().is_some_and(|(until, _)| *until <= now) {
            self.asked.pop_front();
        }
        let changes = self.mesh.maintain(now, &self.settings, ctx.random());
        for peer in changes.grafted {
            self.say(peer, Rpc::Graft, ctx);
        }
        for peer in changes.pruned {
            self.say(peer, Rpc::Prune, ctx);
        }
        let recent: Arc<[Number]> = self.cache.recent(&self.settings).collect();
        if !recent.is_empty() {
            for peer in self.mesh.lazy(&self.settings, ctx.random()) {
                self.say(peer, Rpc::IHave(Arc::clone(&recent)), ctx);
            }
        }
        self.cache.shift(now);
    }

    fn say<M: From<Rpc<D>>>(&self, to: PeerIndex, rpc: Rpc<D>, ctx: &mut Context<'_, M>) {
        let (class, bytes) = (rpc.class(), rpc.bytes(&self.settings));
        ctx.send(to, class, bytes, rpc.into());
    }
}
