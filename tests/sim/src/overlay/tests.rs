//! The overlay and the carrier, with a core that does nothing else.

use std::time::Duration;

use super::{
    gossip::{Gossip, MessageId, Rpc, Settings, Verdict},
    membership::{self, Degrees, Membership},
};
use crate::engine::{Clock, Context, Core, Direction, Distance, Engine, Network, PeerIndex, Time};

mod gossip;
mod mesh;
mod overlay;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone)]
enum Message {
    Overlay(membership::Message),
    Gossip(Rpc<u64>),
}

impl From<membership::Message> for Message {
    fn from(message: membership::Message) -> Self {
        Self::Overlay(message)
    }
}

impl From<Rpc<u64>> for Message {
    fn from(rpc: Rpc<u64>) -> Self {
        Self::Gossip(rpc)
    }
}

/// Gossips numbers, over an overlay unless the test makes the links.
struct Member {
    overlay: Option<Membership>,
    gossip: Gossip<u64>,
    heard: Vec<u64>,
    verdict: Verdict,
    /// Neighbours that have taken this node into their mesh or out of it, as said on the wire.
    grafts: Vec<(Time, PeerIndex)>,
    prunes: Vec<(Time, PeerIndex)>,
}

impl Member {
    fn new(overlay: Option<Membership>, settings: &Settings) -> Self {
        Self {
            overlay,
            gossip: Gossip::new(settings.clone()),
            heard: Vec::new(),
            verdict: Verdict::Accept,
            grafts: Vec::new(),
            prunes: Vec::new(),
        }
    }
}

impl Core for Member {
    type Message = Message;
    type State = ();

    fn start(&mut self, ctx: &mut Context<'_, Message>) {
        self.gossip.start(ctx);
        if let Some(overlay) = &mut self.overlay {
            overlay.start(ctx);
        }
    }

    fn handle(&mut self, from: PeerIndex, message: Message, ctx: &mut Context<'_, Message>) {
        match (message, &mut self.overlay) {
            (Message::Overlay(message), Some(overlay)) => overlay.handle(from, message, ctx),
            (Message::Overlay(_), None) => {}
            (Message::Gossip(rpc), _) => {
                match rpc {
                    Rpc::Graft => self.grafts.push((ctx.true_time(), from)),
                    Rpc::Prune => self.prunes.push((ctx.true_time(), from)),
                    _ => {}
                }
                self.gossip.handle(from, rpc, ctx, |number, _| {
                    self.heard.push(*number);
                    self.verdict
                });
            }
        }
    }

    fn link_up(&mut self, peer: PeerIndex, ctx: &mut Context<'_, Message>) {
        self.gossip.link_up(peer, ctx);
        if let Some(overlay) = &mut self.overlay {
            overlay.link_up(peer, ctx);
        }
    }

    fn link_down(&mut self, peer: PeerIndex, failed: bool, _: &mut Context<'_, Message>) {
        self.gossip.link_down(peer);
        if let Some(overlay) = &mut self.overlay {
            overlay.link_down(peer, failed);
        }
    }

    fn wake(&mut self, ctx: &mut Context<'_, Message>) {
        self.gossip.wake(ctx);
        if let Some(overlay) = &mut self.overlay {
            overlay.wake(ctx);
        }
    }

    fn persist(&self) {}
}

/// Nodes that find each other through the first two, half a minute after they have started.
fn grown(seed: u64, nodes: u32, network: Network, settings: &Settings) -> Engine<Member> {
    let mut engine = Engine::new(seed, network);
    for _ in 0..nodes {
        let overlay = Membership::new(Degrees::default(), vec![PeerIndex(0), PeerIndex(1)]);
        engine.spawn(Clock::default(), |_| Member::new(Some(overlay), settings));
        engine.run_for(Duration::from_millis(20));
    }
    engine.run_for(SECOND * 30);
    engine
}

/// Nodes with these links and no others, 50 ms apart, five seconds after they were made.
fn wired(nodes: u32, links: &[(u32, u32)], settings: &Settings) -> Engine<Member> {
    let delay = Duration::from_millis(50);
    let network = Network { distance: Distance::Uniform(delay..=delay), ..Network::default() };
    let mut engine = Engine::new(1, network);
    for _ in 0..nodes {
        engine.spawn(Clock::default(), |_| Member::new(None, settings));
    }
    for (a, b) in links {
        engine.with(PeerIndex(*a), |_, ctx| ctx.connect(PeerIndex(*b)));
    }
    engine.run_for(SECOND * 5);
    engine
}

fn publish(engine: &mut Engine<Member>, peer: PeerIndex, number: u64, bytes: u32) {
    let id = MessageId::numbered(peer.0, number);
    assert_eq!(engine.with(peer, |core, ctx| core.gossip.publish(id, number, bytes, ctx)), Some(true));
}

/// How many nodes have heard each of these numbers exactly once.
fn hearers(engine: &Engine<Member>, number: u64) -> usize {
    engine.cores().filter(|(_, core)| core.heard.iter().filter(|heard| **heard == number).count() == 1).count()
}

/// Copies that arrived for each first one.
fn copies(engine: &Engine<Member>) -> f64 {
    let counts = engine.cores().map(|(_, core)| core.gossip.counts());
    let (new, duplicates) = counts.fold((0, 0), |(new, more), counts| (new + counts.new, more + counts.duplicates));
    (new + duplicates) as f64 / new as f64
}
