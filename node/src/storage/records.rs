//! The record sets of other nodes as they are stored: what the view begins with in the next run.
//!
//! ```text
//! key     node (public key, 32 bytes) ‖ 0: lease, 1: records
//! lease   format (one byte), network, lease, expires, written       (encoded as everything that is stored)
//! records node record, service records
//! ```
//!
//! A renewal writes the lease alone. Both are as they cross the wire in a [`RecordSet`], and nothing of them is believed before
//! the lease's signature over all of it has been verified again: a disk is no more to be trusted than a stranger. Of a lease
//! no more is left than when it was written, whatever the wall clock says now.

use std::{ops::ControlFlow, time::Duration};

use atoll_protocol::{
    codec,
    directory::RecordSet,
    identity::NodeId,
    limits,
    names::NetworkName,
    sealed::{Body, Signed},
    service::{Lease, NodeRecord, ServiceRecord, UnixMillis},
};
use atoll_registry::{
    services::{DirectoryLimits, Keep, kept},
    store::{Batch, Store, StoreError, Table},
};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The format of what is stored; whatever has another one is dropped.
const FORMAT: u8 = 2;
/// Longest encoded lease, in bytes.
const LEASE: usize = 2 * limits::LEASE;
/// What a key ends with.
const LEASES: u8 = 0;
const RECORDS: u8 = 1;

#[derive(Serialize, Deserialize)]
struct LeaseValue {
    format: u8,
    network: NetworkName,
    lease: Signed<Lease>,
    expires: UnixMillis,
    written: UnixMillis,
}

#[derive(Serialize, Deserialize)]
struct RecordsValue {
    node: Option<Body<NodeRecord>>,
    services: Vec<Body<ServiceRecord>>,
}

/// A record set as it was found: what it says is still to be verified.
#[derive(Debug, Clone)]
pub(crate) struct StoredSet {
    pub(crate) network: NetworkName,
    /// Something is left of its lease.
    pub(crate) set: RecordSet,
}

/// What was found at the start. What is not among the sets has been deleted.
#[derive(Debug, Default)]
pub(crate) struct FoundSets {
    pub(crate) sets: Vec<StoredSet>,
    /// Entries that could not be read, or were not whole.
    pub(crate) damaged: u64,
    /// Sets of another format.
    pub(crate) foreign: u64,
    /// Sets whose leases have ended.
    pub(crate) ended: u64,
    /// Sets beyond what a view has room for.
    pub(crate) beyond: u64,
}

/// Adds a change of what is kept to what is written.
pub(super) fn put(batch: &mut Batch, network: &NetworkName, change: Keep, now: UnixMillis) {
    match change {
        Keep::Set(holding) => {
            let remaining = holding.remaining;
            let RecordSet { lease, node, services, .. } = holding.into();
            put_value(batch, key(&lease.author(), RECORDS), &RecordsValue { node, services }, kept::SET);
            put_lease(batch, network, lease, remaining, now);
        }
        Keep::Lease { lease, remaining } => put_lease(batch, network, lease.signed(), remaining, now),
        Keep::Forget(node) => {
            batch.delete(Table::Records, key(&node, LEASES)).delete(Table::Records, key(&node, RECORDS));
        }
    }
}

fn put_lease(batch: &mut Batch, network: &NetworkName, lease: Signed<Lease>, remaining: Duration, now: UnixMillis) {
    let remaining = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
    let expires = UnixMillis(now.0.saturating_add(remaining));
    let value = LeaseValue { format: FORMAT, network: network.clone(), lease: lease.clone(), expires, written: now };
    put_value(batch, key(&lease.author(), LEASES), &value, LEASE);
}

fn put_value(batch: &mut Batch, key: Vec<u8>, value: &impl Serialize, limit: usize) {
    match codec::encode(value) {
        Ok(value) if value.len() <= limit => drop(batch.put(Table::Records, key, value)),
        // Their bounds keep them from being that long; a set that lacks one of its halves is dropped on reading.
        _ => drop(batch.delete(Table::Records, key)),
    }
}

fn key(node: &NodeId, what: u8) -> Vec<u8> {
    [node.public_key().as_slice(), &[what]].concat()
}

