//! What has been seen, and what can still be asked for.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    time::Duration,
};

use super::{MessageId, Settings};
use crate::engine::Time;

/// Hashes without a random key, so that runs are alike. Names that collide on purpose are no threat here.
#[derive(Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
    }
}

/// Messages by name. It is never iterated over.
#[derive(Debug)]
pub(super) struct Cache<D> {
    seen: HashMap<MessageId, Option<(D, u32)>, BuildHasherDefault<Plain>>,
    /// In the order of their time to be forgotten.
    forget: VecDeque<(Time, MessageId)>,
    seen_for: Duration,
    /// Names of the messages kept, the latest heartbeat's first.
    windows: VecDeque<Vec<MessageId>>,
    history: usize,
}

impl<D: Clone> Cache<D> {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            seen: HashMap::default(),
            forget: VecDeque::new(),
            seen_for: settings.seen_for,
            windows: VecDeque::from([Vec::new()]),
            history: settings.history,
        }
    }

    /// Whether this is the first time; from now on it has been seen.
    pub(super) fn first(&mut self, id: MessageId, now: Time) -> bool {
        if self.seen.contains_key(&id) {
            return false;
        }
        self.seen.insert(id, None);
        self.forget.push_back((now + self.seen_for, id));
        true
    }

    pub(super) fn has_seen(&self, id: &MessageId) -> bool {
        self.seen.contains_key(id)
    }

    /// Keeps a message that has been seen, for those who ask.
    pub(super) fn keep(&mut self, id: MessageId, data: &D, bytes: u32) {
        if let (Some(kept), Some(window)) = (self.seen.get_mut(&id), self.windows.front_mut()) {
            *kept = Some((data.clone(), bytes));
            window.push(id);
        }
    }

    pub(super) fn get(&self, id: &MessageId) -> Option<(&D, u32)> {
        let (data, bytes) = self.seen.get(id)?.as_ref()?;
        Some((data, *bytes))
    }

    /// The names that others are told of.
    pub(super) fn recent(&self, settings: &Settings) -> Vec<MessageId> {
        self.windows.iter().take(settings.gossiped).flatten().copied().collect()
    }

    /// Begins the window of the next heartbeat.
    pub(super) fn shift(&mut self, now: Time) {
        self.windows.push_front(Vec::new());
        while self.windows.len() > self.history {
            for id in self.windows.pop_back().into_iter().flatten() {
                if let Some(kept) = self.seen.get_mut(&id) {
                    *kept = None;
                }
            }
        }
        while self.forget.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, id)) = self.forget.pop_front() {
                self.seen.remove(&id);
            }
        }
    }
}
