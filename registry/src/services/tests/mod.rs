//! Tests of the directory: one file per concern. Here is what they share.

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName, ServiceQuery},
    sealed::{Hash, Proved, Sealable, Signed, Statement, Verified},
    service::{Extensions, Lease, NodeRecord, Seq, ServiceRecord, UnixMillis, Withdrawal, Withdrawn},
};

use super::{Applied, Batch, Change, Directory, DirectoryLimits, Heard, Instance, Refused};
use crate::time::Time;

mod apply;
mod bounds;
mod depth;
mod expiry;
mod flood;
mod kept;
mod lookup;
mod pattern;
mod property;
mod refused;
mod restore;
mod search;
mod watch;
mod withdraw;

const TTL: u32 = 90;
const WALL: UnixMillis = UnixMillis(1_800_000_000_000);

/// A node that says things: its record set, and the number of its last statement.
struct Author {
    key: SecretKey,
    seq: u64,
    node: Option<Proved<NodeRecord>>,
    services: BTreeMap<InstanceId, Proved<ServiceRecord>>,
}

impl Author {
    fn new(seed: u8) -> Self {
        Self { key: SecretKey::from_seed(&[seed; 32]), seq: 0, node: None, services: BTreeMap::new() }
    }

    fn id(&self) -> NodeId {
        self.key.node_id()
    }

    fn next(&mut self) -> Seq {
        self.seq += 1;
        Seq(self.seq)
    }

    fn seal<T: Sealable>(&self, value: T) -> Verified<T> {
        Signed::seal(&self.key, &NetworkName::main(), value).unwrap()
    }

    fn record<T: Statement>(&self, value: T) -> Proved<T> {
        Proved::own(&self.key, value).unwrap()
    }

    /// Makes a record of an instance and puts it in the set.
    fn offer(&mut self, instance: u64, name: &str, version: &str) -> Proved<ServiceRecord> {
        let seq = self.next();
        let record = self.record(service(instance, name, version, seq));
        self.services.insert(InstanceId(instance), record.clone());
        record
    }

    /// Makes this node's own record and puts it in the set.
    fn introduce(&mut self, address: &str) -> Proved<NodeRecord> {
        let record = NodeRecord {
            addresses: vec![address.to_owned()],
            agent: "test/1".to_owned(),
            issued: WALL,
            seq: self.next(),
            extensions: Extensions::new(),
        };
        let record = self.record(record);
        self.node = Some(record.clone());
        record
    }

    /// A lease over the set as it is.
    fn lease(&mut self) -> Verified<Lease> {
        self.lease_of(TTL, WALL)
    }

    fn lease_of(&mut self, ttl_secs: u32, issued: UnixMillis) -> Verified<Lease> {
        let hashes = self.services.values().map(Proved::hash).chain(self.node.as_ref().map(Proved::hash));
        let digest = Hash::of_set(hashes);
        let seq = self.next();
        self.seal(Lease { seq, digest, ttl_secs, issued, news: Vec::new(), extensions: Extensions::new() })
    }

    /// A renewal: a lease and no records.
    fn renewal(&mut self) -> Batch {
        part(self.lease(), [])
    }

    /// The whole set under a new lease.
    fn whole(&mut self) -> Batch {
        let lease = self.lease();
        self.whole_under(lease)
    }

    fn whole_under(&self, lease: Verified<Lease>) -> Batch {
        let services = self.services.values().cloned().collect();
        Batch { lease, remaining: None, node: self.node.clone(), services, whole: true }
    }

    /// Takes instances out of the set and says so.
    fn take_back(&mut self, instances: &[u64]) -> Verified<Withdrawal> {
        let instances: Vec<InstanceId> = instances.iter().copied().map(InstanceId).collect();
        self.services.retain(|instance, _| !instances.contains(instance));
        let seq = self.next();
        self.seal(Withdrawal { what: Withdrawn::Instances(instances), issued: WALL, seq })
    }

    /// Takes everything out of the set and says so.
    fn leave(&mut self) -> Verified<Withdrawal> {
        self.services.clear();
        self.node = None;
        let seq = self.next();
        self.seal(Withdrawal { what: Withdrawn::Node, issued: WALL, seq })
    }
}

pub(crate) fn service(instance: u64, name: &str, version: &str, seq: Seq) -> ServiceRecord {
    ServiceRecord {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        instance: InstanceId(instance),
        endpoints: Vec::new(),
        topics: Vec::new(),
        doc: String::new(),
        metadata: BTreeMap::new(),
        protocols: Vec::new(),
        issued: WALL,
        seq,
        extensions: Extensions::new(),
    }
}

/// A batch that is a part of its author's set.
fn part(lease: Verified<Lease>, services: impl IntoIterator<Item = Proved<ServiceRecord>>) -> Batch {
    Batch { lease, remaining: None, node: None, services: services.into_iter().collect(), whole: false }
}

/// The same batch, heard second hand.
fn relayed(batch: Batch, left: Duration) -> Batch {
    Batch { remaining: Some(left), ..batch }
}

const fn at(seconds: u64) -> Time {
    Time(seconds * 1000)
}

/// The directory of node 0, with room for everything.
fn directory() -> Directory {
    Directory::new(Author::new(0).id(), DirectoryLimits::default())
}

fn apply(directory: &mut Directory, batch: Batch, now: Time) -> Applied {
    directory.apply(batch, now, WALL).unwrap()
}

/// The numbers of the instances that are listed.
fn listed(directory: &Directory) -> Vec<u64> {
    let mut listed: Vec<u64> = directory.instances().map(|i| i.record.value().instance.0).collect();
    listed.sort_unstable();
    listed
}

fn found(directory: &Directory, query: &str) -> Vec<u64> {
    let query: ServiceQuery = query.parse().unwrap();
    directory.find(&query).iter().map(|i| i.record.value().instance.0).collect()
}

/// An instance without the times at which it was heard of: node, instance, record, whether it is suspect.
type Fact = (NodeId, InstanceId, Hash, bool);

fn fact(instance: &Instance) -> Fact {
    (instance.node, instance.record.value().instance, instance.record.hash(), instance.suspect)
}

/// Changes as text: what happened to which instance.
fn told(directory: &mut Directory) -> Vec<String> {
    let tell = |change: &Change| {
        let instance = change.instance().record.value().instance.0;
        match change {
            Change::Added(_) => format!("added {instance}"),
            Change::Changed(_) => format!("changed {instance}"),
            Change::Suspect(_) => format!("suspect {instance}"),
            Change::Recovered(_) => format!("recovered {instance}"),
            Change::Removed(_, why) => format!("removed {instance} {why:?}").to_lowercase(),
        }
    };
    directory.take_changes().iter().map(tell).collect()
}
