//! Answers too large for a lane, waiting to be fetched on a substream of their own.

use std::{collections::HashMap, time::Duration};

use atoll_protocol::{identity::NodeId, rpc::Status};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Bytes that may wait in all.
const BYTES: usize = 64 * 1024 * 1024;
/// How long an answer waits.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Waiting {
    peer: NodeId,
    since: Instant,
    head: Bytes,
    body: Bytes,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u64, Waiting>,
    bytes: usize,
}

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Parked(Mutex<State>);

impl Parked {
    /// Keeps an answer for `peer` and gives its ticket.
    pub(super) fn park(&self, peer: NodeId, head: Bytes, body: Bytes) -> Result<u64, Status> {
        let mut state = self.0.lock();
        let now = Instant::now();
        let kept = state.waiting.len();
        state.waiting.retain(|_, w| now.duration_since(w.since) < PATIENCE);
        if state.waiting.len() != kept {
            state.bytes = state.waiting.values().map(|w| w.body.len()).sum();
        }
        if state.bytes.saturating_add(body.len()) > BYTES {
            return Err(Status::resource_exhausted(format!(
                "an answer of {} bytes has to wait, and {BYTES} bytes of answers wait already; try again later",
                body.len()
            )));
        }
        let ticket = rand::random();
        state.bytes += body.len();
        state.waiting.insert(ticket, Waiting { peer, since: now, head, body });
        Ok(ticket)
    }

    /// Hands an answer to the peer that it is for.
    pub(super) fn take(&self, peer: NodeId, ticket: u64) -> Option<(Bytes, Bytes)> {
        let mut state = self.0.lock();
        if state.waiting.get(&ticket)?.peer != peer {
            return None;
        }
        let Waiting { head, body, .. } = state.waiting.remove(&ticket)?;
        state.bytes -= body.len();
        Some((head, body))
    }
}
