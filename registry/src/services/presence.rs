//! What is known of a node as a whole and told with each of its records. The node's entry in the table shares it with the lists
//! of records by name, so that a look-up does not have to find the node of each record that it takes.
//!
//! It is written by whoever has the directory for itself, but for the time of use, which look-ups note. So nothing here has to
//! be ordered by itself: the lock around the directory does that.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::time::Time;

#[derive(Debug)]
pub(super) struct Presence {
    /// When the node's lease ends; [`Time::NEVER`] for this node itself. In milliseconds of [`Time`], as the other one.
    expires: AtomicU64,
    /// When it was last renewed or one of its records found.
    used: AtomicU64,
    suspect: AtomicBool,
}

impl Presence {
    pub(super) fn new(now: Time, expires: Time) -> Self {
        Self { expires: AtomicU64::new(expires.0), used: AtomicU64::new(now.0), suspect: AtomicBool::new(false) }
    }

    pub(super) fn expires(&self) -> Time {
        Time(self.expires.load(Ordering::Relaxed))
    }

    pub(super) fn set_expires(&self, expires: Time) {
        self.expires.store(expires.0, Ordering::Relaxed);
    }

    pub(super) fn suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Sets or clears suspicion, and returns whether it was the other way before.
    pub(super) fn set_suspect(&self, suspect: bool) -> bool {
        self.suspect.swap(suspect, Ordering::Relaxed) != suspect
    }

    pub(super) fn used(&self) -> Time {
        Time(self.used.load(Ordering::Relaxed))
    }

    /// Notes that one of the node's records was wanted.
    pub(super) fn mark_used(&self, now: Time) {
        // Most look-ups are not the first ones of their millisecond, and what is not written stays in other processors' caches.
        if self.used() != now {
            self.used.store(now.0, Ordering::Relaxed);
        }
    }
}
