//! A rate with a burst, as tokens that come back with time (J. Turner, New Directions in Communications, 1986).

use std::time::Duration;

use crate::time::Time;

/// Tokens, one for each thing that is done. Full at first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TokenBucket {
    /// How many are missing to a full bucket, at `at`.
    missing: f64,
    at: Time,
}

impl TokenBucket {
    /// Takes a token, if one is there: `rate` come in each second, `burst` fit, at least one.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub fn take(&mut self, rate: f64, burst: f64, now: Time) -> Result<(), Duration> {
        let missing = self.missing_at(rate, now);
        let short = missing + 1.0 - burst.max(1.0);
        if short > 0.0 {
            return Err(Duration::try_from_secs_f64(short / rate).unwrap_or(Duration::MAX));
        }
        *self = Self { missing: missing + 1.0, at: now.max(self.at) };
        Ok(())
    }

    /// Gives a token back that was taken for nothing.
    pub fn give_back(&mut self) {
        self.missing = (self.missing - 1.0).max(0.0);
    }

    /// Whether no token is missing: then a new bucket is as good.
    #[must_use]
    pub fn is_full(&self, rate: f64, now: Time) -> bool {
        self.missing_at(rate, now) <= 0.0
    }

    fn missing_at(&self, rate: f64, now: Time) -> f64 {
        (self.missing - rate * now.since(self.at).as_secs_f64()).max(0.0)
    }
}
