//! Who has how many circuits, and at what rate they run.

use std::{collections::HashMap, hash::Hash};

use super::bucket::Bucket;
use crate::time::Time;

/// Circuits by some part of their ends, and the bucket that those with the same one share.
///
/// A share outlives its last circuit until its bucket is full again, or closing a circuit and opening it anew would buy another
/// burst; but no more of these are kept than there may be circuits.
#[derive(Debug, Clone)]
pub(super) struct Shares<K> {
    shares: HashMap<K, Share>,
    rate: u64,
    burst_ms: u64,
    /// Shares without circuits that are kept.
    kept: usize,
}

#[derive(Debug, Clone, Copy)]
struct Share {
    circuits: usize,
    bucket: Bucket,
}

impl<K: Eq + Hash + Copy> Shares<K> {
    pub(super) fn new(rate: u64, burst_ms: u64, kept: usize) -> Self {
        Self { shares: HashMap::new(), rate, burst_ms, kept }
    }

    pub(super) fn circuits(&self, key: &K) -> usize {
        self.shares.get(key).map_or(0, |share| share.circuits)
    }

    pub(super) fn enter(&mut self, key: K, now: Time) {
        let (rate, burst_ms) = (self.rate, self.burst_ms);
        let new = || Share { circuits: 0, bucket: Bucket::new(rate, burst_ms, now) };
        self.shares.entry(key).or_insert_with(new).circuits += 1;
    }

    pub(super) fn leave(&mut self, key: &K, now: Time) {
        if let Some(share) = self.shares.get_mut(key) {
            share.circuits = share.circuits.saturating_sub(1);
            let empty = self.shares.values().filter(|share| share.circuits == 0).count();
            if empty > self.kept {
                self.shares.remove(key);
            }
        }
        self.tidy(now);
    }

    pub(super) fn spend(&mut self, key: &K, bytes: u64, now: Time) -> Time {
        self.shares.get_mut(key).map_or(now, |share| share.bucket.spend(bytes, now))
    }

    /// Forgets what nothing is owed of.
    pub(super) fn tidy(&mut self, now: Time) {
        self.shares.retain(|_, share| share.circuits > 0 || !share.bucket.is_full(now));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shares.len()
    }
}
