//! How many calls may be made twice.
//!
//! Retries help against a failure of one instance and make an overload of all of them worse: a network in which every
//! call is tried three times carries three times the load just when it can carry the least. So retries and hedges
//! together are a share of the calls, as in Finagle (K. Oliver, Retry Budgets, finagle.github.io, 2016), whose share this
//! is.
//!
//! This is state and no synchronisation: it holds no lock and waits for nothing. The number is atomic so that
//! concurrent callers can share one budget without a lock on the way of every call. Nothing else is read in the light of
//! it, so relaxed ordering suffices: changes of one atomic have a single order whatever theirs is (modification order,
//! documentation of `std::sync::atomic`).

use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(test)]
mod tests;

/// A token bucket that calls fill and retries empty. Share one between all calls of a node.
///
/// It knows no time, so a node that makes few calls has the reserve once, and after that one retry for each five of its
/// calls: with one call a minute one retry in five minutes. What it does not use it keeps, up to the cap.
#[derive(Debug)]
pub struct RetryBudget {
    /// In units of which a call deposits one and a retry costs [`RetryBudget::CALLS_PER_RETRY`].
    balance: AtomicU32,
}

impl RetryBudget {
    /// Calls that pay for one retry: the load with retries is at most a fifth higher than without.
    pub const CALLS_PER_RETRY: u32 = 5;
    /// Retries that it starts with, so that a node's first calls can be tried again, too.
    pub const RESERVE: u32 = 10;
    /// Retries that it saves up at most, so that a long quiet time does not pay for a storm.
    pub const CAP: u32 = 1_000;

    /// With the reserve and nothing else.
    #[must_use]
    pub const fn new() -> Self {
        Self { balance: AtomicU32::new(Self::RESERVE * Self::CALLS_PER_RETRY) }
    }

    /// A call is made: to be said once for each call, not again for its retries and hedges.
    pub fn deposit(&self) {
        let full = Self::CAP * Self::CALLS_PER_RETRY;
        // Most of the time it is full: then nothing is written, and all processors keep their copy of the cache line.
        let _ = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| {
            if balance < full { Some(balance + 1) } else { None }
        });
    }

    /// Takes one retry or hedge out; false if there is none, and then it must not be made.
    #[must_use = "without a withdrawal there must be no retry"]
    pub fn try_withdraw(&self) -> bool {
        let rest = |balance: u32| balance.checked_sub(Self::CALLS_PER_RETRY);
        self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }

    /// Retries that could be made now.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.balance.load(Ordering::Relaxed) / Self::CALLS_PER_RETRY
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}
