//! A node's whole record set under one signature.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    identity::NodeId,
    names::NetworkName,
    sealed::{Body, Hash, Proved, SealError, Signed, Verified},
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
        let lease = lease.open(network)?;
        let author = lease.author();
        let hashes = node.iter().map(Body::hash).chain(services.iter().map(Body::hash));
        if Hash::of_set(hashes) != lease.value().digest {
            let count = services.len() + usize::from(node.is_some());
            return Err(SealError::NotCovered { author, count });
        }
        Ok(OpenSet {
            lease,
            remaining: Duration::from_millis(remaining_ms.into()),
            node: node.map(|node| node.admit(author)).transpose()?,
            services: services.into_iter().map(|service| service.admit(author)).collect::<Result<_, _>>()?,
        })
    }
}
