//! What the gateway counts of itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::net::Counter;

/// Counters, and gauges of what is there now.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Connections refused because there were too many.
    pub(super) refused: Counter,
    /// Requests answered, by the first digit of the status: 1 to 5.
    answers: [Counter; 5],
    connections: AtomicU64,
    subscribers: AtomicU64,
}

impl Figures {
    /// A request was answered.
    pub(super) fn answered(&self, status: u16) {
        if let Some(counter) = self.answers.get(usize::from(status / 100).saturating_sub(1)) {
            counter.add(1);
        }
    }

    /// How many were, by class, as `("2xx", 17)`.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(self.answers.iter().map(Counter::count))
    }

    /// A connection is open for as long as what this gives is held.
    pub(super) fn open(self: &Arc<Self>) -> Held {
        Held::new(self, |figures| &figures.connections)
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Somebody has subscribed for as long as what this gives is held.
    pub(super) fn subscribed(self: &Arc<Self>) -> Held {
        Held::new(self, |figures| &figures.subscribers)
    }

    /// Subscribers to topics that are connected.
    pub(super) fn subscribers(&self) -> u64 {
        self.subscribers.load(Ordering::Relaxed)
    }
}

/// Counts one more while it is held.
pub(super) struct Held {
    figures: Arc<Figures>,
    gauge: fn(&Figures) -> &AtomicU64,
}

impl Held {
    fn new(figures: &Arc<Figures>, gauge: fn(&Figures) -> &AtomicU64) -> Self {
        gauge(figures).fetch_add(1, Ordering::Relaxed);
        Self { figures: Arc::clone(figures), gauge }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        (self.gauge)(&self.figures).fetch_sub(1, Ordering::Relaxed);
    }
}
