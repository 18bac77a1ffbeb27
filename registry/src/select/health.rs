//! How an instance has fared with this node's calls, and when to leave it alone.
//!
//! Outlier detection as Envoy does it (Envoy documentation, "Outlier detection": consecutive failures eject, and each
//! ejection lasts longer), with the half-open state of a circuit breaker (M. Nygard, Release It!, 2007) in between:
//!
//! ```text
//!           five faulty answers in a row, or lost contact
//! ┌─────────┐ ────────────────────────────────────────► ┌─────────┐ ◄─────────┐
//! │ serving │                                           │ ejected │           │ the probe fails: for longer;
//! └─────────┘ ◄──────────────────────────────────────── └─────────┘           │ is abandoned: as long again
//!      ▲        a call made regardless succeeds              │ time is up:    │
//!      │                                                     ▼ a call is made │
//!      │                  a call succeeds               ┌─────────┐           │
//!      └─────────────────────────────────────────────── │ probing │ ──────────┘
//!                                                       └─────────┘ ──┐
//!                                                            ▲        │ its limit is past:
//!                                                            └────────┘ another call is made
//! ```
//!
//! Law: an outcome counts only in the state in which its call was begun. Calls in flight together fail together; that is
//! one failure of the instance, not many, and what was begun before it recovered is no news of how it is now.

use std::time::Duration;

use atoll_protocol::rpc::Code;

use crate::time::Time;

#[cfg(test)]
mod tests;

/// How a call went wrong, where that says something of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It answered, or its deadline passed, in a way that lays the blame on it; see [`Fault::of`].
    Answer,
    /// It was not reached, the connection to it was lost, or it stalled.
    Contact,
}

impl Fault {
    /// What an answer with this code says of the instance. `None` stands for an answer like any other, which is to be
    /// reported as a success: the request was at fault, or a quota, but the instance is well.
    #[must_use]
    pub const fn of(code: Code) -> Option<Self> {
        match code {
            Code::Unknown | Code::DeadlineExceeded | Code::Internal | Code::Unavailable | Code::DataLoss => {
                Some(Self::Answer)
            }
            Code::Ok
            | Code::Cancelled
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => None,
        }
    }
}

/// The state of one instance as this node has experienced it. The default is an instance that nothing is known of.
///
/// It advises and never forbids: where all instances are blocked, a call is made to one of them all the same, and if
/// that succeeds the instance is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    state: State,
    /// Changes with every change of state: what was begun under another number is not counted.
    epoch: u32,
    /// Ejections that are not yet forgiven, at most [`Health::MOST_EJECTIONS`].
    ejections: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It takes calls since then, and has failed so many in a row.
    Serving { since: Time, strikes: u8 },
    /// It is left alone until then.
    Ejected { until: Time },
    /// One call finds out; if nothing is heard of it until then, another one will.
    Probing { until: Time },
}

impl Default for State {
    fn default() -> Self {
        Self::Serving { since: Time(0), strikes: 0 }
    }
}

/// A call that has been sent, to be handed back with its outcome. One whose outcome says nothing of the instance can
/// be dropped; of the probe say so with [`Health::abandoned`].
#[must_use = "the outcome is to be reported with it"]
#[derive(Debug, PartialEq, Eq)]
pub struct Admission {
    epoch: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    Probe,
    Regardless,
}

impl Admission {
    /// Whether this is the one call that finds out whether the instance is back.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        matches!(self.kind, Kind::Probe)
    }

    /// Whether the instance was blocked when the call was begun. A caller that looked before and is told so now was
    /// overtaken by another one's probe: if it has a choice, it drops this and goes elsewhere.
    #[must_use]
    pub const fn is_regardless(&self) -> bool {
        matches!(self.kind, Kind::Regardless)
    }
}

