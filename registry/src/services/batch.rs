//! What one message says about one node, and why it may be refused.

use std::{collections::BTreeSet, time::Duration};

use atoll_protocol::{
    directory::{OpenNews, OpenSet},
    identity::NodeId,
    limits,
    names::InstanceId,
    sealed::{Hash, Proved, Verified},
    service::{Lease, NodeRecord, Seq, ServiceRecord, UnixMillis},
};

use super::DirectoryLimits;
use crate::peers::conduct::Fault;

/// What one announcement or one synchronisation says about one node.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The node's lease.
    pub lease: Verified<Lease>,
    /// What was left of the lease where it was heard second hand; `None` if it comes from its author.
    pub remaining: Option<Duration>,
    /// The node's own record, if it is said.
    pub node: Option<Proved<NodeRecord>>,
    /// Some or all of its service records.
    pub services: Vec<Proved<ServiceRecord>>,
    /// Whether `node` and `services` are the node's whole record set under this lease.
    pub whole: bool,
}

impl From<OpenSet> for Batch {
    fn from(set: OpenSet) -> Self {
        let OpenSet { lease, remaining, node, services } = set;
        Self { lease, remaining: Some(remaining), node, services, whole: true }
    }
}

impl From<OpenNews> for Batch {
    fn from(news: OpenNews) -> Self {
        let OpenNews { lease, node, services } = news;
        Self { lease, remaining: None, node, services, whole: false }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// It says nothing new: older than what is known, or of a node that is known to be gone.
    Stale,
    /// The same, and what it says was overtaken or has ended so long ago that it was not merely delayed: somebody has kept
    /// it and says it again.
    Replayed,
    /// It says nothing new, but it is the node's latest word, heard a moment ago: others may not have heard it yet.
    Known,
    /// It was taken in, and the node's whole record set is held.
    Complete,
    /// It was taken in, but records are missing or outdated: ask for a description of the node. What is held is usable.
    Incomplete,
}

/// What a withdrawal was to those who heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Heard {
    /// All that it withdraws ended so long ago that it was not merely delayed: somebody has kept it and says it again.
    Replayed,
    /// Something later has been heard of all that it withdraws.
    Outdated,
    /// It has been heard before, and nothing later: still the last word.
    Known,
    /// It was not known before.
    News,
}

/// Why a batch was refused. Nothing of it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A record is not by the author of the lease: no set that was opened has one.
    #[error("a record of {author} came under the lease of {node}")]
    Foreign {
        /// Whose lease it is.
        node: NodeId,
        /// Whose record it is.
        author: NodeId,
    },
    /// A record was made after the lease that is said to cover it.
    #[error("{node} sent statement {seq} under its earlier lease {lease}", seq = seq.0, lease = lease.0)]
    BeyondLease {
        /// Whose statements they are.
        node: NodeId,
        /// The record's number.
        seq: Seq,
        /// The lease's number.
        lease: Seq,
    },
    /// One instance appears twice.
    #[error("{node} lists instance {instance} twice")]
    Duplicate {
        /// Whose record set it is.
        node: NodeId,
        /// What is listed twice.
        instance: InstanceId,
    },
    /// The node would have more records than are allowed to it here.
    #[error("{node} has {count} service records, at most {limit} are kept here")]
    TooManyRecords {
        /// Whose records they are.
        node: NodeId,
        /// How many there would be.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// A statement claims to be made further in the future than clocks may differ ([`limits::CLOCK_SKEW`]).
    #[error("{node} dates a statement {ahead:?} in the future, at most {limit:?} are allowed", limit = limits::CLOCK_SKEW)]
    FutureDated {
        /// Whose statement it is.
        node: NodeId,
        /// How far it lies ahead of this node's clock.
        ahead: Duration,
    },
    /// What is called the whole record set does not have the digest that the lease names.
    #[error("the record set of {node} ({count} services) does not match the digest in lease {seq}", seq = seq.0)]
    Inconsistent {
        /// Whose record set it is.
        node: NodeId,
        /// The lease's number.
        seq: Seq,
        /// Service records in the set.
        count: usize,
    },
    /// The node has signed two different leases with one number.
    #[error("{node} has signed two different leases with number {seq}", seq = seq.0)]
    Equivocation {
        /// Whose leases they are.
        node: NodeId,
        /// Their number.
        seq: Seq,
    },
    /// Another node knows a later statement of this node than this node itself: left over from an earlier run whose
    /// numbering was lost. It is not the sender's fault; the way out is to continue numbering above it.
    #[error("others hold statement {seq} of this node, which is later than its own: continue above it", seq = seq.0)]
    Mine {
        /// The number that others know.
        seq: Seq,
    },
}

impl Refused {
    /// Whether an honest sender would not have sent this. Not so where the author is at fault and the sender may only
    /// have passed it on, or where another receiver, with another clock or more room, would have taken it.
    #[must_use]
    pub fn blames_sender(&self) -> bool {
        Fault::of(self).is_some_and(Fault::is_proof)
    }
}

impl Batch {
    /// The digest of the records in this batch.
    pub(super) fn digest(&self) -> Hash {
        let services = self.services.iter().map(Proved::hash);
        Hash::of_set(services.chain(self.node.as_ref().map(Proved::hash)))
    }

    /// Checks what can be judged without knowing anything else.
    pub(super) fn check(&self, limits: &DirectoryLimits, wall: UnixMillis) -> Result<(), Refused> {
        let (node, lease) = (self.lease.author(), self.lease.value());
        let (count, limit) = (self.services.len(), limits.records_per_node);
        if count > limit {
            return Err(Refused::TooManyRecords { node, count, limit });
        }
        not_ahead(node, lease.issued, wall)?;
        if let Some(record) = &self.node {
            let NodeRecord { seq, issued, .. } = *record.value();
            self.check_record(record.author(), seq, issued, wall)?;
        }
        let mut seen = BTreeSet::new();
        for record in &self.services {
            let ServiceRecord { instance, seq, issued, .. } = *record.value();
            self.check_record(record.author(), seq, issued, wall)?;
            if !seen.insert(instance) {
                return Err(Refused::Duplicate { node, instance });
            }
        }
        if self.whole && self.digest() != lease.digest {
            return Err(Refused::Inconsistent { node, seq: lease.seq, count });
        }
        Ok(())
    }

    fn check_record(&self, author: NodeId, seq: Seq, issued: UnixMillis, wall: UnixMillis) -> Result<(), Refused> {
        let (node, lease) = (self.lease.author(), self.lease.value().seq);
        if author != node {
            return Err(Refused::Foreign { node, author });
        }
        if seq > lease {
            return Err(Refused::BeyondLease { node, seq, lease });
        }
        not_ahead(node, issued, wall)
    }
}

/// 2025-01-01: a clock before it was never set (a small computer without a battery starts in 1970), and tells nothing.
const CLOCK_SET: UnixMillis = UnixMillis(1_735_689_600_000);

pub(crate) fn not_ahead(node: NodeId, issued: UnixMillis, wall: UnixMillis) -> Result<(), Refused> {
    if wall < CLOCK_SET {
        return Ok(());
    }
    let ahead = Duration::from_millis(issued.0.saturating_sub(wall.0));
    if ahead > limits::CLOCK_SKEW { Err(Refused::FutureDated { node, ahead }) } else { Ok(()) }
}
