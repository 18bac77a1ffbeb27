//! A random overlay: every node keeps 8 to 12 links, and learns of others from its neighbours.
//!
//! A node knows a few bootstraps. It dials one, asks it for others, and dials those. It dials more when it has too few
//! links and closes some when it has too many, so bootstraps get rid of those that they have introduced.

use std::{sync::Arc, time::Duration};

use crate::engine::{Context, PeerIndex, Time};

/// What membership costs is booked under this class.
pub const CLASS: &str = "overlay";

/// A peer with its addresses: 38 bytes of identity and about two addresses.
const ADDRESS: u32 = 80;
/// QUIC, UDP and IP headers, authentication, and the frame's own head.
const ENVELOPE: u32 = 60;

/// What members say to each other.
#[derive(Debug, Clone)]
pub enum Message {
    /// Whom do you know?
    Ask,
    /// Some that I know.
    Peers(Arc<[PeerIndex]>),
}

impl Message {
    fn bytes(&self) -> u32 {
        match self {
            Self::Ask => ENVELOPE,
            Self::Peers(peers) => ENVELOPE + ADDRESS * u32::try_from(peers.len()).unwrap_or(u32::MAX / ADDRESS / 2),
        }
    }
}

/// How many links, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degrees {
    /// With fewer links than this, dial.
    pub low: usize,
    /// Dial up to this many, and close down to it.
    pub target: usize,
    /// With more links than this, close some.
    pub high: usize,
    /// How often to look.
    pub interval: Duration,
    /// How often to ask a neighbour for others, though nobody is missing.
    pub refresh: Duration,
    /// How many peers to remember.
    pub known: usize,
    /// How many peers to name when asked.
    pub named: usize,
}

impl Default for Degrees {
    /// 8 to 12 links.
    fn default() -> Self {
        Self {
            low: 8,
            target: 10,
            high: 12,
            interval: Duration::from_secs(1),
            refresh: Duration::from_secs(60),
            known: 64,
            named: 16,
        }
    }
}

/// One node's part of the overlay.
#[derive(Debug)]
pub struct Membership {
    degrees: Degrees,
    bootstraps: Vec<PeerIndex>,
    /// Bounded by [`Degrees::known`]; the oldest are replaced at random.
    known: Vec<PeerIndex>,
    dialling: Vec<PeerIndex>,
    next: Time,
    refresh: Time,
}

impl Membership {
    /// Starts from these bootstraps, and stays away from nobody.
    #[must_use]
    pub fn new(degrees: Degrees, bootstraps: Vec<PeerIndex>) -> Self {
        Self { degrees, bootstraps, known: Vec::new(), dialling: Vec::new(), next: Time::NEVER, refresh: Time::NEVER }
    }

    /// Peers worth keeping on disk, to start from the next time.
    #[must_use]
    pub fn known(&self) -> &[PeerIndex] {
        &self.known
    }

    /// To be passed on from the core's `start`.
    pub fn start<M: From<Message>>(&mut self, ctx: &mut Context<'_, M>) {
        let now = ctx.now();
        let interval = self.degrees.interval;
        self.next = now + ctx.random().within(&(Duration::ZERO..=interval));
        self.refresh = now + ctx.random().within(&(Duration::ZERO..=self.degrees.refresh));
        self.dial_more(ctx);
        ctx.wake_at(self.next);
    }

    /// To be passed on from the core's `link_up`.
    pub fn link_up<M: From<Message>>(&mut self, peer: PeerIndex, ctx: &mut Context<'_, M>) {
        let dialled = self.dialling.contains(&peer);
        self.dialling.retain(|other| *other != peer);
        self.learn(peer, ctx);
        if dialled && ctx.links().count() < self.degrees.target {
            say(peer, Message::Ask, ctx);
        }
    }

    /// To be passed on from the core's `link_down`.
    pub fn link_down(&mut self, peer: PeerIndex, failed: bool) {
        self.dialling.retain(|other| *other != peer);
        if failed {
            self.known.retain(|other| *other != peer);
        }
    }

    /// To be passed on from the core's `handle`.
    pub fn handle<M: From<Message>>(&mut self, from: PeerIndex, message: Message, ctx: &mut Context<'_, M>) {
        match message {
            Message::Ask => {
                let others: Vec<_> = self.known.iter().copied().filter(|peer| *peer != from).collect();
                let named = ctx.random().sample(others, self.degrees.named);
                say(from, Message::Peers(named.into()), ctx);
            }
            Message::Peers(peers) => {
                for peer in peers.iter() {
                    self.learn(*peer, ctx);
                }
                self.dial_more(ctx);
            }
        }
    }

    /// To be passed on from the core's `wake`.
    pub fn wake<M: From<Message>>(&mut self, ctx: &mut Context<'_, M>) {
        let now = ctx.now();
        if now >= self.next {
            self.next = now + self.degrees.interval;
            self.keep_up(now, ctx);
        }
        ctx.wake_at(self.next);
    }

    fn keep_up<M: From<Message>>(&mut self, now: Time, ctx: &mut Context<'_, M>) {
        let links: Vec<_> = ctx.links().collect();
        if links.len() > self.degrees.high {
            for peer in ctx.random().sample(links.iter().copied(), links.len() - self.degrees.target) {
                ctx.disconnect(peer);
            }
        } else if links.len() < self.degrees.low || now >= self.refresh {
            self.refresh = now + self.degrees.refresh;
            if let Some(peer) = ctx.random().pick(&links).copied() {
                say(peer, Message::Ask, ctx);
            }
            self.dial_more(ctx);
        }
    }

    fn dial_more<M: From<Message>>(&mut self, ctx: &mut Context<'_, M>) {
        let links = ctx.links().count();
        if links >= self.degrees.low {
            return;
        }
        let me = ctx.me();
        let new = |peer: &PeerIndex, ctx: &Context<'_, M>| {
            *peer != me && !ctx.is_linked(*peer) && !self.dialling.contains(peer)
        };
        let mut candidates: Vec<_> = self.known.iter().copied().filter(|peer| new(peer, ctx)).collect();
        let mut wanted = self.degrees.target.saturating_sub(links + self.dialling.len());
        if candidates.is_empty() {
            candidates = self.bootstraps.iter().copied().filter(|peer| new(peer, ctx)).collect();
            wanted = wanted.min(2);
        }
        for peer in ctx.random().sample(candidates, wanted) {
            self.dialling.push(peer);
            ctx.connect(peer);
        }
    }

    fn learn<M>(&mut self, peer: PeerIndex, ctx: &mut Context<'_, M>) {
        if peer == ctx.me() || self.known.contains(&peer) {
            return;
        }
        if self.known.len() < self.degrees.known {
            self.known.push(peer);
        } else {
            let at = ctx.random().index(self.known.len());
            if let Some(old) = self.known.get_mut(at) {
                *old = peer;
            }
        }
    }
}

fn say<M: From<Message>>(to: PeerIndex, message: Message, ctx: &mut Context<'_, M>) {
    ctx.send(to, CLASS, message.bytes(), message.into());
}
