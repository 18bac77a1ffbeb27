//! Who waits for which level of acknowledgement, and how far this node's own logs have come.

use std::{collections::HashMap, sync::Arc};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    sealed::{Hash, Verified},
    topic::{ChainId, Epoch, Head, Receipt, Seq, log::Stretch},
};
use atoll_registry::{
    time::Time,
    topics::outbox::{AckLevel, NoReceipt, Outbox, Reached, Ticket},
};
use parking_lot::Mutex;

use super::drafts::{Placed, Wait};
use crate::error::PublishError;

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Acks(Mutex<State>);

#[derive(Debug)]
struct State {
    outbox: Outbox,
    waits: HashMap<Ticket, (Arc<Wait>, TopicName, Epoch, Seq)>,
    next: u64,
}

/// One of this node's logs that others have not kept to the end.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) topic: TopicName,
    pub(super) epoch: Epoch,
    pub(super) entries: Stretch,
}

impl Acks {
    pub(super) fn new(me: NodeId) -> Self {
        Self(Mutex::new(State { outbox: Outbox::new(me), waits: HashMap::new(), next: 0 }))
    }

    /// A batch of an earlier run.
    pub(super) fn found(&self, head: &Verified<Head>) {
        let mut state = self.0.lock();
        state.outbox.written(head);
        let at = head.value();
        state.outbox.synced(&at.topic, at.epoch, at.last());
    }

    /// A batch was written, for which these wait.
    pub(super) fn written(&self, head: &Verified<Head>, waits: Vec<Arc<Wait>>) {
        let at = head.value();
        let mut state = self.0.lock();
        state.outbox.written(head);
        for wait in waits {
            if wait.level == AckLevel::Gossip {
                wait.resolve(Ok(Placed { epoch: at.epoch, first: at.first, level: AckLevel::Gossip }));
                continue;
            }
            let ticket = Ticket(state.next);
            state.next = state.next.wrapping_add(1);
            match state.outbox.wait(ticket, head, wait.level, wait.until) {
                Ok(Some(reached)) => {
                    wait.resolve(Ok(Placed { epoch: at.epoch, first: at.first, level: reached.level }))
                }
                Ok(None) => drop(state.waits.insert(ticket, (wait, at.topic.clone(), at.epoch, at.first))),
                Err(full) => wait.resolve(Err(PublishError::TooMany { reason: full.to_string() })),
            }
        }
    }

    /// Everything of this node's up to here is on its disk.
    pub(super) fn synced(&self, topic: &TopicName, epoch: Epoch, to: Seq) {
        let mut state = self.0.lock();
        let reached = state.outbox.synced(topic, epoch, to);
        state.tell(reached);
    }

    /// A keeper has given a receipt.
    pub(super) fn receipt(
        &self,
        receipt: &Verified<Receipt>,
        keeps: bool,
        hash: impl FnOnce(&ChainId, Seq) -> Option<Hash>,
    ) -> Result<(), NoReceipt> {
        let mut state = self.0.lock();
        let reached = state.outbox.receipt(receipt, keeps, hash)?;
        state.tell(reached);
        Ok(())
    }

    /// A node no longer keeps a topic.
    pub(super) fn left(&self, topic: &TopicName, keeper: &NodeId) {
        self.0.lock().outbox.left(topic, keeper);
    }

    pub(super) fn due(&self) -> Time {
        self.0.lock().outbox.due()
    }

    /// Tells those whose time is over.
    pub(super) fn wake(&self, now: Time) {
        let mut state = self.0.lock();
        let over = state.outbox.wake(now);
        state.tell(over);
    }

    /// What fewer than so many keepers have.
    pub(super) fn pending(&self, keepers: usize) -> Vec<Pending> {
        let state = self.0.lock();
        let all = state.outbox.pending(keepers);
        all.map(|(topic, epoch, entries)| Pending { topic: topic.clone(), epoch, entries }).collect()
    }

    /// Who has given receipts for a log, and for what of it; and how many entries publishers wait for.
    pub(super) fn kept(&self, topic: &TopicName, epoch: Epoch) -> (Vec<(NodeId, Stretch)>, u64) {
        let state = self.0.lock();
        (state.outbox.kept(topic, epoch).collect(), state.outbox.waiting(topic, epoch))
    }

    /// Whether this node has published anything.
    pub(super) fn has_any(&self) -> bool {
        !self.0.lock().outbox.is_empty()
    }

    /// Nothing more will be reached.
    pub(super) fn end(&self) {
        let mut state = self.0.lock();
        state.waits.drain().for_each(|(_, (wait, ..))| wait.resolve(Err(PublishError::Stopped)));
    }
}

impl State {
    fn tell(&mut self, reached: Vec<Reached>) {
        for Reached { ticket, level, enough } in reached {
            let Some((wait, topic, epoch, first)) = self.waits.remove(&ticket) else { continue };
            wait.resolve(match enough {
                true => Ok(Placed { epoch, first, level }),
                false => Err(PublishError::NotReached { topic, wanted: wait.level, reached: level }),
            });
        }
    }
}
