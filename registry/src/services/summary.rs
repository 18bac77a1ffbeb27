//! What a directory knows, in short: how two nodes find out where their views differ without listing them.
//!
//! Nodes of the part that a view lists (see [`depth`](super::depth)) fall into buckets by their positions. A bucket's number is the exclusive or of one number for each node in it, made of
//! the node's id and the digest of its record set. Renewals change neither, so two views that list the same records have
//! the same sum, whoever has heard the latest renewal.

use std::{collections::BTreeSet, time::Duration};

use atoll_protocol::{
    directory::{Head, Heads, Summary},
    identity::NodeId,
    limits,
    service::Seq,
};

use super::{
    Directory,
    depth::{covers, position, start_of},
    table::Entry,
};
use crate::{mix::mix, time::Time};

/// Nodes to a bucket, about: a node that differs is told of together with so many that do not.
const NODES_PER_BUCKET: usize = 4;
/// Fewer buckets save nothing worth mentioning.
const BUCKETS_MIN: usize = 16;
/// A lease that was renewed so long ago is known to everyone by now.
const WELL_KNOWN: Duration = Duration::from_secs(60);

impl Directory {
    /// The sum of this view, as a question: what is known only from before a restart is in it, so that it can be confirmed. At
    /// least 16 numbers, at most [`limits::SUMMARY_BUCKETS`], one for about four nodes.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let part = self.table.part();
        let count = (part.nodes / NODES_PER_BUCKET).next_power_of_two().clamp(BUCKETS_MIN, limits::SUMMARY_BUCKETS);
        let buckets = Buckets { depth: part.depth, count, within: part.depth };
        Summary { depth: part.depth, buckets: sums(buckets, self.whole()) }
    }

    /// What is known here in those buckets that differ from `theirs`; everything, if `theirs` is no summary at all.
    #[must_use]
    pub fn heads(&self, theirs: &Summary) -> Heads {
        let depth = self.depth();
        let count = if theirs.buckets.len().is_power_of_two() { theirs.buckets.len() } else { 1 };
        let buckets = Buckets { depth: theirs.depth, count, within: depth.max(theirs.depth) };
        // What is known only from before a restart is no answer: two nodes that have restarted would confirm each other.
        let ours = sums(buckets, self.attested());
        let differing: Vec<usize> =
            (0..buckets.shared()).filter(|bucket| theirs.buckets.get(*bucket) != ours.get(*bucket)).collect();
        let differs = |node: &NodeId| buckets.of(node).is_some_and(|bucket| differing.binary_search(&bucket).is_ok());
        // Of whom the records have not come yet, the lease is told: else it would look as if the node had ended here.
        let known = self.table.nodes().filter(|(node, entry)| !entry.restored && differs(node));
        let heads = known.map(|(node, entry)| {
            let lease = entry.lease.value();
            Head { node: *node, lease: lease.seq, digest: lease.digest }
        });
        Heads {
            depth,
            differing: differing.iter().map_while(|bucket| u16::try_from(*bucket).ok()).collect(),
            heads: heads.take(limits::HEADS).collect(),
        }
    }

    /// The nodes that are listed here under a lease that everyone should know by now, and that whoever gave this answer to the
    /// summary `asked` does not list. This node may be one of them.
    #[must_use]
    pub fn absent(&self, asked: &Summary, answer: &Heads, now: Time) -> Vec<(NodeId, Seq)> {
        let within = asked.depth.max(answer.depth).max(self.depth());
        let buckets = Buckets { depth: asked.depth, count: asked.buckets.len(), within };
        let differing: BTreeSet<usize> = answer.differing.iter().copied().map(usize::from).collect();
        let listed: BTreeSet<NodeId> = answer.heads.iter().map(|head| head.node).collect();
        let missing = |node: &NodeId| {
            buckets.of(node).is_some_and(|bucket| differing.contains(&bucket)) && !listed.contains(node)
        };
        if !answer.is_whole() {
            return Vec::new();
        }
        let all = self.attested().filter(|(node, entry)| entry.age(now) >= WELL_KNOWN && missing(node));
        all.map(|(node, entry)| (*node, entry.lease.value().seq)).collect()
    }

    /// Which of these nodes another one knows more of: their record sets are worth asking for.
    #[must_use]
    pub fn wanted(&self, heads: &[Head]) -> Vec<NodeId> {
        heads.iter().filter(|head| self.wants(head)).map(|head| head.node).collect()
    }

    /// Whether the node's lease with this number, or a later one, has ended here.
    #[must_use]
    pub fn has_ended(&self, node: &NodeId, lease: Seq) -> bool {
        self.table.node(node).is_none() && self.floors.lease(node).is_some_and(|floor| floor.seq >= lease)
    }

    fn wants(&self, head: &Head) -> bool {
        if !self.has_place_for(&head.node) || head.node == self.me || self.has_ended(&head.node, head.lease) {
            return false;
        }
        match self.table.node(&head.node) {
            None => true,
            Some(held) => {
                let lease = held.lease.value();
                lease.seq < head.lease && lease.digest != head.digest || (lease.seq <= head.lease && !held.complete())
            }
        }
    }
}

/// One number for each bucket.
pub(super) fn sums<'a>(buckets: Buckets, nodes: impl Iterator<Item = (&'a NodeId, &'a Entry)>) -> Vec<u64> {
    let mut sums = vec![0; buckets.count];
    for (node, entry) in nodes {
        if let Some(sum) = buckets.of(node).and_then(|bucket| sums.get_mut(bucket)) {
            *sum ^= mix(start_of(node.public_key()) ^ mix(start_of(&entry.lease.value().digest.0)));
        }
    }
    sums
}

/// How the part of one depth falls into buckets, of which only those within the deeper of two views are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buckets {
    pub(super) depth: u8,
    /// A power of two.
    pub(super) count: usize,
    /// At least `depth`.
    pub(super) within: u8,
}

impl Buckets {
    /// The bucket of a node, if both views list it.
    pub(super) fn of(self, node: &NodeId) -> Option<usize> {
        let along = position(node).checked_shl(self.depth.into())?;
        let bucket = (u128::from(along) * self.count as u128) >> u64::BITS;
        covers(self.within, node).then_some(usize::try_from(bucket).ok()?)
    }

    /// The first so many buckets are in both views as a whole.
    fn shared(self) -> usize {
        self.count.checked_shr((self.within - self.depth).into()).unwrap_or_default()
    }
}
