//! Virtual time, and the clocks of nodes that disagree about it.
//!
//! It never reads a clock of the machine.

use std::{ops::Add, time::Duration};

/// The time of day at the start of every simulation: 1 January 2026, in milliseconds since 1970.
pub const EPOCH: u64 = 1_767_225_600_000;

const MILLION: u128 = 1_000_000;

/// A point in virtual time, in microseconds. What the engine calls so is the simulation's own time, what a core is told
/// is its node's monotonic time; the two must not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(u64);

impl Time {
    /// The beginning.
    pub const START: Self = Self(0);
    /// Never reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many microseconds after the beginning.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// So many seconds after the beginning.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the beginning.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 / 1_000
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How wrong a node's clocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// How far the time of day is ahead of the truth, in milliseconds.
    pub skew: i64,
    /// How much faster than the truth both clocks run, in millionths; at most a tenth either way.
    pub drift: i32,
}

impl Clock {
    fn rate(self) -> u128 {
        u128::try_from(1_000_000 + i64::from(self.drift.clamp(-100_000, 100_000))).unwrap_or(MILLION)
    }

    /// What the clock on the wall says, in milliseconds since 1970.
    pub(crate) fn wall(self, now: Time) -> u64 {
        let run = u64::try_from(u128::from(now.0) * self.rate() / MILLION / 1_000).unwrap_or(u64::MAX);
        EPOCH.saturating_add(run).saturating_add_signed(self.skew)
    }
}

/// A node's monotonic clock: it starts anywhere when the node starts, and runs at the rate of its [`Clock`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Monotonic {
    clock: Clock,
    started: Time,
    base: Time,
}

impl Monotonic {
    pub(crate) fn new(clock: Clock, started: Time, base: Time) -> Self {
        Self { clock, started, base }
    }

    /// The clock of the same machine in the node's next life.
    pub(crate) fn restarted(&self, started: Time, base: Time) -> Self {
        Self::new(self.clock, started, base)
    }

    /// What this clock shows at `now`.
    pub(crate) fn local(&self, now: Time) -> Time {
        let elapsed = now.0.saturating_sub(self.started.0);
        Time(self.base.0.saturating_add(scale(elapsed, self.clock.rate(), MILLION)))
    }

    /// When this clock shows `local`, rounded up, so that a timer never fires before its time has come.
    pub(crate) fn when(&self, local: Time) -> Time {
        if local == Time::NEVER {
            return Time::NEVER;
        }
        let elapsed = local.0.saturating_sub(self.base.0);
        Time(self.started.0.saturating_add(scale_up(elapsed, MILLION, self.clock.rate())))
    }

    /// What the node takes for the time of day at `now`.
    pub(crate) fn wall(&self, now: Time) -> u64 {
        self.clock.wall(now)
    }
}

fn scale(value: u64, by: u128, over: u128) -> u64 {
    if by == over {
        return value;
    }
    u64::try_from(u128::from(value) * by / over).unwrap_or(u64::MAX)
}

fn scale_up(value: u64, by: u128, over: u128) -> u64 {
    if by == over {
        return value;
    }
    u64::try_from((u128::from(value) * by).div_ceil(over)).unwrap_or(u64::MAX)
}
