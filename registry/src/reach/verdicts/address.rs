//! What was said of one address.

use std::{collections::BTreeMap, time::Duration};

use super::{AGREE, ASKED, EXPIRY, Party, RETEST, RETEST_FIRST, SERVERS};
use crate::time::Time;

/// How it stands with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it can be reached, as far as that is settled.
    pub reachable: Option<bool>,
    /// Whether that hangs on one server's word.
    pub preliminary: bool,
    /// Parties whose last answer was that they reached it.
    pub yes: usize,
    /// Parties whose last answer was that they did not.
    pub no: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Address {
    /// The last answer of each party, at most [`SERVERS`].
    answers: BTreeMap<Party, Answer>,
    /// When each party was last asked, at most [`SERVERS`].
    asked: BTreeMap<Party, Time>,
    settled: Option<bool>,
    /// How often it was asked about since the last change of that, up to what makes the wait the longest.
    rounds: u32,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    reachable: bool,
    /// How often in a row.
    times: usize,
    at: Time,
}

/// Rounds that are counted: by then the wait is the longest.
const MOST_ROUNDS: u32 = 16;

impl Address {
    pub(super) const fn settled(&self) -> Option<bool> {
        self.settled
    }

    pub(super) fn told(&mut self, party: Party, reachable: bool, now: Time) {
        let before = self.answers.get(&party).filter(|answer| answer.reachable == reachable);
        let times = before.map_or(0, |answer| answer.times).saturating_add(1);
        self.answers.insert(party, Answer { reachable, times, at: now });
        while self.answers.len() > SERVERS
            && let Some((&oldest, _)) = self.answers.iter().min_by_key(|(_, answer)| answer.at)
        {
            self.answers.remove(&oldest);
        }
    }

    pub(super) fn expire(&mut self, now: Time) {
        self.answers.retain(|_, answer| now < answer.at + EXPIRY);
    }

    /// Settles what the answers say, if they say it clearly. `alone`: whether fewer parties than must agree can be asked.
    pub(super) fn settle(&mut self, alone: bool, now: Time) {
        self.expire(now);
        let says = if self.answers.is_empty() { None } else { self.says(alone).or(self.settled) };
        if says != self.settled {
            self.settled = says;
            self.rounds = self.rounds.min(1);
        }
    }

    fn says(&self, alone: bool) -> Option<bool> {
        let (yes, no) = self.count();
        if yes.max(no) >= AGREE && yes != no {
            return Some(yes > no);
        }
        // One party only: its first word if there was none before, and what it insists on.
        let mut answers = self.answers.values();
        match (alone, answers.next(), answers.next()) {
            (true, Some(only), None) if self.settled.is_none() || only.times >= AGREE => Some(only.reachable),
            _ => None,
        }
    }

    fn count(&self) -> (usize, usize) {
        let yes = self.answers.values().filter(|answer| answer.reachable).count();
        (yes, self.answers.len() - yes)
    }

    pub(super) fn standing(&self, alone: bool) -> Standing {
        let (yes, no) = self.count();
        let preliminary = self.settled.is_some() && alone && yes.max(no) < AGREE;
        Standing { reachable: self.settled, preliminary, yes, no }
    }

    /// Which of these parties to ask now. Those that were asked longest ago come first, so that in the end all are heard.
    pub(super) fn due(&mut self, parties: impl Iterator<Item = Party>, now: Time) -> Vec<Party> {
        let wait = self.wait();
        let mut parties: Vec<(Option<Time>, Party)> =
            parties.map(|party| (self.asked.get(&party).copied(), party)).collect();
        let recent = |asked: &Option<Time>| asked.is_some_and(|at| now < at + wait);
        let fresh = parties.iter().filter(|(asked, _)| recent(asked)).count();
        parties.retain(|(asked, _)| !recent(asked));
        parties.sort_unstable();
        let due: Vec<Party> = parties.into_iter().map(|(_, party)| party).take(ASKED.saturating_sub(fresh)).collect();
        if !due.is_empty() && fresh == 0 {
            self.rounds = self.rounds.saturating_add(1).min(MOST_ROUNDS);
        }
        self.asked.extend(due.iter().map(|party| (*party, now)));
        while self.asked.len() > SERVERS
            && let Some((&oldest, _)) = self.asked.iter().min_by_key(|(_, at)| **at)
        {
            self.asked.remove(&oldest);
        }
        due
    }

    /// When one of these parties is to be asked.
    pub(super) fn next_test(&self, parties: impl Iterator<Item = Party>) -> Option<Time> {
        let parties: std::collections::BTreeSet<Party> = parties.collect();
        let mut times: Vec<Time> =
            parties.iter().map(|party| self.asked.get(party).map_or(Time::default(), |at| *at + self.wait())).collect();
        // While the three asked last are fresh nobody is asked: the earliest of them to age is waited for.
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.truncate(ASKED);
        times.last().copied()
    }

    pub(super) fn next_expiry(&self) -> Option<Time> {
        self.answers.values().map(|answer| answer.at + EXPIRY).min()
    }

    fn wait(&self) -> Duration {
        super::super::doubled(RETEST_FIRST, self.rounds.saturating_sub(1), RETEST)
    }
}
