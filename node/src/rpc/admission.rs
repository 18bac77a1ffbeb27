//! How many calls a service takes at a time.
//!
//! Beyond its limit a few may wait, briefly; beyond those a call is refused at once, with a hint when to come back. An
//! overloaded service then does the work it can do, instead of working on calls whose callers have given up.

use std::{
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};

use atoll_protocol::rpc::Status;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

#[cfg(test)]
mod tests;

/// Calls that a service takes at a time if it does not say.
pub(super) const CONCURRENCY: usize = 1024;
/// Calls that may wait for one of these to end if it does not say.
pub(super) const QUEUE: usize = 128;
/// Shortest and longest hint when to come back.
const HINT: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(5)];

/// One service's places.
#[derive(Debug)]
pub(super) struct Admission {
    places: Semaphore,
    limit: usize,
    waiting: AtomicUsize,
    queue: usize,
    /// How long those who had to wait have waited, in milliseconds, smoothed.
    waited: AtomicU32,
}

impl Admission {
    pub(super) fn new(limit: usize, queue: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        let (waiting, waited) = (AtomicUsize::new(0), AtomicU32::new(0));
        Self { places: Semaphore::new(limit), limit, waiting, queue, waited }
    }

    /// A place, at once or after waiting for one. It is free again when what this gives is dropped.
    ///
    /// # Errors
    /// `resource_exhausted` with a hint, if too many wait already.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'_>, Status> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(&self.waiting, self.queue).ok_or_else(|| self.refusal())?;
        let since = Instant::now();
        let place = self.places.acquire().await.map_err(|_| self.refusal())?;
        self.has_waited(since.elapsed());
        Ok(place)
    }

    fn refusal(&self) -> Status {
        let Self { limit, queue, .. } = self;
        Status::resource_exhausted(format!(
            "{limit} calls are under way here and {queue} wait, which is all that this service takes"
        ))
        .retry_after(self.hint())
    }

    fn hint(&self) -> Duration {
        let [least, most] = HINT;
        Duration::from_millis(self.waited.load(Ordering::Relaxed).into()).clamp(least, most)
    }

    fn has_waited(&self, time: Duration) {
        let sample = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let old = self.waited.load(Ordering::Relaxed);
        self.waited.store(old - old / 8 + sample / 8, Ordering::Relaxed);
    }
}

/// A call that waits for a place.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let guard = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < limit).then_some(guard)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
