//! Keeping the view for the next run: what has changed, now and then; all of it at the end.

use std::time::Duration;

use atoll_protocol::identity::NodeId;
use atoll_registry::services::{Batch, Change, Kept, Removal};
use tokio::time::Instant;

use super::Actor;

/// How often what has changed is written. Never for each message: what a crash takes is learnt anew.
const ROUND: Duration = Duration::from_secs(30);
/// How soon it is written first, and how soon a withdrawal is: what was withdrawn should not return.
const SOON: Duration = Duration::from_secs(2);
/// Bytes that are written in each round, about.
const WRITTEN: usize = 4 * 1024 * 1024;
/// Bytes that are written in between, about; what is deleted does not count. Strangers decide how often there is something.
const WRITTEN_SOON: usize = 256 * 1024;

/// What is kept, and when that is next brought up to date.
#[derive(Debug)]
pub(super) struct Keeping {
    kept: Kept,
    round: Instant,
    /// Something has changed that is not to wait for the next round.
    urgent: Option<Instant>,
}

impl Keeping {
    pub(super) fn new() -> Self {
        Self { kept: Kept::default(), round: Instant::now() + SOON, urgent: None }
    }

    pub(super) fn due(&self) -> Instant {
        self.urgent.map_or(self.round, |urgent| urgent.min(self.round))
    }

    pub(super) fn noticed(&mut self, change: &Change) {
        if matches!(change, Change::Removed(_, Removal::Withdrawn | Removal::Superseded | Removal::Unconfirmed)) {
            self.urgent.get_or_insert_with(|| Instant::now() + SOON);
        }
    }

    /// How much may be written now.
    fn allowed(&mut self) -> usize {
        self.urgent = None;
        if self.round > Instant::now() {
            return WRITTEN_SOON;
        }
        self.round = Instant::now() + ROUND;
        WRITTEN
    }
}

impl Actor {
    /// Lists what was known before a restart. Returns how many nodes that are.
    pub(super) fn restore(&mut self, sets: Vec<Batch>, rubbish: Vec<NodeId>) -> usize {
        let mut listed = 0;
        for batch in sets {
            let left = batch.remaining.unwrap_or_default();
            self.keeping.kept.found(&batch);
            match self.with(|_, view, at| view.restore(batch, left, at.now, at.wall)) {
                Ok(restored) => listed += usize::from(restored),
                Err(refused) => tracing::debug!("a stored record set is left out: {refused}"),
            }
        }
        rubbish.into_iter().for_each(|node| self.keeping.kept.found_rubbish(node));
        self.with(|_, view, _| view.fit());
        listed
    }

    /// Writes what has changed, unless the disk is busy with what cannot be learnt anew.
    pub(super) fn keep_view(&mut self) {
        let allowed = self.keeping.allowed();
        let Some(place) = self.outputs.storage.place_for_records() else { return };
        let now = self.directory.clock.now();
        let changes = self.keeping.kept.changes(&self.directory.view.read(), now, allowed);
        if !changes.is_empty() {
            tracing::debug!("{} nodes are kept for the next run, {} changes", self.keeping.kept.len(), changes.len());
            place.put(self.directory.network.clone(), changes);
        }
    }

    /// Writes all that has changed, before the node stops.
    pub(super) async fn keep_all(&mut self) {
        let now = self.directory.clock.now();
        let changes = self.keeping.kept.changes(&self.directory.view.read(), now, usize::MAX);
        self.outputs.storage.keep_records(self.directory.network.clone(), changes).await;
    }
}
