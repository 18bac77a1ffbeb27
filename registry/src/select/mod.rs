//! Which instance takes a call.
//!
//! Law: local first. An instance on this node is called in process, without the network; only affinity, which must
//! give every caller the same answer, looks past it. A suspect instance is chosen only where there is nothing else.
//!
//! [`choose`] picks one of the candidates. Beside it stand what makes a candidate suspect for what it did ([`Health`]), and
//! what limits how many calls are made twice ([`RetryBudget`]).

use std::time::Duration;

use atoll_protocol::{identity::NodeId, names::InstanceId};

#[cfg(test)]
mod tests;

mod affinity;
mod budget;
mod cost;
mod health;
mod policy;

use crate::mix::mix;

pub use self::{
    budget::RetryBudget,
    health::{Admission, Fault, Health},
    policy::UnknownPolicy,
};

/// An instance that a call could go to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The node that runs it.
    pub node: NodeId,
    /// The instance.
    pub instance: InstanceId,
    /// Average latency of calls to it; `None` before the first.
    pub latency: Option<Duration>,
    /// Calls that this node has sent to it and that are not yet answered.
    pub in_flight: u32,
    /// Factor for its reputation: 1 is ordinary, higher is better. What is not a positive number counts as very bad.
    pub standing: f64,
    /// Whether it is to be passed over as long as there are others: because its node could not be reached lately, as
    /// the directory says, or because this node's calls to it failed and it is blocked for now ([`Health::blocked`]).
    pub suspect: bool,
    /// Whether it runs on this node.
    pub local: bool,
}

/// How to choose between instances. As text: `p2c`, `round_robin`, `least_inflight`, `random` or `affinity(KEY)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// The cheaper of two drawn at random. The cost is latency × (in flight + 1) ÷ standing. Two choices keep the
    /// longest queue exponentially shorter than one, and do not send everyone to the same best instance (M. Mitzenmacher,
    /// The Power of Two Choices in Randomized Load Balancing, 2001).
    #[default]
    PowerOfTwo,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest calls in flight.
    LeastInFlight,
    /// Any.
    Random,
    /// Always the same one for the same key, as long as it is there; if it leaves, only its keys move. For a text see
    /// [`Policy::affinity`].
    Affinity(u64),
}

/// The index of the candidate that takes the call; `None` if there is none.
///
/// `turn` is the caller's counter or a random draw; the same arguments give the same answer. For
/// [`Policy::RoundRobin`] count up by one for each call, and list the candidates in the same order each time.
#[must_use]
pub fn choose(policy: &Policy, candidates: &[Candidate], turn: u64) -> Option<usize> {
    if let Policy::Affinity(key) = policy {
        let pool = Pool::new(candidates, |candidate| !candidate.suspect);
        return affinity::highest(*key, pool.or_all());
    }
    let pool = Pool::new(candidates, |candidate| candidate.local && !candidate.suspect)
        .or_else(|| Pool::new(candidates, |candidate| !candidate.suspect))
        .or_all();
    let count = u64::try_from(pool.count).ok().filter(|count| *count > 0)?;
    match policy {
        Policy::RoundRobin => pool.nth(turn % count),
        Policy::LeastInFlight => {
            let least = pool.iter().map(|(_, candidate)| candidate.in_flight).min()?;
            let ties = pool.iter().filter(|(_, candidate)| candidate.in_flight == least);
            let count = u64::try_from(ties.clone().count()).ok().filter(|count| *count > 0)?;
            nth(ties, mix(turn) % count)
        }
        Policy::Random => pool.nth(mix(turn) % count),
        Policy::PowerOfTwo | Policy::Affinity(_) => {
            let draw = mix(turn);
            let first = pool.nth(draw % count)?;
            if count == 1 {
                return Some(first);
            }
            // A second one that is not the first: the others follow it in a ring.
            let step = 1 + (draw >> 32) % (count - 1);
            let second = pool.nth((draw % count + step) % count)?;
            cost::cheaper(&pool, first, second)
        }
    }
}

/// The candidates that come into question.
struct Pool<'a> {
    candidates: &'a [Candidate],
    admits: fn(&Candidate) -> bool,
    count: usize,
}

impl<'a> Pool<'a> {
    fn new(candidates: &'a [Candidate], admits: fn(&Candidate) -> bool) -> Self {
        let count = candidates.iter().filter(|candidate| admits(candidate)).count();
        Self { candidates, admits, count }
    }

    /// This pool, or another one if it is empty.
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.count == 0 { other() } else { self }
    }

    /// This pool, or all candidates if it is empty.
    fn or_all(self) -> Self {
        let candidates = self.candidates;
        self.or_else(|| Self::new(candidates, |_| true))
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &'a Candidate)> + Clone {
        let admits = self.admits;
        self.candidates.iter().enumerate().filter(move |(_, candidate)| admits(candidate))
    }

    fn nth(&self, n: u64) -> Option<usize> {
        nth(self.iter(), n)
    }
}

fn nth<'a>(mut candidates: impl Iterator<Item = (usize, &'a Candidate)>, n: u64) -> Option<usize> {
    candidates.nth(usize::try_from(n).ok()?).map(|(index, _)| index)
}
