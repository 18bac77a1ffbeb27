//! The example: every few seconds a node publishes a rumour, and everybody should hear it.
//!
//! It shows how a core embeds the overlay's parts, and what the carrier alone costs and loses.

use std::{sync::Arc, time::Duration};

use super::{Churn, Report, Scenario, Setting, Target, report::quantile};
use crate::{
    engine::{Clock, Context, Core, Direction, Engine, Network, PeerIndex, Time},
    overlay::{
        gossip::{self, Gossip, MessageId, Rpc, Verdict},
        membership::{self, Degrees, Membership},
    },
};

/// No loss, no churn.
pub const CALM: Scenario = Scenario {
    name: "rumour",
    about: "a rumour a second reaches everybody, and what that costs",
    nodes: 1_000,
    run: |setting| run(setting, Network::default(), None),
};

/// Packets get lost.
pub const LOSSY: Scenario = Scenario {
    name: "rumour-lossy",
    about: "the same with 5 % of packets lost",
    nodes: 1_000,
    run: |setting| run(setting, Network { loss: 0.05, ..Network::default() }, None),
};

/// Nodes come and go.
pub const CHURN: Scenario = Scenario {
    name: "rumour-churn",
    about: "the same with 5 % loss, and 10 % of nodes replaced a minute, half of them by crash",
    nodes: 1_000,
    run: |setting| {
        let churn = Churn { per_minute: f64::from(setting.nodes) / 10.0, crashes: 0.5 };
        run(setting, Network { loss: 0.05, ..Network::default() }, Some(churn))
    },
};

/// Nodes that everybody knows from the start.
const BOOTSTRAPS: u32 = 3;
const WARM_UP: Duration = Duration::from_secs(30);
const RUMOURS: usize = 30;
/// The last rumour has so long to get around.
const PATIENCE: Duration = Duration::from_secs(10);
/// A node has so long to find its place before it must hear everything.
const SETTLING: Duration = Duration::from_secs(10);
const RUMOUR_BYTES: u32 = 300;

/// What is spread.
#[derive(Debug)]
struct Rumour {
    number: usize,
    began: Time,
}

#[derive(Clone)]
enum Message {
    Overlay(membership::Message),
    Gossip(Rpc<Arc<Rumour>>),
}

impl From<membership::Message> for Message {
    fn from(message: membership::Message) -> Self {
        Self::Overlay(message)
    }
}

impl From<Rpc<Arc<Rumour>>> for Message {
    fn from(rpc: Rpc<Arc<Rumour>>) -> Self {
        Self::Gossip(rpc)
    }
}

/// Listens to rumours.
struct Listener {
    overlay: Membership,
    gossip: Gossip<Arc<Rumour>>,
    spawned: Time,
    /// How long each rumour took to get here, by its number.
    delays: Vec<Option<Duration>>,
}

impl Listener {
    fn new(bootstraps: Vec<PeerIndex>, spawned: Time) -> Self {
        Self {
            overlay: Membership::new(Degrees::default(), bootstraps),
            gossip: Gossip::new(gossip::Settings::default()),
            spawned,
            delays: vec![None; RUMOURS],
        }
    }

    fn begin(&mut self, number: usize, ctx: &mut Context<'_, Message>) {
        let id = MessageId::numbered(ctx.me().0, number as u64);
        let rumour = Arc::new(Rumour { number, began: ctx.true_time() });
        hear(&mut self.delays, &rumour, ctx);
        self.gossip.publish(id, rumour, RUMOUR_BYTES, ctx);
    }
}

fn hear(delays: &mut [Option<Duration>], rumour: &Rumour, ctx: &Context<'_, Message>) {
    if let Some(delay) = delays.get_mut(rumour.number) {
        *delay = Some(ctx.true_time().since(rumour.began));
    }
}

impl Core for Listener {
    type Message = Message;
    type State = ();

    fn start(&mut self, ctx: &mut Context<'_, Message>) {
        self.overlay.start(ctx);
        self.gossip.start(ctx);
    }

