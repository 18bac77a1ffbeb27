//! What is to be published, on its way to the writer: drafts of one topic that wait together become one batch.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock},
};

use atoll_protocol::{
    limits,
    names::TopicName,
    topic::{Draft, Epoch, Seq},
};
use atoll_registry::{time::Time, topics::outbox::AckLevel};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::error::PublishError;

/// Bytes that may wait for the writer; whoever wants to publish more waits.
const ROOM: usize = 16 * 1024 * 1024;
/// What a draft takes beside its own bytes.
const OVERHEAD: usize = 64;
/// Publishers that wait until about the same moment wait together, this exactly, in milliseconds.
const TOGETHER: u64 = 100;

/// Where entries were put, and what was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) epoch: Epoch,
    pub(super) first: Seq,
    pub(super) level: AckLevel,
}

/// Publishers that wait for the same.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) level: AckLevel,
    pub(super) until: Time,
    outcome: OnceLock<Result<Placed, PublishError>>,
    resolved: Notify,
}

impl Wait {
    pub(super) fn resolve(&self, outcome: Result<Placed, PublishError>) {
        // The first one counts.
        let _ = self.outcome.set(outcome);
        self.resolved.notify_waiters();
    }

    pub(super) async fn outcome(&self) -> Result<Placed, PublishError> {
        loop {
            let resolved = self.resolved.notified();
            tokio::pin!(resolved);
            // Before looking, or what is resolved in between would be missed.
            resolved.as_mut().enable();
            if let Some(outcome) = self.outcome.get() {
                return outcome.clone();
            }
            resolved.await;
        }
    }
}

/// What becomes one batch.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) drafts: Vec<Draft>,
    bytes: usize,
    pub(super) waits: Vec<Arc<Wait>>,
}

impl Round {
    fn has_room(&self, bytes: usize) -> bool {
        self.drafts.len() < limits::BATCH_ENTRIES && self.bytes + bytes <= limits::BATCH
    }

    fn push(&mut self, draft: Draft, bytes: usize, level: AckLevel, until: Time) -> (Arc<Wait>, usize) {
        let known = self.waits.iter().find(|wait| wait.level == level && wait.until == until);
        let wait = known.cloned().unwrap_or_else(|| {
            let wait = Arc::new(Wait { level, until, outcome: OnceLock::new(), resolved: Notify::new() });
            self.waits.push(Arc::clone(&wait));
            wait
        });
        self.drafts.push(draft);
        self.bytes += bytes;
        (wait, self.drafts.len() - 1)
    }

    pub(super) fn fail(&self, error: &PublishError) {
        self.waits.iter().for_each(|wait| wait.resolve(Err(error.clone())));
    }
}

/// Rounds by topic, in the order in which they were begun.
pub(super) type Rounds = HashMap<TopicName, VecDeque<Round>>;

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Drafts {
    rounds: Mutex<Option<Rounds>>,
    room: Semaphore,
}

impl Drafts {
    pub(super) fn new() -> Self {
        Self { rounds: Mutex::new(Some(Rounds::new())), room: Semaphore::new(ROOM) }
    }

    /// Hands a draft to the writer, once there is room. Gives whom to wait for, and the draft's position in its batch.
    pub(super) async fn push(
        &self,
        topic: &TopicName,
        draft: Draft,
        level: AckLevel,
        until: Time,
    ) -> Result<(Arc<Wait>, usize), PublishError> {
        let bytes = draft.room();
        let cost = u32::try_from(bytes + OVERHEAD).unwrap_or(u32::MAX);
        // The writer gives it back.
        self.room.acquire_many(cost).await.map_err(|_| PublishError::Stopped)?.forget();
        let until = Time(until.0.div_ceil(TOGETHER).saturating_mul(TOGETHER));
        let mut rounds = self.rounds.lock();
        let rounds = rounds.as_mut().ok_or(PublishError::Stopped)?;
        if !rounds.contains_key(topic) {
            rounds.insert(topic.clone(), VecDeque::new());
        }
        // It was there, or was just put there.
        let Some(of_topic) = rounds.get_mut(topic) else { return Err(PublishError::Stopped) };
        if of_topic.back().is_none_or(|last| !last.has_room(bytes)) {
            of_topic.push_back(Round::default());
        }
        let Some(last) = of_topic.back_mut() else { return Err(PublishError::Stopped) };
        Ok(last.push(draft, bytes, level, until))
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> Rounds {
        let taken = self.rounds.lock().as_mut().map(std::mem::take).unwrap_or_default();
        let all = taken.values().flatten();
        self.room.add_permits(all.map(|round| round.bytes + OVERHEAD * round.drafts.len()).sum());
        taken
    }

    /// Nothing more is taken. Gives what still waits.
    pub(super) fn close(&self) -> Rounds {
        self.room.close();
        self.rounds.lock().take().unwrap_or_default()
    }
}