fn parse(key: &[u8]) -> Option<(NodeId, u8)> {
    let (node, what) = key.split_first_chunk::<32>()?;
    match what {
        [what @ (LEASES | RECORDS)] => Some((NodeId::from_public_key(*node), *what)),
        _ => None,
    }
}

/// What has been read so far.
struct Reading {
    now: UnixMillis,
    found: FoundSets,
    useless: Batch,
    /// A lease whose records come next.
    lease: Option<(NodeId, Result<LeaseValue, Unfit>)>,
    records: usize,
    bytes: usize,
}

/// Why a set is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    Damaged,
    Foreign,
    Ended,
    Beyond,
}

/// Reads what was kept: no more than a view has room for. What is damaged, of another format, has ended or is too much is
/// counted, and to be deleted with the batch that is given back.
pub(super) fn read_all(store: &dyn Store, now: UnixMillis) -> Result<(FoundSets, Batch), StoreError> {
    let (found, useless) = (FoundSets::default(), Batch::new());
    let mut reading = Reading { now, found, useless, lease: None, records: 0, bytes: 0 };
    store.scan(Table::Records, &[], &mut |key, value| {
        reading.entry(key, value);
        ControlFlow::Continue(())
    })?;
    reading.end_lease();
    Ok((reading.found, reading.useless))
}

impl Reading {
    fn entry(&mut self, key: &[u8], value: &[u8]) {
        let Some((node, what)) = parse(key) else {
            self.found.damaged += 1;
            self.useless.delete(Table::Records, key);
            return;
        };
        if what == LEASES {
            self.end_lease();
            self.lease = Some((node, read_lease(&node, value, self.now)));
            return;
        }
        let lease = self.lease.take_if(|(of, _)| *of == node).map(|(_, lease)| lease);
        self.end_lease();
        let set = lease.unwrap_or(Err(Unfit::Damaged)).and_then(|lease| self.set(lease, value));
        match set {
            Ok(set) => self.found.sets.push(set),
            Err(why) => self.leave_out(&node, why),
        }
    }

    /// A lease without records.
    fn end_lease(&mut self) {
        if let Some((node, lease)) = self.lease.take() {
            self.leave_out(&node, lease.err().unwrap_or(Unfit::Damaged));
        }
    }

    fn leave_out(&mut self, node: &NodeId, why: Unfit) {
        let count = match why {
            Unfit::Damaged => &mut self.found.damaged,
            Unfit::Foreign => &mut self.found.foreign,
            Unfit::Ended => &mut self.found.ended,
            Unfit::Beyond => &mut self.found.beyond,
        };
        *count += 1;
        for what in [LEASES, RECORDS] {
            self.useless.delete(Table::Records, key(node, what));
        }
    }

    fn set(&mut self, lease: LeaseValue, value: &[u8]) -> Result<StoredSet, Unfit> {
        let limits = DirectoryLimits::default();
        if self.found.sets.len() >= limits.nodes || self.bytes + value.len() > kept::STORED {
            return Err(Unfit::Beyond);
        }
        let RecordsValue { node, services } = codec::decode(value, kept::SET).map_err(|_| Unfit::Damaged)?;
        if self.records + services.len() > limits.records {
            return Err(Unfit::Beyond);
        }
        self.records += services.len();
        self.bytes += value.len();
        let remaining_ms = u32::try_from(left(&lease, self.now).as_millis()).unwrap_or(u32::MAX);
        let LeaseValue { network, lease, .. } = lease;
        Ok(StoredSet { network, set: RecordSet { lease, remaining_ms, node, services } })
    }
}

fn read_lease(node: &NodeId, value: &[u8], now: UnixMillis) -> Result<LeaseValue, Unfit> {
    if value.first().is_some_and(|format| *format != FORMAT) {
        return Err(Unfit::Foreign);
    }
    let lease: LeaseValue = codec::decode(value, LEASE).map_err(|_| Unfit::Damaged)?;
    if lease.lease.author() != *node {
        return Err(Unfit::Damaged);
    }
    if left(&lease, now).is_zero() { Err(Unfit::Ended) } else { Ok(lease) }
}

/// What is left of a lease: less the time that has passed by the wall clock since it was written, if it has gone forward.
fn left(lease: &LeaseValue, now: UnixMillis) -> Duration {
    let had = lease.expires.0.saturating_sub(lease.written.0);
    Duration::from_millis(lease.expires.0.saturating_sub(now.0).min(had))
}