    fn handle(&mut self, from: PeerIndex, message: Message, ctx: &mut Context<'_, Message>) {
        match message {
            Message::Overlay(message) => self.overlay.handle(from, message, ctx),
            Message::Gossip(rpc) => self.gossip.handle(from, rpc, ctx, |rumour, ctx| {
                hear(&mut self.delays, rumour, ctx);
                Verdict::Accept
            }),
        }
    }

    fn link_up(&mut self, peer: PeerIndex, ctx: &mut Context<'_, Message>) {
        self.overlay.link_up(peer, ctx);
        self.gossip.link_up(peer, ctx);
    }

    fn link_down(&mut self, peer: PeerIndex, failed: bool, _: &mut Context<'_, Message>) {
        self.overlay.link_down(peer, failed);
        self.gossip.link_down(peer);
    }

    fn wake(&mut self, ctx: &mut Context<'_, Message>) {
        self.overlay.wake(ctx);
        self.gossip.wake(ctx);
    }

    fn persist(&self) {}
}

fn run(setting: Setting, network: Network, churn: Option<Churn>) -> Report {
    let mut engine = Engine::new(setting.seed, network);
    let joining = WARM_UP / 3;
    for index in 0..setting.nodes {
        join(&mut engine);
        engine.run_until(Time::START + joining * index / setting.nodes);
    }
    engine.run_until(Time::START + WARM_UP);
    let before = engine.traffic();
    let churn = churn.unwrap_or(Churn { per_minute: 0.0, crashes: 0.0 });
    let mut began = Vec::new();
    for number in 0..RUMOURS {
        began.push(engine.now());
        let peers: Vec<_> = engine.cores().map(|(peer, _)| peer).collect();
        if let Some(peer) = engine.random().pick(&peers).copied() {
            engine.with(peer, |core, ctx| core.begin(number, ctx));
        }
        let until = engine.now() + Duration::from_secs(1);
        churn.run(&mut engine, until, replace);
    }
    let traffic = engine.traffic().since(&before);
    engine.run_for(PATIENCE);
    report(
        &engine,
        &began,
        traffic.mean_rate(Direction::Sent),
        &traffic.rates(Direction::Sent, Duration::from_secs(10)),
    )
}

fn join(engine: &mut Engine<Listener>) {
    let now = engine.now();
    engine.spawn(Clock::default(), |_| Listener::new((0..BOOTSTRAPS).map(PeerIndex).collect(), now));
}

fn replace(engine: &mut Engine<Listener>, victim: PeerIndex, crash: bool) {
    if victim.0 < BOOTSTRAPS {
        return;
    }
    if crash {
        engine.crash(victim);
    } else {
        engine.leave(victim);
    }
    join(engine);
}

fn report(engine: &Engine<Listener>, began: &[Time], mean: f64, rates: &[f64]) -> Report {
    let mut delays = Vec::new();
    let (mut due, mut heard) = (0_u32, 0_u32);
    let (mut new, mut duplicates) = (0, 0);
    for (_, core) in engine.cores() {
        for (began, delay) in began.iter().zip(&core.delays) {
            if core.spawned + SETTLING <= *began {
                due += 1;
                heard += u32::from(delay.is_some());
            }
            delays.extend(delay.map(|delay| delay.as_secs_f64() * 1e3));
        }
        new += core.gossip.counts().new;
        duplicates += core.gossip.counts().duplicates;
    }
    delays.sort_unstable_by(f64::total_cmp);
    let copies = (new + duplicates) as f64 / new as f64;
    Report::of(engine)
        .with("rumours heard", 100.0 * f64::from(heard) / f64::from(due), "%", Target::AtLeast(99.99))
        .with("until heard, median", quantile(&delays, 0.5), "ms", Target::AtMost(1_000.0))
        .with("until heard, 99 %", quantile(&delays, 0.99), "ms", Target::AtMost(3_000.0))
        .with("copies of each that arrive at a node", copies, "", Target::AtMost(8.0))
        .with("sent by a node, mean", mean / 1_024.0, "KiB/s", Target::AtMost(8.0))
        .with("sent by a node, 99 %", quantile(rates, 0.99) / 1_024.0, "KiB/s", Target::None)
}
