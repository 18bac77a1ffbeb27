//! A delay line: a long cable made of a pair of TAP devices and a program between them.
//!
//! What goes in at one end comes out at the other after a fixed time, in the same order, but for what is lost. The
//! machine's kernel need not have a network emulator for this.

mod line;
mod queue;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    line::DelayLine,
    queue::{Delayed, Queue},
};

/// How far a cable is, and how bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// How long a packet takes one way, at least.
    pub one_way: Duration,
    /// The share of packets that are lost, each way, from 0 to 1.
    pub loss: f64,
    /// Decides which are lost: the same seed and packets, the same losses.
    pub seed: u64,
}

impl Delay {
    /// A cable that loses nothing.
    #[must_use]
    pub const fn of(one_way: Duration) -> Self {
        Self { one_way, loss: 0.0, seed: 0 }
    }
}
