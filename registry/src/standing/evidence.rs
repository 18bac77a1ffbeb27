//! What this node has seen of one peer.

use atoll_protocol::{service::UnixMillis, standing::Ending};
use serde::{Deserialize, Serialize};

use super::{
    DAY, FAST_HALF_LIFE, LOST, SLOW,
    decay::{faded, halved},
};

/// Successes and faults, fading: with a half-life of [`HALF_LIFE`](super::HALF_LIFE) by time, and of [`FAST_HALF_LIFE`] by interactions, so that who
/// turns bad after a good year is noticed within a few calls.
///
/// Times are Unix time, since evidence outlives the program. A clock that is set back stops the fading until it is where it was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    success: f64,
    fault: f64,
    fast_success: f64,
    fast_fault: f64,
    updated: UnixMillis,
    /// The last day with a success, in days since 1970.
    last_day: u64,
    /// Days with a success.
    days: u32,
    /// Successes ever.
    successes: u64,
    /// Interactions ever.
    calls: u64,
}

impl Evidence {
    /// An interaction has ended so.
    ///
    /// | ending | S | F |
    /// |---|---|---|
    /// | good | 1 | |
    /// | good, but slower than promised | ½ | |
    /// | lost | | ¼ |
    /// | provably wrong | | 1 |
    ///
    /// As first designed, the fast counters faded at every interaction. Then a call that is lost after some faults raises q.
    pub fn record(&mut self, ending: Ending, now: UnixMillis) {
        let (success, fault) = worth(ending);
        *self = self.at(now);
        self.success += success;
        self.fault += fault;
        self.fast(success, fault, 1.0);
        self.calls = self.calls.saturating_add(1);
        if success > 0.0 {
            self.successes = self.successes.saturating_add(1);
            let today = now.0 / DAY;
            if self.days == 0 || today > self.last_day {
                (self.last_day, self.days) = (today, self.days.saturating_add(1));
            }
        }
    }

    /// Interactions have ended so, one after the other: as many calls of [`Evidence::record`], but for rounding.
    pub fn record_many(&mut self, ending: Ending, count: u32, now: UnixMillis) {
        let Some(more) = count.checked_sub(1) else { return };
        self.record(ending, now);
        let (success, fault) = worth(ending);
        let times = f64::from(more);
        self.success += success * times;
        self.fault += fault * times;
        self.fast(success, fault, times);
        self.calls = self.calls.saturating_add(more.into());
        if success > 0.0 {
            self.successes = self.successes.saturating_add(more.into());
        }
    }

    /// So many interactions in the fast counters: a geometric series, in which each one fades by those that follow.
    fn fast(&mut self, success: f64, fault: f64, times: f64) {
        let left = halved(times / FAST_HALF_LIFE);
        let series = (1.0 - left) / (1.0 - halved(1.0 / FAST_HALF_LIFE));
        self.fast_success = self.fast_success * left + success * series;
        let fast_fault = self.fast_fault * left + fault * series;
        // What is lost adds less than fades of several faults, and would make up for them. With any number it is the same: the series goes
        // either up to where it stays, or down to there from above.
        self.fast_fault = if fault > 0.0 { fast_fault.max(self.fast_fault) } else { fast_fault };
    }

    /// Whether this can have come of calls: what was stored may be damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sums = [self.success, self.fault, self.fast_success, self.fast_fault];
        let most = self.calls as f64;
        sums.iter().all(|sum| (0.0..=most).contains(sum)) && self.successes <= self.calls
    }

    /// The same at a later time.
    #[must_use]
    pub fn at(&self, now: UnixMillis) -> Self {
        let left = faded(self.updated, now);
        let updated = self.updated.max(now);
        Self { success: self.success * left, fault: self.fault * left, updated, ..*self }
    }

    /// S: successes, faded.
    #[must_use]
    pub const fn success(&self) -> f64 {
        self.success
    }

    /// F: faults, faded.
    #[must_use]
    pub const fn fault(&self) -> f64 {
        self.fault
    }

    /// q: how good the peer is, from 0 to 1; ½ if nothing is known. The worse of what it has been for weeks and of late, with a fault
    /// counting four times what a success does (the mean of a beta distribution, A. Jøsang and R. Ismail, The Beta Reputation
    /// System, 2002):
    ///
    /// ```text
    /// q = min[ (S + 1)/(S + 4F + 2), (s + 2)/(s + 4f + 2) ]
    /// ```
    #[must_use]
    pub fn quality(&self) -> f64 {
        let slow = (self.success + 1.0) / (self.success + 4.0 * self.fault + 2.0);
        slow.min(self.lately())
    }

    /// The part of q that is about the last interactions; 1 if there were none.
    #[must_use]
    pub fn lately(&self) -> f64 {
        (self.fast_success + 2.0) / (self.fast_success + 4.0 * self.fast_fault + 2.0)
    }

    /// cf: how much of q is known rather than assumed, from 0 to 1: (S + F)/(S + F + 2).
    #[must_use]
    pub fn confidence(&self) -> f64 {
        (self.success + self.fault) / (self.success + self.fault + 2.0)
    }

    /// w: local trust, from 0 to 1: min(S, 10)/10 × max(0, 2q − 1).
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.success.min(10.0) / 10.0 * self.excess()
    }

    /// max(0, 2q − 1): how much better than even.
    #[must_use]
    pub fn excess(&self) -> f64 {
        (2.0 * self.quality() - 1.0).max(0.0)
    }

    /// Days with a success.
    #[must_use]
    pub const fn days(&self) -> u32 {
        self.days
    }

    /// Successes ever.
    #[must_use]
    pub const fn successes(&self) -> u64 {
        self.successes
    }

    /// Interactions ever.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// When it last changed.
    #[must_use]
    pub const fn updated(&self) -> UnixMillis {
        self.updated
    }
}

/// What an ending counts as success and as fault.
const fn worth(ending: Ending) -> (f64, f64) {
    match ending {
        Ending::Good => (1.0, 0.0),
        Ending::Slow => (SLOW, 0.0),
        Ending::Lost => (0.0, LOST),
        Ending::Fault => (0.0, 1.0),
    }
}
