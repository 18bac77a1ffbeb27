//! The time that drivers pass in.

use std::{ops::Add, time::Duration};

#[cfg(test)]
mod tests;

/// Monotonic time in milliseconds since an arbitrary start, passed in by the driver.
///
/// It has no relation to the time of day and none to another node's `Time`. Sums saturate, so that no lifetime,
/// however absurd, wraps around into the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(pub u64);

impl Time {
    /// Never reached: the expiry of what does not expire.
    pub const NEVER: Self = Self(u64::MAX);

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Fractions of a millisecond are dropped.
    fn add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}
