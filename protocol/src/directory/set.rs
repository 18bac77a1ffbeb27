//! Records under the one signature of their author's lease: all of a node's set, or what of it is news.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    identity::NodeId,
    names::NetworkName,
    sealed::{Body, Hash, Hashed, Proved, SealError, Signed, Verified},
    service::{Lease, NodeRecord, ServiceRecord},
};

#[cfg(test)]
mod tests;

/// All that a node says of itself, as it crosses the wire and is kept on disk: its lease, and the records of which the lease
/// has signed the digest. It is a claim until [`RecordSet::open`] has checked it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordSet {
    /// The lease that covers the records.
    pub lease: Signed<Lease>,
    /// What is left of the lease by the sender's clock, in milliseconds: a lease heard of second hand ends no later
    /// than it would have at first hand.
    pub remaining_ms: u32,
    /// The node's own record.
    pub node: Option<Body<NodeRecord>>,
    /// Its service records.
    pub services: Vec<Body<ServiceRecord>>,
}

/// A record set that is proved to be its author's.
#[derive(Debug, Clone)]
pub struct OpenSet {
    /// The lease.
    pub lease: Verified<Lease>,
    /// What was left of it.
    pub remaining: Duration,
    /// The node's own record.
    pub node: Option<Proved<NodeRecord>>,
    /// Its service records.
    pub services: Vec<Proved<ServiceRecord>>,
}

/// What of a node's set is news, as it is gossiped: its lease, and new or changed records, of which the lease has signed the
/// digest, too. It is a claim until [`News::open`] has checked it. A receiver whose set does not match the lease's digest
/// afterwards asks for the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// The lease.
    pub lease: Signed<Lease>,
    /// The node's own record, where it changed.
    pub node: Option<Body<NodeRecord>>,
    /// The new or changed service records.
    pub services: Vec<Body<ServiceRecord>>,
}

/// News that are proved to be their author's.
#[derive(Debug, Clone)]
pub struct OpenNews {
    /// The lease.
    pub lease: Verified<Lease>,
    /// The node's own record, where it changed.
    pub node: Option<Proved<NodeRecord>>,
    /// The new or changed service records.
    pub services: Vec<Proved<ServiceRecord>>,
}

impl RecordSet {
    /// Whose it is said to be.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.lease.author()
    }

    /// Checks the lease's signature, that the records are exactly those that it covers, and each against the rules.
    ///
    /// # Errors
    /// [`SealError`], which names the author and what is wrong.
    pub fn open(self, network: &NetworkName) -> Result<OpenSet, SealError> {
        let Self { lease, remaining_ms, node, services } = self;
        let covers = |lease: &Lease, digest: &Hash| lease.digest == *digest;
        let OpenNews { lease, node, services } = News { lease, node, services }.open_if(covers, network)?;
        Ok(OpenSet { lease, remaining: Duration::from_millis(remaining_ms.into()), node, services })
    }
}

impl News {
    /// No news: a lease as it is renewed, or told where all else is left to be asked for.
    #[must_use]
    pub fn none(lease: Signed<Lease>) -> Self {
        Self { lease, node: None, services: Vec::new() }
    }

    /// Checks the lease's signature, that the records, if there are any, are exactly those of one announcement that it covers,
    /// and each against the rules.
    ///
    /// # Errors
    /// [`SealError`], which names the author and what is wrong.
    pub fn open(self, network: &NetworkName) -> Result<OpenNews, SealError> {
        let none = self.count() == 0;
        self.open_if(|lease, digest| none || lease.news.contains(digest), network)
    }

    /// Checks the lease's signature, that it covers the records, of which this is the digest, and each against the rules.
    fn open_if(self, covers: impl FnOnce(&Lease, &Hash) -> bool, network: &NetworkName) -> Result<OpenNews, SealError> {
        let count = self.count();
        let Self { lease, node, services } = self;
        let lease = lease.open(network)?;
        let author = lease.author();
        let node = node.map(Body::hashed);
        let services: Vec<_> = services.into_iter().map(Body::hashed).collect();
        let digest = Hash::of_set(node.iter().map(Hashed::hash).chain(services.iter().map(Hashed::hash)));
        if !covers(lease.value(), &digest) {
            return Err(SealError::NotCovered { author, count });
        }
        Ok(OpenNews {
            lease,
            node: node.map(|node| node.admit(author)).transpose()?,
            services: services.into_iter().map(|service| service.admit(author)).collect::<Result<_, _>>()?,
        })
    }

    fn count(&self) -> usize {
        self.services.len() + usize::from(self.node.is_some())
    }
}
