//! What has been seen, and what can still be asked for.

use std::collections::VecDeque;

use super::{Number, Settings, seen::Seen};
use crate::engine::Time;

/// A message that others may ask for.
#[derive(Debug)]
struct Kept<D> {
    number: Number,
    data: D,
    bytes: u32,
}

/// Messages by their numbers.
#[derive(Debug)]
pub(super) struct Cache<D> {
    seen: Seen,
    /// The messages kept, the latest heartbeat's first.
    windows: VecDeque<Vec<Kept<D>>>,
    history: usize,
}

impl<D> Cache<D> {
    pub(super) fn new(settings: &Settings) -> Self {
        let windows = VecDeque::from([Vec::new()]);
        Self { seen: Seen::new(settings.seen_for), windows, history: settings.history }
    }

    /// Whether this is the first time; from now on it has been seen.
    pub(super) fn first(&mut self, number: Number, now: Time) -> bool {
        self.seen.first(number, now)
    }

    pub(super) fn has_seen(&self, number: Number) -> bool {
        self.seen.has(number)
    }

    /// Keeps a message that has been seen, for those who ask.
    pub(super) fn keep(&mut self, number: Number, data: D, bytes: u32) {
        if let Some(window) = self.windows.front_mut() {
            window.push(Kept { number, data, bytes });
        }
    }

    pub(super) fn get(&self, number: Number) -> Option<(&D, u32)> {
        let kept = self.windows.iter().flatten().find(|kept| kept.number == number)?;
        Some((&kept.data, kept.bytes))
    }

    /// The messages that others are told of.
    pub(super) fn recent(&self, settings: &Settings) -> impl Iterator<Item = Number> {
        self.windows.iter().take(settings.gossiped).flatten().map(|kept| kept.number)
    }

    /// Begins the window of the next heartbeat.
    pub(super) fn shift(&mut self, now: Time) {
        self.windows.push_front(Vec::new());
        self.windows.truncate(self.history);
        self.seen.forget(now);
    }
}
