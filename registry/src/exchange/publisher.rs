//! This node's own record set: what it has said of itself, numbered and signed. Pure; the clock is passed in.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour},
    directory::Announcement,
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName},
    sealed::{Hash, Proved, SealError, Sealable, Signed, Verified},
    service::{Extensions, Lease, NodeRecord, Seq, ServiceRecord, Suspicion, UnixMillis, Withdrawal, Withdrawn},
};

use super::groups::{Group, grouped};
use crate::services::Batch;

#[cfg(test)]
mod tests;

/// A node's own record set, and what the network has not been told of it yet.
#[derive(Debug)]
pub struct Publisher {
    key: SecretKey,
    network: NetworkName,
    seq: Seq,
    node: Option<Proved<NodeRecord>>,
    services: BTreeMap<InstanceId, Proved<ServiceRecord>>,
    untold_node: bool,
    untold: BTreeSet<InstanceId>,
}

/// A node's record set under a fresh lease, and how that is told.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The whole set, as this node's own view takes it in.
    pub whole: Batch,
    /// The lease with what is news, in one or more gossip messages.
    pub announcements: Vec<Announcement>,
}

impl Publisher {
    /// A publisher that goes on after statement `last`.
    #[must_use]
    pub fn new(key: SecretKey, network: NetworkName, last: Seq) -> Self {
        Self {
            key,
            network,
            seq: last,
            node: None,
            services: BTreeMap::new(),
            untold_node: false,
            untold: BTreeSet::new(),
        }
    }

    /// Says where this node can be dialled, and what program it is.
    ///
    /// # Errors
    /// If the record breaks a rule.
    pub fn set_addresses(&mut self, addresses: Vec<String>, agent: &str, wall: UnixMillis) -> Result<(), SealError> {
        let record = NodeRecord {
            addresses,
            agent: agent.to_owned(),
            issued: wall,
            seq: self.next(wall),
            extensions: Extensions::new(),
        };
        self.node = Some(Proved::own(&self.key, record)?);
        self.untold_node = true;
        Ok(())
    }

    /// Adds a service.
    ///
    /// # Errors
    /// The rule that the record breaks, in words.
    pub fn add(&mut self, mut record: ServiceRecord, wall: UnixMillis) -> Result<(), String> {
        if self.services.len() >= atoll_protocol::limits::RECORDS_PER_NODE {
            return Err(format!(
                "this node offers {} services already, which is the most allowed",
                self.services.len()
            ));
        }
        (record.issued, record.seq) = (wall, self.next(wall));
        let instance = record.instance;
        let record = Proved::own(&self.key, record).map_err(|e| match e {
            SealError::Invalid { rule, .. } => rule,
            other => other.to_string(),
        })?;
        self.services.insert(instance, record);
        self.untold.insert(instance);
        Ok(())
    }

    /// Takes services away. `None` if none of them was there.
    pub fn remove(
        &mut self,
        instances: impl IntoIterator<Item = InstanceId>,
        wall: UnixMillis,
    ) -> Option<Result<Verified<Withdrawal>, SealError>> {
        let gone: Vec<InstanceId> = instances.into_iter().filter(|i| self.services.remove(i).is_some()).collect();
        for instance in &gone {
            self.untold.remove(instance);
        }
        if gone.is_empty() { None } else { Some(self.withdrawal(Withdrawn::Instances(gone), wall)) }
    }

    /// Takes everything back.
    ///
    /// # Errors
    /// If the withdrawal cannot be signed.
    pub fn leave(&mut self, wall: UnixMillis) -> Result<Verified<Withdrawal>, SealError> {
        self.services.clear();
        self.untold.clear();
        self.withdrawal(Withdrawn::Node, wall)
    }

    /// The whole set under a fresh lease that lasts `ttl`, as this node's own view takes it in. The lease covers no news: what
    /// has not been told yet still is to be.
    ///
    /// # Errors
    /// If `ttl` is outside what a lease may have.
    pub fn whole(&mut self, ttl: Duration, wall: UnixMillis) -> Result<Batch, SealError> {
        self.renewed(Vec::new(), ttl, wall)
    }

