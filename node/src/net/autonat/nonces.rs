//! The nonces that servers are to say when they dial back.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use parking_lot::Mutex;

/// Requests of this node that may be under way.
pub(super) const EXPECTED: usize = 32;

/// The nonces of the requests under way, and whether each has come back; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nonces(Arc<Mutex<HashMap<u64, Asked>>>);

#[derive(Debug)]
struct Asked {
    at: Instant,
    heard: bool,
}

impl Nonces {
    /// Expects a new nonce for as long as the guard lives; `None` if [`EXPECTED`] requests are under way.
    pub(super) fn expect(&self) -> Option<Expected> {
        let mut expected = self.0.lock();
        if expected.len() >= EXPECTED {
            return None;
        }
        loop {
            let nonce = rand::random();
            // The same number twice would need more requests than there will ever be; a loop costs no more than an error.
            if let Entry::Vacant(vacant) = expected.entry(nonce) {
                vacant.insert(Asked { at: Instant::now(), heard: false });
                return Some(Expected { nonces: self.clone(), nonce });
            }
        }
    }

    /// A nonce has come over a connection that is there since `established`; `false` if nobody expects it, or if the
    /// connection was there before the request and so proves nothing.
    pub(super) fn heard(&self, nonce: u64, established: Instant) -> bool {
        let mut expected = self.0.lock();
        let asked = expected.get_mut(&nonce).filter(|asked| asked.at <= established);
        asked.map(|asked| asked.heard = true).is_some()
    }
}

/// A nonce that is to come.
#[derive(Debug)]
pub(super) struct Expected {
    nonces: Nonces,
    nonce: u64,
}

impl Expected {
    pub(super) const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Whether it has come.
    pub(super) fn is_heard(&self) -> bool {
        self.nonces.0.lock().get(&self.nonce).is_some_and(|asked| asked.heard)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.nonces.0.lock().remove(&self.nonce);
    }
}
