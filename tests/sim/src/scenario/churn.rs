//! Nodes that come and go.

use std::time::Duration;

use crate::engine::{Core, Engine, PeerIndex, Random, Time};

/// How much of the network is replaced, and how nodes go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Churn {
    /// Nodes replaced in a minute.
    pub per_minute: f64,
    /// The share of them that crashes instead of leaving in order.
    pub crashes: f64,
}

/// When the next node goes, and how: a stream of [`Departure`]s.
#[derive(Debug)]
pub struct Departures {
    churn: Churn,
    next: Time,
}

/// A node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// When.
    pub at: Time,
    /// Without a word?
    pub crash: bool,
}

impl Churn {
    /// Departures after `from`.
    #[must_use]
    pub fn departures(self, from: Time, random: &mut Random) -> Departures {
        let mut departures = Departures { churn: self, next: from };
        departures.advance(random);
        departures
    }

    /// Runs the engine until `until`. When a node goes, `replace` is called with a node chosen at random that it may
    /// spare by returning false, and is to spawn the one that takes its place.
    pub fn run<C: Core>(
        self,
        engine: &mut Engine<C>,
        until: Time,
        mut replace: impl FnMut(&mut Engine<C>, PeerIndex, bool),
    ) {
        let now = engine.now();
        let mut departures = self.departures(now, engine.random());
        while let Some(departure) = departures.next_before(until, engine.random()) {
            engine.run_until(departure.at);
            let alive: Vec<_> = engine.cores().map(|(peer, _)| peer).collect();
            if let Some(victim) = engine.random().pick(&alive).copied() {
                replace(engine, victim, departure.crash);
            }
        }
        engine.run_until(until);
    }
}

impl Departures {
    /// The next departure, if it is before `until`.
    pub fn next_before(&mut self, until: Time, random: &mut Random) -> Option<Departure> {
        if self.next >= until {
            return None;
        }
        let departure = Departure { at: self.next, crash: random.chance(self.churn.crashes) };
        self.advance(random);
        Some(departure)
    }

    /// Pauses are uniform between nothing and twice their mean: nearly as irregular as a Poisson process, and without
    /// a logarithm, which is not the same everywhere.
    fn advance(&mut self, random: &mut Random) {
        if self.churn.per_minute <= 0.0 {
            self.next = Time::NEVER;
            return;
        }
        let pause = 2.0 * random.unit() * 60e6 / self.churn.per_minute;
        self.next = self.next + Duration::from_micros(pause as u64);
    }
}
