//! What a coordinator notes: what is done, for those that come after it.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    codec,
    identity::NodeId,
    topic::{Draft, Epoch, work::Note},
};
use futures::future::join_all;
use tokio::time::sleep;

use super::{
    Name,
    coordinator::{AGAIN, Coordinator, State},
};
use crate::{
    broker::{Inner, Publish},
    error::PublishError,
};

/// How long what is done waits to be noted together with what else is done. So much may be done twice if the coordinator is lost.
const TOGETHER: Duration = Duration::from_millis(100);
/// After so many notes everything is noted anew, so that older ones need not be retained.
const ANEW: usize = 1_024;

pub(super) async fn publish(inner: &Arc<Inner>, name: &Name, note: &Note) -> Result<(), PublishError> {
    let payload = codec::encode(note).map(Draft::of);
    let draft = payload.map_err(|error| PublishError::Invalid { reason: error.to_string() });
    Publish::new(Arc::clone(inner), name.notes.clone(), draft).key(note.key()).await.map(drop)
}

impl Coordinator {
    /// Notes what is done.
    pub(super) async fn keep_notes(&self) {
        loop {
            self.noted.notified().await;
            sleep(TOGETHER).await;
            while !self.write_notes().await {
                sleep(AGAIN).await;
            }
        }
    }

    pub(super) fn note_all(&self) {
        let mut state = self.state.lock();
        state.dirty = state.group.logs().collect();
        self.noted.notify_one();
    }

    /// Notes what there is to be noted. False if some of it is still to be.
    pub(super) async fn write_notes(&self) -> bool {
        let notes = self.state.lock().take_notes(self.epoch);
        let written = notes.iter().map(|(_, note)| publish(&self.inner, &self.name, note));
        let written = join_all(written).await;
        let mut failed = None;
        let mut state = self.state.lock();
        for ((log, _), result) in notes.iter().zip(written) {
            if let Err(error) = result {
                state.dirty.insert(*log);
                failed = Some(error);
            }
        }
        if let Some(error) = &failed {
            tracing::warn!(group = %self.name.group, topic = %self.name.topic, "what the group has done is not noted: {error}");
        }
        failed.is_none()
    }
}

impl State {
    fn take_notes(&mut self, by: u64) -> Vec<((NodeId, Epoch), Note)> {
        let logs = self.group.logs().count();
        if self.since_all > ANEW + logs {
            self.dirty = self.group.logs().collect();
            self.since_all = 0;
        }
        self.since_all += self.dirty.len();
        let dirty = std::mem::take(&mut self.dirty);
        let note = |log: (NodeId, Epoch)| {
            let standing = self.group.standing(log)?.bounded();
            Some((log, Note::Standing { by, author: log.0, epoch: log.1, standing }))
        };
        dirty.into_iter().filter_map(note).collect()
    }
}
