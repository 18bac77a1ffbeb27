//! Time stamps of entries: a hybrid logical clock.
//!
//! ```text
//!  63                                    16 15            0
//! ┌────────────────────────────────────────┬───────────────┐
//! │ milliseconds since 1970 (48 bits)      │ counter       │
//! └────────────────────────────────────────┴───────────────┘
//! ```
//!
//! A stamp is the time of day where that goes on, and counts where it does not: what one node stamps always rises, and what it
//! stamps after it has seen another's entry is later than that (S. Kulkarni et al., Logical Physical Clocks, 2014), as far
//! as the other's clock is not wrong by more than [`CLOCK_DRAG`](limits::CLOCK_DRAG).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{limits, service::UnixMillis};

/// When an entry was made, by its author's hybrid clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hlc(pub u64);

/// Bits of the counter.
const COUNTER: u32 = 16;

impl Hlc {
    /// The first stamp of this millisecond.
    #[must_use]
    pub const fn at(time: UnixMillis) -> Self {
        let latest = u64::MAX >> COUNTER;
        Self((if time.0 < latest { time.0 } else { latest }) << COUNTER)
    }

    /// The time of day in it, in milliseconds.
    #[must_use]
    pub const fn millis(self) -> UnixMillis {
        UnixMillis(self.0 >> COUNTER)
    }

    /// How many stamps of the same millisecond came before.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.0 & ((1 << COUNTER) - 1)
    }

    /// How far it is ahead of `now`; zero if it is not.
    #[must_use]
    pub const fn ahead(self, now: UnixMillis) -> Duration {
        Duration::from_millis(self.millis().0.saturating_sub(now.0))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.millis().0, self.counter())
    }
}

/// Stamps a node's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    last: Hlc,
}

impl Clock {
    /// A clock that goes on after `last`: after a restart the latest stamp of the node's own.
    #[must_use]
    pub const fn after(last: Hlc) -> Self {
        Self { last }
    }

    /// The next stamp. It is later than every one before, also where the time of day has been put back.
    pub fn tick(&mut self, now: UnixMillis) -> Hlc {
        self.last = Hlc(self.last.0.saturating_add(1)).max(Hlc::at(now));
        self.last
    }

    /// An entry of somebody else's has been seen: later stamps are later than its own, unless it is dated too far ahead.
    pub fn observe(&mut self, seen: Hlc, now: UnixMillis) {
        if seen.ahead(now) <= limits::CLOCK_DRAG {
            self.last = self.last.max(seen);
        }
    }

    /// An entry of this node's own has been found: later stamps are later than its own.
    pub fn resume(&mut self, own: Hlc) {
        self.last = self.last.max(own);
    }

    /// The latest stamp given or seen.
    #[must_use]
    pub const fn last(&self) -> Hlc {
        self.last
    }
}
