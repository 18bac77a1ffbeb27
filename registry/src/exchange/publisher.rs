//! This node's own record set: what it has said of itself, numbered and signed. Pure; the clock is passed in.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour},
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName},
    sealed::{Hash, SealError, Sealable, Signed, Verified},
    service::{Extensions, Lease, NodeRecord, Seq, ServiceRecord, Suspicion, UnixMillis, Withdrawal, Withdrawn},
};

use crate::services::Batch;

#[cfg(test)]
mod tests;

/// A node's own record set. Nothing of it is told by itself: see [`News`].
#[derive(Debug)]
pub struct Publisher {
    key: SecretKey,
    network: NetworkName,
    seq: Seq,
    node: Option<Verified<NodeRecord>>,
    services: BTreeMap<InstanceId, Verified<ServiceRecord>>,
    /// What the network has not been told yet.
    untold_node: bool,
    untold: BTreeSet<InstanceId>,
}

/// What is to be told.
#[derive(Debug)]
pub struct News {
    /// The lease over the whole set.
    pub lease: Verified<Lease>,
    /// The node's own record, if it is news.
    pub node: Option<Verified<NodeRecord>>,
    /// The service records that are news.
    pub services: Vec<Verified<ServiceRecord>>,
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
        self.node = Some(self.seal(record)?);
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
        let sealed = self.seal(record).map_err(|e| match e {
            SealError::Invalid { rule, .. } => rule,
            other => other.to_string(),
        })?;
        self.services.insert(instance, sealed);
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

    /// The whole set under a fresh lease that lasts `ttl`, as this node's own view takes it in.
    ///
    /// # Errors
    /// If `ttl` is outside what a lease may have.
    pub fn whole(&mut self, ttl: Duration, wall: UnixMillis) -> Result<Batch, SealError> {
        let hashes = self.node.iter().map(Verified::hash).chain(self.services.values().map(Verified::hash));
        let digest = Hash::of_set(hashes);
        let seq = self.next(wall);
        let ttl_secs = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
        let lease = self.seal(Lease { seq, digest, ttl_secs, issued: wall, extensions: Extensions::new() })?;
        let node = self.node.as_ref().map(|node| node.record().clone());
        let services = self.services.values().map(|service| service.record().clone()).collect();
        Ok(Batch { lease, remaining: None, node, services, whole: true })
    }

    /// What has not been told yet, under the lease of the whole set.
    pub fn news(&mut self, lease: Verified<Lease>) -> News {
        let node = if std::mem::take(&mut self.untold_node) { self.node.clone() } else { None };
        let untold = std::mem::take(&mut self.untold);
        let services = untold.iter().filter_map(|i| self.services.get(i)).cloned().collect();
        News { lease, node, services }
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
        self.services.get(&instance).map(Verified::value)
    }

    /// The services offered.
    pub fn services(&self) -> impl Iterator<Item = &ServiceRecord> {
        self.services.values().map(Verified::value)
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
