//! Entries, and how those of a batch are encoded together.
//!
//! ```text
//! ┌────────┬─────────┬─────────┬─────┐
//! │ count  │ entry 1 │ entry 2 │  …  │      count: variable length, as everywhere
//! └────────┴─────────┴─────────┴─────┘
//!
//!  entry
//! ┌────────────────────────────┬──────────────┬──────────────┬───────────────────┬──────────────┐
//! │ time since the entry before│ key?         │ id?          │ headers           │ payload      │
//! │ (the first one: since 0)   │ 00, 01 bytes │ 00, 01 bytes │ count, texts      │ length, bytes│
//! └────────────────────────────┴──────────────┴──────────────┴───────────────────┴──────────────┘
//! ```
//!
//! An entry of 100 bytes without key, id and headers takes 105 of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

use super::clock::Hlc;
use crate::{
    codec::{self, DecodeError, bytes::Piece},
    limits,
};

/// Names and values that go with a payload. By convention `content-type` says what the payload is.
pub type Headers = BTreeMap<String, String>;

/// What a publisher hands over, to become an [`Entry`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// What the entry is about: the last value for each key may be all that is retained, and a group may keep the order for
    /// each key. At most [`ENTRY_KEY`](limits::ENTRY_KEY) bytes.
    pub key: Option<Bytes>,
    /// Given to every attempt to publish the same thing, so that consumers can tell. At most [`ENTRY_ID`](limits::ENTRY_ID)
    /// bytes.
    pub id: Option<Bytes>,
    /// Names and values.
    pub headers: Headers,
    /// What is said. At most [`ENTRY_PAYLOAD`](limits::ENTRY_PAYLOAD) bytes.
    pub payload: Bytes,
}

/// One thing said on a topic. Key, id and payload share the memory of their batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was made, by its author's clock. Within an epoch of a log times rise from entry to entry.
    pub time: Hlc,
    /// What it is about.
    pub key: Option<Bytes>,
    /// What tells repeated attempts to publish the same.
    pub id: Option<Bytes>,
    /// Names and values.
    pub headers: Headers,
    /// What is said.
    pub payload: Bytes,
}

/// How an entry breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Too much of something.
    #[error("{count} {what}, at most {limit} are allowed")]
    TooMuch {
        /// Of what, in the plural.
        what: &'static str,
        /// How much there is.
        count: usize,
        /// How much there may be.
        limit: usize,
    },
    /// It is not later than the entry before.
    #[error("dated {time}, which is not after the entry before")]
    Backwards {
        /// Its time.
        time: Hlc,
    },
}

impl Draft {
    /// A payload, and nothing else.
    #[must_use]
    pub fn of(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// How much room it takes in a batch at most, in bytes.
    #[must_use]
    pub fn room(&self) -> usize {
        let piece = |bytes: &Option<Bytes>| bytes.as_ref().map_or(1, |bytes| 1 + LENGTH + bytes.len());
        let headers: usize = self.headers.iter().map(|(name, value)| 2 * LENGTH + name.len() + value.len()).sum();
        TIME + piece(&self.key) + piece(&self.id) + LENGTH + headers + LENGTH + self.payload.len()
    }

    /// Whether it keeps the rules.
    ///
    /// # Errors
    /// [`EntryError::TooMuch`].
    pub fn check(&self) -> Result<(), EntryError> {
        check(self.key.as_ref(), self.id.as_ref(), &self.headers, &self.payload)
    }

    pub(super) fn dated(self, time: Hlc) -> Entry {
        let Self { key, id, headers, payload } = self;
        Entry { time, key, id, headers, payload }
    }
}

/// Bytes that a time takes at most.
const TIME: usize = 9;
/// Bytes that a length takes at most.
const LENGTH: usize = 5;

fn check(key: Option<&Bytes>, id: Option<&Bytes>, headers: &Headers, payload: &Bytes) -> Result<(), EntryError> {
    let in_headers = || headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let bounds = [
        ("bytes of key", key.map_or(0, Bytes::len), limits::ENTRY_KEY),
        ("bytes of idempotency id", id.map_or(0, Bytes::len), limits::ENTRY_ID),
        ("headers", headers.len(), limits::ENTRY_HEADERS),
        ("bytes of headers", if headers.is_empty() { 0 } else { in_headers() }, limits::ENTRY_HEADER_BYTES),
        ("bytes of payload", payload.len(), limits::ENTRY_PAYLOAD),
    ];
    match bounds.into_iter().find(|(_, count, limit)| count > limit) {
        Some((what, count, limit)) => Err(EntryError::TooMuch { what, count, limit }),
        None => Ok(()),
    }
}

/// An entry on the wire; `H` are its headers, borrowed for encoding.
#[derive(Serialize, Deserialize)]
struct Raw<'a, H> {
    /// Since the entry before.
    elapsed: u64,
    #[serde(borrow)]
    key: Option<Piece<'a>>,
    #[serde(borrow)]
    id: Option<Piece<'a>>,
    headers: H,
    #[serde(borrow)]
    payload: Piece<'a>,
}

/// Entries, to be encoded one after the other.
struct Sequence<'a>(&'a [Entry]);

impl<'a> Serialize for Sequence<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = Hlc::default();
        serializer.collect_seq(self.0.iter().map(|entry| {
            let elapsed = entry.time.0.saturating_sub(before.0);
            before = entry.time;
            let piece = |bytes: &'a Bytes| Piece(bytes);
            let (key, id) = (entry.key.as_ref().map(piece), entry.id.as_ref().map(piece));
            Raw { elapsed, key, id, headers: &entry.headers, payload: Piece(&entry.payload) }
        }))
    }
}

/// The entries of a batch as they are signed and sent; `capacity` is about how many bytes that will be.
pub(super) fn encode(entries: &[Entry], capacity: usize) -> Result<Vec<u8>, codec::EncodeError> {
    codec::encode_in(&Sequence(entries), capacity)
}

/// What cannot be read, and what breaks a rule: by the position in the batch, from 0.
#[derive(Debug)]
pub(super) enum Unreadable {
    Bytes(DecodeError),
    Entry(usize, EntryError),
}

/// Reads the entries of a batch. What they hold is not copied: it is kept as slices of `bytes`.
pub(super) fn decode(bytes: &Bytes) -> Result<Vec<Entry>, Unreadable> {
    let raw: Vec<Raw<'_, Headers>> = codec::decode(bytes, limits::BATCH).map_err(Unreadable::Bytes)?;
    let mut before = Hlc::default();
    let read = |(at, raw): (usize, Raw<'_, Headers>)| {
        let slice = |piece: Piece<'_>| bytes.slice_ref(piece.0);
        let (key, id, payload) = (raw.key.map(slice), raw.id.map(slice), slice(raw.payload));
        let fails = |error| Unreadable::Entry(at, error);
        check(key.as_ref(), id.as_ref(), &raw.headers, &payload).map_err(fails)?;
        let time = Hlc(before.0.saturating_add(raw.elapsed));
        if time <= before {
            return Err(fails(EntryError::Backwards { time }));
        }
        before = time;
        Ok(Entry { time, key, id, headers: raw.headers, payload })
    };
    raw.into_iter().enumerate().map(read).collect()
}
