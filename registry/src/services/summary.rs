//! What a directory knows, in short: how two nodes find out where their views differ without listing them.
//!
//! Nodes fall into buckets by their ids. A bucket's number is the exclusive or of one number for each node in it, made of
//! the node's id and the digest of its record set. Renewals change neither, so two views that list the same records have
//! the same sum, whoever has heard the latest renewal.

use std::time::Duration;

use atoll_protocol::{
    directory::{Ended, Head, Heads},
    identity::NodeId,
    limits,
    service::Seq,
};

use super::Directory;
use crate::{mix::mix, time::Time};

/// Nodes to a bucket, about: a node that differs is told of together with so many that do not.
const NODES_PER_BUCKET: usize = 4;
/// Fewer buckets save nothing worth mentioning.
const BUCKETS_MIN: usize = 16;
/// How long others are told of a node that has ended: a newcomer that took over a view in which it was still listed compares
/// with several neighbours within a minute.
const LATELY: Duration = Duration::from_secs(300);

impl Directory {
    /// The sum of this view: at least 16 numbers, at most [`limits::SUMMARY_BUCKETS`], one for about four nodes.
    #[must_use]
    pub fn summary(&self) -> Vec<u64> {
        let count = (self.table.len() / NODES_PER_BUCKET).next_power_of_two();
        self.sums(count.clamp(BUCKETS_MIN, limits::SUMMARY_BUCKETS))
    }

    /// What is known here in those buckets that differ from `theirs`; everything, if `theirs` is no summary at all.
    #[must_use]
    pub fn heads(&self, theirs: &[u64], now: Time) -> Heads {
        let count = if theirs.len().is_power_of_two() { theirs.len() } else { 1 };
        let ours = self.sums(count);
        let differs = |bucket: usize| theirs.get(bucket) != ours.get(bucket);
        let heads = self.whole().filter(|(node, _)| differs(bucket_of(node, count))).map(|(node, entry)| {
            let lease = entry.lease.value();
            Head { node: *node, lease: lease.seq, digest: lease.digest }
        });
        let ended = self.ended_lately(now).filter(|ended| differs(bucket_of(&ended.node, count)));
        Heads {
            differing: (0..count).filter(|bucket| differs(*bucket)).map_while(|b| u16::try_from(b).ok()).collect(),
            heads: heads.take(limits::HEADS).collect(),
            ended: ended.take(limits::HEADS).collect(),
        }
    }

    /// Nodes that are gone; not those that there was no room for.
    fn ended_lately(&self, now: Time) -> impl Iterator<Item = Ended> {
        let gone =
            self.floors.leases().filter(move |(_, floor)| floor.ends <= floor.since && now.since(floor.since) < LATELY);
        let listed = |node: &NodeId| self.table.node(node).is_some();
        gone.filter(move |(node, _)| !listed(node)).map(|(node, floor)| Ended { node: *node, last: floor.seq })
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
