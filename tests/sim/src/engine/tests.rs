//! The engine, with a core that writes down what it is told.

use std::time::Duration;

use super::*;

mod clocks;
mod links;
mod network;
mod partition;
mod queue;
mod random;
mod traffic;

const SECOND: Duration = Duration::from_secs(1);

/// What a core was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Up(PeerIndex),
    Down(PeerIndex, bool),
    Got(PeerIndex, u64),
    Woke,
}

/// Writes down what it is told and when, and keeps a number on its disk.
#[derive(Default)]
struct Probe {
    log: Vec<(Time, Told)>,
    disk: u64,
    last_words: Option<u64>,
}

impl Probe {
    fn note(&mut self, told: Told, ctx: &Context<'_, u64>) {
        self.log.push((ctx.true_time(), told));
    }

    fn told(&self) -> Vec<Told> {
        self.log.iter().map(|(_, told)| *told).collect()
    }

    /// The numbers that have come in.
    fn got(&self) -> Vec<u64> {
        let got = |told: &Told| if let Told::Got(_, number) = told { Some(*number) } else { None };
        self.told().iter().filter_map(got).collect()
    }

    fn when(&self, told: Told) -> Option<Time> {
        self.log.iter().find(|(_, other)| *other == told).map(|(time, _)| *time)
    }
}

impl Core for Probe {
    type Message = u64;
    type State = u64;

    fn start(&mut self, _: &mut Context<'_, u64>) {}

    fn handle(&mut self, from: PeerIndex, message: u64, ctx: &mut Context<'_, u64>) {
        self.note(Told::Got(from, message), ctx);
    }

    fn link_up(&mut self, peer: PeerIndex, ctx: &mut Context<'_, u64>) {
        self.note(Told::Up(peer), ctx);
    }

    fn link_down(&mut self, peer: PeerIndex, failed: bool, ctx: &mut Context<'_, u64>) {
        self.note(Told::Down(peer, failed), ctx);
    }

    fn wake(&mut self, ctx: &mut Context<'_, u64>) {
        self.note(Told::Woke, ctx);
    }

    fn stop(&mut self, ctx: &mut Context<'_, u64>) {
        let links: Vec<_> = ctx.links().collect();
        for peer in links {
            if let Some(number) = self.last_words {
                ctx.send(peer, "last", 100, number);
            }
        }
    }

    fn persist(&self) -> u64 {
        self.disk
    }
}

const A: PeerIndex = PeerIndex(0);
const B: PeerIndex = PeerIndex(1);

/// 50 ms between any two, no jitter, no loss, and lines that send at once.
fn steady() -> Network {
    let delay = Duration::from_millis(50);
    Network { distance: Distance::Uniform(delay..=delay), jitter: 0.0, uplink: None, ..Network::default() }
}

/// Two nodes with a link, a second after the start. Nothing is lost before.
fn pair(seed: u64, network: Network) -> Engine<Probe> {
    let loss = network.loss;
    let mut engine = Engine::new(seed, Network { loss: 0.0, ..network });
    engine.spawn(Clock::default(), |_| Probe::default());
    engine.spawn(Clock::default(), |_| Probe::default());
    engine.with(A, |_, ctx| ctx.connect(B));
    engine.run_until(Time::from_secs(1));
    engine.set_loss(loss);
    assert!(engine.links(A).eq([B]) && engine.links(B).eq([A]));
    engine
}

fn send(engine: &mut Engine<Probe>, from: PeerIndex, to: PeerIndex, number: u64) {
    engine.with(from, |_, ctx| ctx.send(to, "number", 100, number));
}

fn probe(engine: &Engine<Probe>, peer: PeerIndex) -> &Probe {
    engine.core(peer).unwrap()
}
