//! What is under way in one direction. Pure: time is passed in, chance is seeded.

use std::{collections::VecDeque, time::Duration};

use chacha20::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::Delay;

/// Packets under way in one direction at most; more are dropped, as a full router does. At 1500 bytes and 45 ms this is
/// a bandwidth of more than 2 Gbit/s.
const LIMIT: usize = 8192;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delayed {
    /// It is under way.
    Under,
    /// It was lost by chance.
    Lost,
    /// It was dropped, because too many are under way.
    Full,
}

/// Packets under way in one direction, in order. `now` is the time since any fixed moment.
#[derive(Debug)]
pub struct Queue<P> {
    delay: Delay,
    chance: ChaCha8Rng,
    under_way: VecDeque<(Duration, P)>,
}

impl<P> Queue<P> {
    /// An empty cable. `direction` makes the losses of the two directions different.
    #[must_use]
    pub fn new(delay: Delay, direction: u64) -> Self {
        let chance = ChaCha8Rng::seed_from_u64(delay.seed.wrapping_mul(2).wrapping_add(direction));
        Self { delay, chance, under_way: VecDeque::new() }
    }

    /// A packet goes in.
    pub fn push(&mut self, now: Duration, packet: P) -> Delayed {
        // Drawn for every packet, so that a full queue does not change what happens to later ones.
        if self.draw() < self.delay.loss {
            return Delayed::Lost;
        }
        if self.under_way.len() >= LIMIT {
            return Delayed::Full;
        }
        self.under_way.push_back((now.saturating_add(self.delay.one_way), packet));
        Delayed::Under
    }

    /// When the next packet comes out.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.under_way.front().map(|(due, _)| *due)
    }

    /// The next packet, if it has arrived.
    pub fn pop(&mut self, now: Duration) -> Option<P> {
        self.under_way.pop_front_if(|(due, _)| *due <= now).map(|(_, packet)| packet)
    }

    /// Another distance or loss from now on. What is under way arrives as it would have, and what follows never before
    /// it.
    pub fn change(&mut self, delay: Delay) {
        self.delay = delay;
    }

    /// A number from 0 to 1, without 1.
    fn draw(&mut self) -> f64 {
        f64::from(self.chance.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }
}
