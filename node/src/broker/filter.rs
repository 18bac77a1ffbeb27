//! What of the messages on a topic a subscriber is given: those that it asks for, and the same thing once.

use std::collections::{HashSet, VecDeque};

use atoll_protocol::topic::Entry;
use bytes::Bytes;

use super::readers::LogRef;

/// Idempotency ids that a subscription remembers.
const IDS: usize = 4_096;

/// Which messages are wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) headers: Vec<(String, String)>,
    pub(super) key: Option<Bytes>,
}

impl Filter {
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        self.key.as_ref().is_none_or(|key| entry.key.as_ref() == Some(key))
            && self.headers.iter().all(|(name, value)| entry.headers.get(name) == Some(value))
    }
}

/// Idempotency ids that were seen lately, each in its author's log on its topic: what others name the same is something else, and nobody
/// can keep another's message from being given by naming one of his own like that.
#[derive(Debug, Default)]
pub(super) struct Seen {
    all: HashSet<(LogRef, Bytes)>,
    order: VecDeque<(LogRef, Bytes)>,
}

impl Seen {
    /// Whether it was not seen before; from now on it was.
    pub(super) fn is_new(&mut self, log: &LogRef, id: &Bytes) -> bool {
        // Copied: what it shares its memory with need not be kept.
        let id = (LogRef::clone(log), Bytes::copy_from_slice(id));
        if !self.all.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
        true
    }
}
