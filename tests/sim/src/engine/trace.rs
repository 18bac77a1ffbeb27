//! A running hash of everything that happened: two runs with the same one went the same way.

use super::time::Time;

/// The hash so far, and of how many events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace {
    hash: u64,
    events: u64,
}

impl Trace {
    pub(crate) fn new(seed: u64) -> Self {
        Self { hash: seed ^ 0xcbf2_9ce4_8422_2325, events: 0 }
    }

    /// Takes in one event: when, of which kind, and two words that tell it from others of its kind.
    pub(crate) fn record(&mut self, time: Time, kind: u8, who: u64, what: u64) {
        self.events += 1;
        for word in [time.micros(), u64::from(kind), who, what] {
            // Multiplied by an odd number and rotated: every bit of every word reaches the upper half, then the lower.
            self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.hash
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }
}
