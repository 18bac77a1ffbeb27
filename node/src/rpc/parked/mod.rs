//! Answers too large for a lane, waiting to be fetched on a substream of their own.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use atoll_protocol::{identity::NodeId, rpc::Status};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

#[cfg(test)]
mod tests;

/// Bytes that may wait in all.
const BYTES: usize = 64 * 1024 * 1024;
/// Bytes that may wait for one peer, so that one that fetches nothing leaves room for the others.
const BYTES_PER_PEER: usize = BYTES / 2;
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
    /// Whether a task looks after what waits too long.
    swept: bool,
}

impl State {
    /// Bytes that wait, in all and for one peer. Few answers are large, so few wait.
    fn bytes(&self, peer: &NodeId) -> (usize, usize) {
        self.waiting.values().fold((0, 0), |(all, theirs), w| {
            (all + w.body.len(), if w.peer == *peer { theirs + w.body.len() } else { theirs })
        })
    }

    fn expire(&mut self, now: Instant, patience: Duration) {
        self.waiting.retain(|_, w| now.duration_since(w.since) < patience);
    }
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Parked {
    state: Arc<Mutex<State>>,
    patience: Duration,
}

impl Default for Parked {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Parked {
    fn new(patience: Duration) -> Self {
        Self { state: Arc::default(), patience }
    }

    /// Keeps an answer for `peer` and gives its ticket.
    pub(super) fn park(&self, peer: NodeId, head: Bytes, body: Bytes) -> Result<u64, Status> {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.expire(now, self.patience);
        let (all, theirs) = state.bytes(&peer);
        let (all, theirs) = (all.saturating_add(body.len()), theirs.saturating_add(body.len()));
        if all > BYTES || theirs > BYTES_PER_PEER {
            return Err(Status::resource_exhausted(format!(
                "an answer of {} bytes has to wait, and too many wait already (at most {BYTES} bytes in all and \
                 {BYTES_PER_PEER} for one caller); try again later",
                body.len()
            )));
        }
        let ticket = rand::random();
        state.waiting.insert(ticket, Waiting { peer, since: now, head, body });
        if !std::mem::replace(&mut state.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.state), self.patience));
        }
        Ok(ticket)
    }

    /// Hands an answer to the peer that it is for.
    pub(super) fn take(&self, peer: NodeId, ticket: u64) -> Option<(Bytes, Bytes)> {
        let mut state = self.state.lock();
        if state.waiting.get(&ticket)?.peer != peer {
            return None;
        }
        let Waiting { head, body, .. } = state.waiting.remove(&ticket)?;
        Some((head, body))
    }
}

/// Drops what nobody fetches, until nothing waits: a node that is idle must not hold on to it.
async fn sweep(state: Weak<Mutex<State>>, patience: Duration) {
    loop {
        sleep(patience).await;
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock();
        state.expire(Instant::now(), patience);
        if state.waiting.is_empty() {
            state.swept = false;
            return;
        }
    }
}
