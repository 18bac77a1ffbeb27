//! What of a view is kept for the next run: the whole record sets of other nodes.
//!
//! Pure, as all of this: [`Kept`] knows what was written, and says what has changed since; the driver writes that, now and
//! then. A node that only renews its lease costs its lease, not its records. What is no longer listed, or no longer whole, is
//! deleted: what has been withdrawn must not return.
//!
//! Bounded in nodes and records by the view, in bytes by [`SET`] and [`STORED`], and in what is written at a time by the
//! driver.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    sealed::{Hash, Proved, Verified},
    service::{Lease, NodeRecord, Seq, ServiceRecord},
};

use super::{Batch, Directory, Holding, table::Entry};
use crate::time::Time;

/// Largest record set that is kept, in bytes; a larger one is learnt anew.
pub const SET: usize = 1024 * 1024;
/// All record sets that are kept, in bytes.
pub const STORED: usize = 32 * 1024 * 1024;
/// What the encoding adds to each record, at most.
const LENGTH: usize = 9;
/// What a lease takes, about.
const LEASE: usize = 256;

/// A change of what is kept.
#[derive(Debug, Clone)]
pub enum Keep {
    /// A node's record set is new, or another one.
    Set(Holding),
    /// A node has renewed its lease; its records are the same.
    Lease {
        /// The lease.
        lease: Verified<Lease>,
        /// What is left of it.
        remaining: Duration,
    },
    /// Nothing is kept of a node any more.
    Forget(NodeId),
}

/// What was written of a node.
#[derive(Debug, Clone, Copy)]
struct Mark {
    lease: Seq,
    digest: Hash,
    bytes: usize,
}

/// What is kept of a view.
#[derive(Debug, Default)]
pub struct Kept {
    nodes: BTreeMap<NodeId, Mark>,
    bytes: usize,
    /// The last node that was looked at, if there was more to write than was allowed: the next time begins behind it.
    resume: Option<NodeId>,
}

impl Kept {
    /// This record set was found of the last run, and need not be written again.
    pub fn found(&mut self, set: &Batch) {
        let lease = set.lease.value();
        let bytes = size(set.node.as_ref(), &set.services);
        self.mark(set.lease.author(), Mark { lease: lease.seq, digest: lease.digest, bytes });
    }

    /// Something was found of a node that is no record set; it is to be deleted.
    pub fn found_rubbish(&mut self, node: NodeId) {
        self.mark(node, Mark { lease: Seq::default(), digest: Hash::default(), bytes: 0 });
    }

    /// What is to be written so that what is kept is what is listed: at most about `most` bytes of it; the rest next time.
    pub fn changes(&mut self, view: &Directory, now: Time, most: usize) -> Vec<Keep> {
        let mut changes = self.ended(view);
        let mut written = 0;
        let from = self.resume.take();
        let after = view.whole_from(from.map_or(Unbounded, Excluded));
        let before = view.whole_from(Unbounded).take_while(|(node, _)| from.is_some_and(|from| **node <= from));
        for (node, entry) in after.chain(before).filter(|(node, _)| **node != view.me()) {
            if written >= most {
                break;
            }
            self.resume = Some(*node);
            if let Some((change, bytes)) = self.change(view, node, entry, now) {
                changes.push(change);
                written += bytes;
            }
        }
        if written < most {
            self.resume = None;
        }
        changes
    }

    /// Nodes of which something is kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn ended(&mut self, view: &Directory) -> Vec<Keep> {
        let gone = |node: &&NodeId| !view.is_whole(node) || **node == view.me();
        let ended: Vec<NodeId> = self.nodes.keys().filter(gone).copied().collect();
        ended.iter().for_each(|node| self.unmark(node));
        ended.into_iter().map(Keep::Forget).collect()
    }

    /// What has changed of a node that is listed as a whole, and how many bytes that takes.
    fn change(&mut self, view: &Directory, node: &NodeId, entry: &Entry, now: Time) -> Option<(Keep, usize)> {
        let lease = entry.lease.value();
        let kept = self.nodes.get(node).copied();
        if kept.is_some_and(|kept| kept.lease == lease.seq && kept.digest == lease.digest) {
            return None;
        }
        let set = view.held(node, now)?;
        if let Some(kept) = kept.filter(|kept| kept.digest == lease.digest) {
            self.mark(*node, Mark { lease: lease.seq, ..kept });
            return Some((Keep::Lease { lease: set.lease, remaining: set.remaining }, LEASE));
        }
        let bytes = size(set.node.as_ref(), &set.services);
        self.unmark(node);
        if bytes > SET || self.bytes + bytes > STORED {
            return kept.map(|_| (Keep::Forget(*node), 0));
        }
        self.mark(*node, Mark { lease: lease.seq, digest: lease.digest, bytes });
        Some((Keep::Set(set), LEASE + bytes))
    }

    fn mark(&mut self, node: NodeId, mark: Mark) {
        self.unmark(&node);
        self.bytes += mark.bytes;
        self.nodes.insert(node, mark);
    }

    fn unmark(&mut self, node: &NodeId) {
        let bytes = self.nodes.remove(node).map_or(0, |mark| mark.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// What a record set takes, in bytes, at most.
fn size(node: Option<&Proved<NodeRecord>>, services: &[Proved<ServiceRecord>]) -> usize {
    let services: usize = services.iter().map(|record| record.body().body_len() + LENGTH).sum();
    services + node.map_or(0, |record| record.body().body_len()) + 2 * LENGTH
}
