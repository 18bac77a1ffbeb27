//! How long a method keeps the thread that runs it busy before it first waits.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::future::poll_fn;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// A method below this is quick: running it costs less than handing it to another thread, which takes some microseconds.
const QUICK: Duration = Duration::from_micros(20);

/// Smoothed over the calls, in nanoseconds. A method is quick until it has been seen not to be.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU32);

impl Pace {
    pub(super) fn is_quick(&self) -> bool {
        self.0.load(Ordering::Relaxed) < QUICK.as_nanos() as u32
    }

    /// Takes in how long it took (an eighth of the new sample): one slow call in a thousand makes some hundred go elsewhere.
    pub(super) fn took(&self, time: Duration) {
        let sample = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        let old = self.0.load(Ordering::Relaxed);
        self.0.store(old - old / 8 + sample / 8, Ordering::Relaxed);
    }

    /// Runs `work` and measures it up to where it first waits, so that a method can prove to be quick again.
    pub(super) async fn measured<F: Future>(self: Arc<Self>, mut work: Pin<Box<F>>) -> F::Output {
        let mut first = true;
        poll_fn(move |context| {
            if !std::mem::take(&mut first) {
                return work.as_mut().poll(context);
            }
            let begun = Instant::now();
            let polled = work.as_mut().poll(context);
            self.took(begun.elapsed());
            polled
        })
        .await
    }
}
