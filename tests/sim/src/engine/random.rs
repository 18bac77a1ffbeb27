//! Random numbers that are the same for the same seed, on every platform and with every version of a library.
//!
//! ChaCha with 8 rounds has one definition. What is drawn from it is computed here, because the algorithms of general
//! purpose libraries change between versions, and nothing but exact floating-point operations is used, because
//! logarithms and powers differ between platforms. It never draws from the system.

use std::{ops::RangeInclusive, time::Duration};

use chacha20::{
    ChaCha8Rng,
    rand_core::{Infallible, Rng, SeedableRng, TryRng},
};

use super::time::micros;

/// What a stream of random numbers is for. Streams of different purposes are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// What the core of a node draws.
    Core,
    /// What happens to the messages that a node sends.
    Weather,
    /// Where a node stands and how its clocks start.
    Place,
    /// What the scenario draws.
    Scenario,
}

/// A stream of random numbers. It implements the traits of `rand_core`, for cores that want them.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// What a scenario draws from that needs no engine.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::new(seed, Purpose::Scenario, 0)
    }

    /// The stream number `stream` of this seed and purpose.
    pub(crate) fn new(seed: u64, purpose: Purpose, stream: u64) -> Self {
        let mut key = [0; 32];
        let words = seed.to_le_bytes().into_iter().chain((purpose as u64).to_le_bytes());
        key.iter_mut().zip(words).for_each(|(to, from)| *to = from);
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(stream);
        Self(random)
    }

    /// A number below 2⁶⁴.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if that is 0. The bias is below `bound` in 2⁶⁴.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// An index below `len`; 0 if that is 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number from 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A duration within the range, in whole microseconds.
    pub fn within(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let (low, high) = (micros(*range.start()), micros(*range.end()));
        Duration::from_micros(low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1))))
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// Puts the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }

    /// At most `count` of the items, each at most once, in random order.
    pub fn sample<T>(&mut self, items: impl IntoIterator<Item = T>, count: usize) -> Vec<T> {
        let mut items: Vec<T> = items.into_iter().collect();
        let count = count.min(items.len());
        for at in 0..count {
            let other = at + self.index(items.len() - at);
            items.swap(at, other);
        }
        items.truncate(count);
        items
    }

    /// Bytes, for keys and the like.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}