impl Health {
    /// Faulty answers in a row that eject: as many as Envoy's `consecutive_5xx` has by default. One is nothing, since a
    /// request may itself be what breaks a service; five different ones in a row hardly are.
    pub const STRIKES: u8 = 5;
    /// How long the first ejection lasts: enough for a process to be restarted, and hardly missed if it was a mistake.
    pub const FIRST_EJECTION: Duration = Duration::from_secs(1);
    /// How long any ejection lasts at most, and so how long an instance that is back can go unnoticed.
    pub const LONGEST_EJECTION: Duration = Duration::from_secs(60);
    /// Ejections that are counted: with the seventh the time, 64 s by doubling, is the longest. What is not counted
    /// need not be forgiven either.
    pub const MOST_EJECTIONS: u8 = 7;
    /// How long a probe is waited for at least: the default deadline of a call, since a stalled instance would otherwise
    /// get one call after another to hang. If the last ejection was longer, as long as that.
    pub const PROBE_LIMIT: Duration = Duration::from_secs(10);
    /// Time in service without an ejection after which one is forgiven, so that the next one is half as long. The longest
    /// ejection: an instance that fails once in so long a time is in service more than out of it.
    pub const FORGIVEN_AFTER: Duration = Self::LONGEST_EJECTION;

    /// Whether it is to be passed over now: ejected and its time not up, or its probe under way.
    #[must_use]
    pub fn blocked(&self, now: Time) -> bool {
        match self.state {
            State::Serving { .. } => false,
            State::Ejected { until } | State::Probing { until } => now < until,
        }
    }

    /// A call is sent to it. The first one after the time of an ejection is the probe; until it ends, or its limit has
    /// passed, the instance is blocked for all others.
    pub fn begin(&mut self, now: Time) -> Admission {
        let kind = match self.state {
            State::Serving { .. } => Kind::Ordinary,
            State::Ejected { .. } | State::Probing { .. } if self.blocked(now) => Kind::Regardless,
            State::Ejected { .. } | State::Probing { .. } => {
                self.enter(State::Probing { until: now + self.ejection().max(Self::PROBE_LIMIT) });
                Kind::Probe
            }
        };
        Admission { epoch: self.epoch, kind }
    }

    /// A call was answered, be it with a failure that is not the instance's ([`Fault::of`]): it is in service. Failures in
    /// a row start anew; ejections are not forgotten, but forgiven with time ([`Health::FORGIVEN_AFTER`]).
    pub fn succeeded(&mut self, call: Admission, now: Time) {
        if call.epoch != self.epoch {
            return;
        }
        match &mut self.state {
            State::Serving { strikes, .. } => *strikes = 0,
            State::Ejected { .. } | State::Probing { .. } => self.enter(State::Serving { since: now, strikes: 0 }),
        }
    }

    /// A call failed. Lost contact ejects at once, faulty answers when there are [`Health::STRIKES`] in a row; a probe
    /// ejects with either. Calls made regardless of an ejection do not lengthen it.
    pub fn failed(&mut self, call: Admission, fault: Fault, now: Time) {
        if call.epoch != self.epoch {
            return;
        }
        match &mut self.state {
            State::Serving { since, strikes } => {
                *strikes = strikes.saturating_add(1);
                if fault == Fault::Contact || *strikes >= Self::STRIKES {
                    let forgiven = now.since(*since).as_secs() / Self::FORGIVEN_AFTER.as_secs();
                    self.ejections = self.ejections.saturating_sub(u8::try_from(forgiven).unwrap_or(u8::MAX));
                    self.eject(now);
                }
            }
            State::Probing { .. } if call.is_probe() => self.eject(now),
            State::Ejected { .. } | State::Probing { .. } => {}
        }
    }

    /// The caller gave a call up before anything was known of it, which says nothing of the instance. If it was the probe,
    /// the next one is made after as long as the last ejection took, not at once: it may well have been given up because
    /// it hung.
    pub fn abandoned(&mut self, call: Admission, now: Time) {
        if call.epoch == self.epoch && call.is_probe() {
            self.enter(State::Ejected { until: now + self.ejection() });
        }
    }

    /// How long an ejection lasts, the count being what it is: the first time, doubled with each further one.
    fn ejection(&self) -> Duration {
        let doubled = 1_u32.checked_shl(u32::from(self.ejections.saturating_sub(1))).unwrap_or(u32::MAX);
        Self::FIRST_EJECTION.saturating_mul(doubled).min(Self::LONGEST_EJECTION)
    }

    fn eject(&mut self, now: Time) {
        self.ejections = self.ejections.saturating_add(1).min(Self::MOST_EJECTIONS);
        self.enter(State::Ejected { until: now + self.ejection() });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}
