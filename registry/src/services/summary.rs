//! What a directory knows, in short: how two nodes find out where their views differ without listing them.
//!
//! Nodes fall into buckets by their ids. A bucket's number is the exclusive or of one number for each node in it, made of
//! the node's id and the digest of its record set. Renewals change neither, so two views that list the same records have
//! the same sum, whoever has heard the latest renewal.

use atoll_protocol::{
    directory::{Head, Heads},
    identity::NodeId,
    limits,
    service::Seq,
};

use super::Directory;
use crate::mix::mix;

/// Nodes to a bucket, about: a node that differs is told of together with so many that do not.
const NODES_PER_BUCKET: usize = 4;
/// Fewer buckets save nothing worth mentioning.
const BUCKETS_MIN: usize = 16;

impl Directory {
    /// The sum of this view: at least 16 numbers, at most [`limits::SUMMARY_BUCKETS`], one for about four nodes.
    #[must_use]
    pub fn summary(&self) -> Vec<u64> {
        let count = (self.table.len() / NODES_PER_BUCKET).next_power_of_two();
        self.sums(count.clamp(BUCKETS_MIN, limits::SUMMARY_BUCKETS))
    }

    /// The nodes in those buckets that differ from `theirs`; everything, if `theirs` is no summary at all.
    #[must_use]
    pub fn heads(&self, theirs: &[u64]) -> Heads {
        let count = if theirs.len().is_power_of_two() { theirs.len() } else { 1 };
        let ours = self.sums(count);
        let differs = |bucket: usize| theirs.get(bucket) != ours.get(bucket);
        let heads = self
            .whole()
            .filter(|(node, _)| differs(bucket_of(node, count)))
            .map(|(node, entry)| Head {
                node: *node,
                lease: entry.lease.value().seq,
                digest: entry.lease.value().digest,
            })
            .take(limits::HEADS)
            .collect();
        Heads { heads, differs: (0..count).any(differs) }
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
        if head.node == self.me || self.has_ended(&head.node, head.lease) {
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

    fn sums(&self, count: usize) -> Vec<u64> {
        let mut sums = vec![0; count];
        for (node, entry) in self.whole() {
            if let Some(sum) = sums.get_mut(bucket_of(node, count)) {
                *sum ^= mix(start_of(node.public_key()) ^ mix(start_of(&entry.lease.value().digest.0)));
            }
        }
        sums
    }
}

/// `count` is a power of two.
fn bucket_of(node: &NodeId, count: usize) -> usize {
    usize::try_from(mix(start_of(node.public_key())) & (count as u64 - 1)).unwrap_or_default()
}

fn start_of(bytes: &[u8; 32]) -> u64 {
    bytes.first_chunk().map_or(0, |start| u64::from_le_bytes(*start))
}