    /// The same, and what has not been told yet as announcements under that lease. News of more than `pushed` bytes, or more than
    /// a lease can cover, are left out: receivers see from the lease's digest that they are missing, and ask for them.
    ///
    /// # Errors
    /// If `ttl` is outside what a lease may have. What has not been told then still is to be.
    pub fn renewal(&mut self, ttl: Duration, pushed: usize, wall: UnixMillis) -> Result<Renewal, SealError> {
        let node = self.node.as_ref().filter(|_| self.untold_node);
        let services = self.untold.iter().filter_map(|instance| self.services.get(instance));
        let groups = grouped(node, services, pushed);
        let whole = self.renewed(groups.iter().filter_map(Group::digest).collect(), ttl, wall)?;
        self.untold_node = false;
        self.untold.clear();
        let announcements = groups.iter().map(|group| group.under(&whole.lease)).collect();
        Ok(Renewal { whole, announcements })
    }

    /// Makes everything news again, for listeners that have heard nothing yet.
    pub fn retell(&mut self) {
        self.untold_node = self.node.is_some();
        self.untold = self.services.keys().copied().collect();
    }

    /// Goes on above `seq`. Returns whether that is a jump: an earlier life of this node has used higher numbers.
    pub fn outnumber(&mut self, seq: Seq) -> bool {
        let jumps = seq > self.seq;
        self.seq = self.seq.max(seq);
        jumps
    }

    /// The last statement's number.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The record of one instance.
    #[must_use]
    pub fn service(&self, instance: InstanceId) -> Option<&ServiceRecord> {
        self.services.get(&instance).map(Proved::value)
    }

    /// The services offered.
    pub fn services(&self) -> impl Iterator<Item = &ServiceRecord> {
        self.services.values().map(Proved::value)
    }

    /// Says whom this node is connected to.
    ///
    /// # Errors
    /// If `neighbours` or `ttl` break a rule.
    pub fn adjacency(
        &mut self,
        neighbours: Vec<Neighbour>,
        ttl: Duration,
        wall: UnixMillis,
    ) -> Result<Verified<Adjacency>, SealError> {
        let seq = self.next(wall);
        let ttl_secs = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
        self.seal(Adjacency { seq, issued: wall, ttl_secs, neighbours, extensions: Extensions::new() })
    }

    /// Says that another node was lost.
    ///
    /// # Errors
    /// If it is this node itself.
    pub fn suspect(&self, node: NodeId, lease: Seq, wall: UnixMillis) -> Result<Verified<Suspicion>, SealError> {
        self.seal(Suspicion { node, lease, issued: wall })
    }

    fn renewed(&mut self, news: Vec<Hash>, ttl: Duration, wall: UnixMillis) -> Result<Batch, SealError> {
        let hashes = self.node.iter().map(Proved::hash).chain(self.services.values().map(Proved::hash));
        let digest = Hash::of_set(hashes);
        let seq = self.next(wall);
        let ttl_secs = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
        let lease = Lease { seq, digest, ttl_secs, issued: wall, news, extensions: Extensions::new() };
        let (node, services) = (self.node.clone(), self.services.values().cloned().collect());
        Ok(Batch { lease: self.seal(lease)?, remaining: None, node, services, whole: true })
    }

    fn withdrawal(&mut self, what: Withdrawn, wall: UnixMillis) -> Result<Verified<Withdrawal>, SealError> {
        let seq = self.next(wall);
        self.seal(Withdrawal { what, issued: wall, seq })
    }

    /// The next number: above the last one, and above what any earlier life of this node can have used even if its
    /// state was lost, as long as the clock has not gone back.
    fn next(&mut self, wall: UnixMillis) -> Seq {
        self.seq = Seq(self.seq.0.saturating_add(1).max(wall.0));
        self.seq
    }

    fn seal<T: Sealable>(&self, value: T) -> Result<Verified<T>, SealError> {
        Signed::seal(&self.key, &self.network, value)
    }
}
