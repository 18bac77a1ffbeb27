//! How far a group has come in each author's log.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    topic::{Epoch, Seq, work::Standing},
};

use super::{EntryId, Order};

/// Positions that are not done, by log. Its size is that of the window, and of the logs.
#[derive(Debug, Default)]
pub(super) struct Progress(BTreeMap<(NodeId, Epoch), Chain>);

#[derive(Debug, Default)]
struct Chain {
    /// What coordinators have noted before this one, without what was offered since.
    before: Standing,
    offered: Seq,
    open: BTreeMap<Seq, Order>,
}

/// Why an entry is not begun.
pub(super) enum NotBegun {
    Again,
    Done,
}

impl Progress {
    /// Another coordinator has said how far the group has come. Gives what is open here, and done by that.
    pub(super) fn learn(&mut self, author: NodeId, epoch: Epoch, standing: &Standing) -> Vec<Order> {
        let chain = self.0.entry((author, epoch)).or_default();
        chain.before.merge(standing);
        let done = chain.open.iter().filter(|(seq, _)| standing.is_done(**seq));
        done.map(|(_, order)| *order).collect()
    }

    /// An entry was offered. Gives how often it was given before, as far as was noted.
    pub(super) fn begin(&mut self, entry: EntryId, order: Order) -> Result<u32, NotBegun> {
        let chain = self.0.entry((entry.author, entry.epoch)).or_default();
        if entry.seq <= chain.offered {
            return Err(NotBegun::Again);
        }
        chain.offered = entry.seq;
        if chain.before.is_done(entry.seq) {
            return Err(NotBegun::Done);
        }
        chain.open.insert(entry.seq, order);
        Ok(chain.before.open.get(&entry.seq).copied().unwrap_or_default())
    }

    /// An entry is done.
    pub(super) fn end(&mut self, entry: EntryId) {
        if let Some(chain) = self.0.get_mut(&(entry.author, entry.epoch)) {
            chain.open.remove(&entry.seq);
        }
    }

    pub(super) fn order(&self, entry: &EntryId) -> Option<Order> {
        self.0.get(&(entry.author, entry.epoch))?.open.get(&entry.seq).copied()
    }

    pub(super) fn knows(&self, log: &(NodeId, Epoch)) -> bool {
        self.0.contains_key(log)
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = (NodeId, Epoch)> {
        self.0.keys().copied()
    }

    /// How far the group has come in a log, where it is told how often what is open was given.
    pub(super) fn standing(&self, log: (NodeId, Epoch), attempts: impl Fn(Order) -> u32) -> Option<Standing> {
        let chain = self.0.get(&log)?;
        // What was noted as open and lies behind what was offered was left out: it counts as done.
        let later = chain.before.open.iter().filter(|(seq, _)| **seq > chain.offered);
        let open = chain.open.iter().map(|(seq, order)| (*seq, attempts(*order)));
        let open = open.chain(later.map(|(seq, attempts)| (*seq, *attempts))).collect();
        Some(Standing { to: chain.before.to.max(chain.offered), open })
    }
}
