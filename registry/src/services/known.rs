//! What is told of what is known: an instance, a node, all that a node has said.

use std::time::Duration;

use atoll_protocol::{
    directory::RecordSet,
    identity::NodeId,
    sealed::{Proved, Verified},
    service::{Lease, NodeRecord, ServiceRecord},
};

use crate::time::Time;

/// A service instance as it is known here. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The node that runs it.
    pub node: NodeId,
    /// What the node says of it.
    pub record: Proved<ServiceRecord>,
    /// When this record was learnt.
    pub learnt: Time,
    /// When it is dropped unless its node renews it; [`Time::NEVER`] for this node's own.
    pub expires: Time,
    /// Whether its node could not be reached lately: choose it only where there is nothing else.
    pub suspect: bool,
}

/// A node with a live lease. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KnownNode {
    /// Its name.
    pub node: NodeId,
    /// What it says of itself, if that has been heard.
    pub record: Option<Proved<NodeRecord>>,
    /// When its last lease arrived.
    pub renewed: Time,
    /// When it is dropped unless it renews; [`Time::NEVER`] for this node itself.
    pub expires: Time,
    /// Whether it could not be reached lately.
    pub suspect: bool,
    /// How many of its service records are held.
    pub services: usize,
}

/// All that a node has said under its lease, to pass on to another node.
#[derive(Debug, Clone)]
pub struct Holding {
    /// The lease.
    pub lease: Verified<Lease>,
    /// What is left of it: never zero, never more than its ttl.
    pub remaining: Duration,
    /// The node's own record.
    pub node: Option<Proved<NodeRecord>>,
    /// All its service records, in the order of their instances.
    pub services: Vec<Proved<ServiceRecord>>,
}

impl From<Holding> for RecordSet {
    fn from(holding: Holding) -> Self {
        Self {
            lease: holding.lease.signed(),
            remaining_ms: u32::try_from(holding.remaining.as_millis()).unwrap_or(u32::MAX),
            node: holding.node.map(|node| node.body().clone()),
            services: holding.services.iter().map(|service| service.body().clone()).collect(),
        }
    }
}
