//! Frames that wait to be written.
//!
//! Whoever has something to say encodes it here; one writer takes whatever has gathered and writes it at once. So
//! batching comes from backpressure alone, and a small frame is copied once: from its owner into the bytes that go out.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::frame::{self, FrameKind};

#[cfg(test)]
mod tests;

/// A body at least this long is not copied but handed on as it is: below, copying is cheaper than one more write.
const SEPARATE: usize = 16 * 1024;
/// Bytes that may wait before those who want to add more have to wait, too.
const FULL: usize = 256 * 1024;

/// See the [module docs](self).
#[derive(Debug, Default)]
pub struct Outbox {
    /// Ready to go, in order.
    ready: VecDeque<Bytes>,
    /// What comes after them; still grows.
    tail: BytesMut,
    /// Bytes in `ready`.
    held: usize,
    /// Bytes ever pushed.
    pushed: u64,
    /// Bytes ever taken.
    taken: u64,
}

impl Outbox {
    /// Adds a frame. Returns `false`, adding nothing, if it breaks the limits of [`frame::encode`].
    #[must_use]
    pub fn push(&mut self, kind: FrameKind, call: u64, head: &[u8], body: Bytes) -> bool {
        let separate = body.len() >= SEPARATE;
        let fits = if separate {
            frame::encode_start(&mut self.tail, kind, call, head, body.len())
        } else {
            frame::encode(&mut self.tail, kind, call, head, &body)
        };
        if !fits {
            return false;
        }
        self.pushed += (frame::HEADER + head.len() + body.len()) as u64;
        if separate {
            self.close_tail();
            self.held += body.len();
            self.ready.push_back(body);
        }
        true
    }

    /// Adds a frame without head and body.
    pub fn push_bare(&mut self, kind: FrameKind, call: u64) {
        // Nothing is too long about it.
        let _ = self.push(kind, call, &[], Bytes::new());
    }

    /// Takes what is to be written next.
    pub fn take(&mut self) -> Option<Bytes> {
        if self.ready.is_empty() {
            self.close_tail();
        }
        let next = self.ready.pop_front()?;
        self.held -= next.len();
        self.taken += next.len() as u64;
        Some(next)
    }

    /// Drops what waits: it will never be written. Nothing may be added after that, since the last frame taken may lack its
    /// body.
    pub fn discard(&mut self) {
        self.ready = VecDeque::new();
        self.tail = BytesMut::new();
        self.held = 0;
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.held += self.tail.len();
            self.ready.push_back(self.tail.split().freeze());
        }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.held + self.tail.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.tail.is_empty()
    }

    /// Whether so much waits that nothing should be added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting() >= FULL
    }

    /// Bytes pushed so far: where the next frame begins.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Bytes taken so far. What begins at or after this has certainly not been sent.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }
}
