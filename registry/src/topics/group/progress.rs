//! How far a group has come in each author's log.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{
    identity::NodeId,
    topic::{Epoch, Seq},
};

use super::EntryId;

/// Positions that are not done, by log. Its size is that of the window, and of the logs.
#[derive(Debug, Default)]
pub(super) struct Progress(BTreeMap<(NodeId, Epoch), Chain>);

#[derive(Debug, Default)]
struct Chain {
    offered: Seq,
    committed: Seq,
    open: BTreeSet<Seq>,
}

impl Progress {
    /// An entry was offered; false if it, or a later one, was before.
    pub(super) fn begin(&mut self, entry: EntryId) -> bool {
        let chain = self.0.entry((entry.author, entry.epoch)).or_default();
        if entry.seq <= chain.offered {
            return false;
        }
        chain.offered = entry.seq;
        chain.open.insert(entry.seq)
    }

    /// An entry is done; up to where all are, if that is further than before.
    pub(super) fn end(&mut self, entry: EntryId) -> Option<Seq> {
        let chain = self.0.get_mut(&(entry.author, entry.epoch))?;
        chain.open.remove(&entry.seq);
        let to = chain.open.first().map_or(chain.offered, |first| first.before());
        (to > chain.committed).then(|| {
            chain.committed = to;
            to
        })
    }
}
