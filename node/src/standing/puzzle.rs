//! Making an identity: looking for a key that solves the network's puzzle ([`atoll_protocol::standing::puzzle`]).

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use atoll_protocol::{identity::SecretKey, standing::puzzle};

#[cfg(test)]
mod tests;

/// Keys that a thread tries until it looks whether another one has found one.
const STEP: u64 = 512;
/// How often it is told how far the search is.
const PERIOD: Duration = Duration::from_millis(250);

/// Ends a search when dropped.
#[derive(Debug, Default)]
pub(crate) struct Search(Arc<AtomicBool>);

impl Drop for Search {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Search {
    /// What the search looks at to know whether it is still wanted.
    pub(crate) fn is_over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// A new key with so many bits, looked for on all of the machine's cores. `tell` hears how many keys were tried, now and then.
/// `None` if the search was ended before.
pub(crate) fn solve(bits: u32, is_over: &AtomicBool, mut tell: impl FnMut(u64)) -> Option<SecretKey> {
    let seed: [u8; 32] = rand::random();
    let (next, found) = (AtomicU64::new(0), AtomicBool::new(false));
    let step = || -> Option<Range<u64>> {
        let first = next.fetch_add(STEP, Ordering::Relaxed);
        let wanted = !is_over.load(Ordering::Relaxed) && !found.load(Ordering::Relaxed);
        wanted.then(|| first..first.saturating_add(STEP))
    };
    let search = || {
        let key = std::iter::from_fn(&step).find_map(|numbers| puzzle::search(&seed, numbers, bits));
        found.store(found.load(Ordering::Relaxed) || key.is_some(), Ordering::Relaxed);
        key.map(|(_, key)| key)
    };
    let others = thread::available_parallelism().map_or(1, usize::from).saturating_sub(1);
    thread::scope(|scope| {
        let helpers: Vec<_> = (0..others).map(|_| scope.spawn(search)).collect();
        let mut told = Instant::now();
        let own = std::iter::from_fn(|| {
            if told.elapsed() >= PERIOD {
                told = Instant::now();
                tell(next.load(Ordering::Relaxed));
            }
            step()
        });
        let own = own.into_iter().find_map(|numbers| puzzle::search(&seed, numbers, bits));
        found.store(found.load(Ordering::Relaxed) || own.is_some(), Ordering::Relaxed);
        // All of them end now: each has found one, or sees that another has.
        let theirs = helpers.into_iter().filter_map(|helper| helper.join().ok().flatten());
        own.map(|(_, key)| key).into_iter().chain(theirs).next()
    })
}
