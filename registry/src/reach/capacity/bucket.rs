//! A rate with a burst.

use std::time::Duration;

use crate::time::Time;

/// A token bucket, kept as the debt that is left: what was let through and has not been earned since.
///
/// The arithmetic is exact: debt is in thousandths of a byte, of which `rate` bytes a second earn `rate` in a millisecond.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Bytes a second.
    rate: u64,
    /// Debt up to which nothing waits.
    burst: u64,
    debt: u64,
    /// When the debt was that.
    at: Time,
}

const PER_BYTE: u64 = 1000;

impl Bucket {
    /// A full one.
    pub(super) const fn new(rate: u64, burst_ms: u64, now: Time) -> Self {
        Self { rate, burst: rate.saturating_mul(burst_ms), debt: 0, at: now }
    }

    /// Lets so many bytes through; they may go on at the time that is returned. In any span of time no more than the burst
    /// and what is earned in that span go on.
    pub(super) fn spend(&mut self, bytes: u64, now: Time) -> Time {
        self.debt = self.debt_at(now).saturating_add(bytes.saturating_mul(PER_BYTE));
        self.at = self.at.max(now);
        match self.debt.saturating_sub(self.burst) {
            0 => now,
            _ if self.rate == 0 => Time::NEVER,
            over => self.at + Duration::from_millis(over.div_ceil(self.rate)),
        }
    }

    /// Whether it is full: then a new one is as good.
    pub(super) fn is_full(&self, now: Time) -> bool {
        self.debt_at(now) == 0
    }

    fn debt_at(&self, now: Time) -> u64 {
        let elapsed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.debt.saturating_sub(self.rate.saturating_mul(elapsed))
    }
}
