//! What was known before a restart: listed again, and not trusted until somebody confirms it.
//!
//! A record set from the last run says what a node offered then. Its signatures prove who said so, but not that it still
//! holds: it may have been withdrawn while this node was down. So such a node is *suspect*, chosen only where there is
//! nothing else, and nothing of it is passed on to others, until it is *confirmed*: by a lease that is later than the stored
//! one, by contact with the node itself, or by a neighbour that lists it. A neighbour that does not list it ends it.
//! Its lease ends when it would have ended anyway.
//!
//! No floor is left where it ends: whoever turns out to list it may bring it back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    directory::{Head, Heads, Summary},
    identity::NodeId,
    service::UnixMillis,
};

use super::{
    Applied, Batch, Directory, Refused, Removal,
    summary::{Buckets, sums},
    table::Entry,
};
use crate::time::Time;

/// A neighbour that lacks no more than so many, or no more than it is seen to list, knows the network: what it does not list
/// has ended. One that lacks more has begun only lately itself.
const MANY: usize = 3;

/// What an answer says of a node that was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The neighbour lists the same.
    Same,
    /// It does not list the node.
    Missing,
    /// It lists something else of it, or the answer does not tell.
    Unclear,
}

impl Directory {
    /// Takes in a whole record set from the last run, of whose lease `remaining` is left. Returns whether it is listed now.
    ///
    /// It is not if it has ended, if it is this node's own, if something later is known already, or if there is no room: nobody
    /// is evicted for it.
    ///
    /// # Errors
    /// [`Refused`], as by [`Directory::apply`].
    pub fn restore(&mut self, batch: Batch, remaining: Duration, now: Time, wall: UnixMillis) -> Result<bool, Refused> {
        self.expire(now);
        let node = batch.lease.author();
        let new = self.table.node(&node).is_none();
        if node == self.me || !self.has_room_for(&batch, new) {
            return Ok(false);
        }
        let batch = Batch { remaining: Some(remaining), whole: true, ..batch };
        let applied = self.apply(batch, now, wall)?;
        let listed = !matches!(applied, Applied::Stale | Applied::Replayed);
        if new && listed {
            self.table.set_restored(&node, &mut self.changes);
        }
        Ok(listed)
    }

    /// Nodes that are known only from before a restart.
    #[must_use]
    pub fn restored(&self) -> usize {
        self.table.nodes().filter(|(_, entry)| entry.restored).count()
    }

    /// Takes in what a neighbour's answer to the summary `asked` says of restored nodes: those that it lists, too, are
    /// confirmed, and those that it does not list are ended.
    pub fn confirm(&mut self, asked: &Summary, answer: &Heads, now: Time) {
        self.expire(now);
        if self.restored() == 0 {
            return;
        }
        let comparison = Comparison::new(self, asked, answer);
        let words: Vec<(NodeId, bool, Word)> =
            self.whole().map(|(node, entry)| (*node, entry.restored, comparison.word(node, entry))).collect();
        let count = |word| words.iter().filter(|(.., said)| *said == word).count();
        let missing = words.iter().filter(|(_, restored, word)| *restored && *word == Word::Missing).count();
        let tells = answer.is_whole() && missing <= MANY.max(count(Word::Same));
        for (node, ..) in words.iter().filter(|(_, restored, word)| *restored && *word == Word::Same) {
            self.table.set_suspect(node, false, &mut self.changes);
        }
        for (node, ..) in words.iter().filter(|(_, restored, word)| *restored && tells && *word == Word::Missing) {
            self.table.remove_node(node, Removal::Unconfirmed, &mut self.changes);
        }
    }

    fn has_room_for(&self, batch: &Batch, new: bool) -> bool {
        self.table.records() + batch.services.len() <= self.limits.records
            && self.table.len() + usize::from(new) <= self.limits.nodes
    }
}

/// Whether a batch confirms what is held of its node from before a restart: its lease is later, or somebody lists it now. The
/// same lease, gossiped once more, may be a replay.
pub(super) fn confirms(batch: &Batch, held: &Entry) -> bool {
    let (said, stored) = (batch.lease.value().seq, held.lease.value().seq);
    held.restored && (said > stored || (said == stored && batch.remaining.is_some()))
}

/// A question, its answer, and what is listed here.
struct Comparison<'a> {
    buckets: Buckets,
    asked: &'a [u64],
    ours: Vec<u64>,
    differing: BTreeSet<usize>,
    heads: BTreeMap<NodeId, &'a Head>,
}

impl<'a> Comparison<'a> {
    fn new(view: &Directory, asked: &'a Summary, answer: &'a Heads) -> Self {
        let within = asked.depth.max(answer.depth).max(view.depth());
        let buckets = Buckets { depth: asked.depth, count: asked.buckets.len(), within };
        Self {
            buckets,
            asked: &asked.buckets,
            ours: sums(buckets, view.whole()),
            differing: answer.differing.iter().copied().map(usize::from).collect(),
            heads: answer.heads.iter().map(|head| (head.node, head)).collect(),
        }
    }

    fn word(&self, node: &NodeId, entry: &Entry) -> Word {
        let Some(bucket) = self.buckets.of(node) else { return Word::Unclear };
        let lease = entry.lease.value();
        match self.heads.get(node) {
            Some(head) if head.lease >= lease.seq && head.digest == lease.digest => Word::Same,
            Some(_) => Word::Unclear,
            None if self.differing.contains(&bucket) => Word::Missing,
            // Equal sums are of equal sets, if this one has not changed since the question.
            None if self.asked.get(bucket) == self.ours.get(bucket) => Word::Same,
            None => Word::Unclear,
        }
    }
}
