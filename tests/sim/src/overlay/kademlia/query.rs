//! One look-up: asks ever closer peers until there are no closer ones, or enough is found.

use super::{Found, Key, LookUp, Settings};
use crate::engine::{PeerIndex, Time};

/// What has come of a look-up for providers since it was last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was looked for.
    pub key: Key,
    /// Who provides it, as far as was found: those that were named first, first.
    pub providers: Vec<PeerIndex>,
    /// Whether that was all.
    pub over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// Asked; until then it counts.
    Asked(Time),
    Answered,
    /// It did not answer in time.
    Silent,
}

#[derive(Debug)]
struct Candidate {
    distance: u64,
    peer: PeerIndex,
    state: State,
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Query {
    target: Key,
    look_up: Option<LookUp>,
    providers: Vec<PeerIndex>,
    /// How many of them have been told of.
    told: usize,
    provide: bool,
    /// Closest first.
    candidates: Vec<Candidate>,
    /// Answers in a row that brought nobody closer: with as many as there are questions at a time, more are asked at once.
    idle: usize,
    ends: Time,
    /// When what has been found is enough.
    settled: Time,
}

impl Query {
    pub(super) fn new(
        target: Key,
        look_up: Option<LookUp>,
        start: &[PeerIndex],
        here: &[PeerIndex],
        now: Time,
        settings: &Settings,
    ) -> Self {
        let mut query = Self {
            target,
            look_up,
            providers: Vec::new(),
            told: 0,
            provide: false,
            candidates: Vec::new(),
            idle: 0,
            ends: now + settings.limit,
            settled: Time::NEVER,
        };
        start.iter().for_each(|peer| query.learn(*peer));
        query.found(here, now, settings);
        query
    }

    /// At its end, its closest peers are told that this node provides the target.
    pub(super) fn providing(mut self) -> Self {
        self.provide = true;
        self
    }

    pub(super) fn is_to_provide(&self) -> bool {
        self.provide
    }

    pub(super) fn wants_providers(&self) -> bool {
        self.look_up.is_some()
    }

    pub(super) fn target(&self) -> Key {
        self.target
    }

    /// When there is something to do that no answer brings about.
    pub(super) fn due(&self) -> Time {
        let asked = self.candidates.iter().filter_map(|candidate| match candidate.state {
            State::Asked(until) => Some(until),
            _ => None,
        });
        asked.min().unwrap_or(Time::NEVER).min(self.ends).min(self.settled)
    }

    pub(super) fn answered(&mut self, peer: PeerIndex, found: &Found, me: PeerIndex, now: Time, settings: &Settings) {
        if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.peer == peer) {
            candidate.state = State::Answered;
        }
        let before = self.candidates.first().map(|closest| closest.distance);
        let few = self.candidates.len() < settings.replication;
        found.closer.iter().filter(|peer| **peer != me).for_each(|peer| self.learn(*peer));
        let closer = self.candidates.first().map(|closest| closest.distance) < before;
        self.idle = if closer || few { 0 } else { self.idle + 1 };
        self.found(&found.providers, now, settings);
    }

    /// Gives up on whoever has not answered by now, and names them.
    pub(super) fn time_out(&mut self, now: Time) -> Vec<PeerIndex> {
        let mut silent = Vec::new();
        for candidate in &mut self.candidates {
            if matches!(candidate.state, State::Asked(until) if until <= now) {
                candidate.state = State::Silent;
                silent.push(candidate.peer);
            }
        }
        silent
    }

    /// Whom to ask now; they count as asked.
    pub(super) fn next(&mut self, now: Time, settings: &Settings) -> Vec<PeerIndex> {
        let under_way = self.candidates.iter().filter(|c| matches!(c.state, State::Asked(_))).count();
        let stalled = self.idle >= settings.parallel;
        let parallel = if stalled { settings.replication.max(settings.parallel) } else { settings.parallel };
        let room = parallel.saturating_sub(under_way);
        let until = now + settings.patience;
        let closest = self.candidates.iter_mut().filter(|c| c.state != State::Silent).take(settings.replication);
        let mut asked = Vec::new();
        for candidate in closest.filter(|c| c.state == State::New).take(room) {
            candidate.state = State::Asked(until);
            asked.push(candidate.peer);
        }
        asked
    }

    pub(super) fn is_over(&self, now: Time, settings: &Settings) -> bool {
        let enough = self.look_up == Some(LookUp::Quick) && self.providers.len() >= settings.enough;
        let mut closest = self.candidates.iter().filter(|c| c.state != State::Silent).take(settings.replication);
        enough || now >= self.settled || now >= self.ends || closest.all(|c| c.state == State::Answered)
    }

    /// The closest peers that have answered.
    pub(super) fn closest(&self, count: usize) -> impl Iterator<Item = PeerIndex> {
        self.candidates.iter().filter(|c| c.state == State::Answered).take(count).map(|c| c.peer)
    }

    /// Providers that have not been told of: of a thorough look-up as soon as they are named, of a quick one at its end.
    pub(super) fn outcome(&mut self, over: bool) -> Option<Outcome> {
        if !over && self.look_up != Some(LookUp::Thorough) {
            return None;
        }
        let providers = self.providers.get(self.told..).unwrap_or_default().to_vec();
        self.told = self.providers.len();
        (over || !providers.is_empty()).then_some(Outcome { key: self.target, providers, over })
    }

    fn found(&mut self, providers: &[PeerIndex], now: Time, settings: &Settings) {
        for provider in providers {
            if self.providers.len() < settings.named && !self.providers.contains(provider) {
                self.providers.push(*provider);
            }
        }
        if self.look_up == Some(LookUp::Quick) && !self.providers.is_empty() {
            self.settled = self.settled.min(now + settings.settling);
        }
    }

    fn learn(&mut self, peer: PeerIndex) {
        let distance = Key::of(peer).distance(self.target);
        if let Err(at) = self.candidates.binary_search_by_key(&(distance, peer), |c| (c.distance, c.peer)) {
            self.candidates.insert(at, Candidate { distance, peer, state: State::New });
        }
    }
}
