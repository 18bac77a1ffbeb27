//! What there is to do: the topic's logs, read as far as there is room for.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use atoll_protocol::topic::{Entry, Seq, log::Stretch};
use atoll_registry::topics::group::EntryId;
use bytes::Bytes;

use super::coordinator::{Coordinator, State};
use crate::broker::{
    Message,
    filter::Seen,
    readers::LogRef,
    tail::{Read, Tail},
};

/// Bytes of entries that are held at most, but for the last one.
const BYTES: usize = 64 * 1024 * 1024;
/// What an entry takes beside its own bytes.
const OVERHEAD: usize = 512;

/// Offers what is read, for as long as there is something to come.
pub(super) async fn run(coordinator: &Coordinator, mut tail: Tail) {
    let mut seen = Seen::default();
    while let Some(read) = tail.next().await {
        match read {
            Read::Batch { log, batch, entries } => {
                let first = batch.head().value().first;
                let id = |nth| EntryId {
                    author: log.author,
                    epoch: batch.head().value().epoch,
                    seq: Seq(first.0.saturating_add(nth)),
                };
                let wanted = batch.entries().iter().zip(0..).map(|(entry, nth)| (id(nth), entry));
                for (id, entry) in wanted.filter(|(id, _)| within(&entries, id.seq)) {
                    offer(coordinator, &log, id, entry, &mut seen).await;
                }
            }
            Read::End => {}
            Read::Gap { log, gap } => tracing::warn!(
                group = %coordinator.name.group, topic = %coordinator.name.topic, author = %log.author,
                "entries {} to {} are no longer to be had; the group goes on without them", gap.entries.from, gap.entries.to
            ),
        }
    }
}

fn within(entries: &Stretch, seq: Seq) -> bool {
    entries.contains(seq)
}

async fn offer(coordinator: &Coordinator, log: &LogRef, id: EntryId, entry: &Entry, seen: &mut Seen) {
    // Of a log that was not known when reading began, what is older may be read, too.
    let is_new = entry.time >= coordinator.since || coordinator.state.lock().group.knows(&(id.author, id.epoch));
    let is_work =
        is_new && matches!(entry.policy(), Ok(None)) && entry.id.as_ref().is_none_or(|id| seen.is_new(log, id));
    if !is_work {
        return;
    }
    while !coordinator.state.lock().has_room() {
        coordinator.room.notified().await;
    }
    let key = entry.key.as_ref().map(|key| {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    });
    let message = Message::alone(Arc::clone(log), id.epoch, id.seq, copy(entry));
    let now = coordinator.inner.clock.now();
    coordinator.with(|state| {
        // Held before it is offered: it may be given at once.
        state.bytes += cost(&message);
        let cost = cost(&message);
        state.held.insert(id, message);
        if state.group.offer(id, key, now).is_err() {
            state.held.remove(&id);
            state.bytes = state.bytes.saturating_sub(cost);
        }
    });
}

impl State {
    fn has_room(&self) -> bool {
        self.group.room() > 0 && self.bytes < BYTES
    }
}

/// What is held of a message, in bytes.
pub(super) fn cost(message: &Message) -> usize {
    let len = |bytes: Option<&Bytes>| bytes.map_or(0, Bytes::len);
    let headers: usize = message.headers().iter().map(|(name, value)| name.len() + value.len()).sum();
    OVERHEAD + headers + len(message.key()) + len(message.id()) + message.payload().len()
}

/// The entry by itself: what waits long must not keep the whole batch that it came in.
fn copy(entry: &Entry) -> Entry {
    let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
    Entry {
        time: entry.time,
        key: entry.key.as_ref().map(copy),
        id: entry.id.as_ref().map(copy),
        headers: entry.headers.clone(),
        payload: copy(&entry.payload),
    }
}
