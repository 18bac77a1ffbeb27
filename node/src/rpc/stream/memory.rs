//! What each peer's streams hold in this node's memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use atoll_protocol::{
    identity::NodeId,
    limits::{STREAM_WINDOW, STREAM_WINDOW_MAX},
};
use parking_lot::Mutex;

/// Bytes beyond which a peer's streams get no more than the smallest window.
const NARROW: u64 = 64 * 1024 * 1024;
/// Bytes beyond which a peer's streams are given up when they receive more.
const FULL: u64 = 256 * 1024 * 1024;

/// The messages of one peer that wait for programs here, in bytes over all its streams.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Memory(AtomicU64);

impl Memory {
    /// How much wider than the smallest a stream's window may be now.
    pub(super) fn budget(&self) -> u64 {
        if self.0.load(Ordering::Relaxed) < NARROW { STREAM_WINDOW_MAX - STREAM_WINDOW } else { 0 }
    }

    /// Whether the peer's streams hold too much.
    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) > FULL
    }

    /// A stream held `before` bytes and now holds `after`.
    pub(super) fn changed(&self, before: u64, after: u64) {
        if after >= before {
            self.0.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.0.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

/// The memory of every peer that has streams.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Memories(Mutex<HashMap<NodeId, Weak<Memory>>>);

impl Memories {
    pub(in crate::rpc) fn of(&self, peer: NodeId) -> Arc<Memory> {
        let mut all = self.0.lock();
        if let Some(memory) = all.get(&peer).and_then(Weak::upgrade) {
            return memory;
        }
        all.retain(|_, memory| memory.strong_count() > 0);
        let memory = Arc::default();
        all.insert(peer, Arc::downgrade(&memory));
        memory
    }
}
