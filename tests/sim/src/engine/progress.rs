//! How far a simulation has come, for whoever waits for its end. It sees the simulation, which sees nothing of it.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::Time;

thread_local! {
    static WATCHED: RefCell<Progress> = RefCell::default();
}

/// Shared between a simulation and those who look on.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Of the engines that are made on this thread from now on, until this is called again.
    #[must_use]
    pub fn watch() -> Self {
        let new = Self::default();
        WATCHED.set(new.clone());
        new
    }

    pub(super) fn of_this_thread() -> Self {
        WATCHED.with_borrow(Self::clone)
    }

    /// The virtual time that has come.
    #[must_use]
    pub fn time(&self) -> Time {
        Time::from_micros(self.0.load(Relaxed))
    }

    pub(super) fn reached(&self, now: Time) {
        self.0.store(now.micros(), Relaxed);
    }
}
