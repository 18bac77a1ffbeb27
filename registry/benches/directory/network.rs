//! The network that is measured: a thousand nodes with ten services each, four nodes for each name.

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName, ServiceQuery},
    service::{Endpoint, EndpointKind, Extensions, Protocol, Schema, Seq, ServiceRecord, UnixMillis},
};
use atoll_registry::{
    exchange::Publisher,
    services::{Batch, Directory, DirectoryLimits},
    time::Time,
};

pub(crate) const NODES: u32 = 1_000;
pub(crate) const PER_NODE: u32 = 10;
pub(crate) const NAMES: u32 = 2_500;
pub(crate) const TTL: Duration = Duration::from_secs(90);
pub(crate) const WALL: UnixMillis = UnixMillis(1_800_000_000_000);
pub(crate) const NOW: Time = Time(1_000);

/// A node of this number, that has said nothing yet.
pub(crate) fn publisher(number: u32) -> Publisher {
    Publisher::new(key(number), NetworkName::main(), Seq(0))
}

fn key(number: u32) -> SecretKey {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    SecretKey::from_seed(&seed)
}

/// The node whose directory is measured.
pub(crate) fn me() -> NodeId {
    key(u32::MAX).node_id()
}

pub(crate) fn empty(limits: DirectoryLimits) -> Directory {
    Directory::new(me(), limits)
}

/// A service as many are: two methods, some 700 bytes of documentation, no two of which are the same.
pub(crate) fn record(name: u32, instance: u64) -> ServiceRecord {
    let endpoint = |name: &str, doc: String| Endpoint {
        name: name.parse().unwrap(),
        kind: EndpointKind::Unary,
        request: Schema::Raw,
        response: Schema::Raw,
        idempotent: true,
        deadline_hint_ms: None,
        doc,
    };
    let says = "answers questions about what it is asked, as well as it can, and says so where it cannot. ";
    ServiceRecord {
        name: name_of(name).parse().unwrap(),
        version: semver::Version::new(1, 0, 0),
        instance: InstanceId(instance),
        endpoints: vec![
            endpoint("ask", format!("Asks number {name}.")),
            endpoint("tell", format!("Tells number {name} that it was wrong.")),
        ],
        topics: Vec::new(),
        doc: format!("Service {name} ") + &says.repeat(7),
        metadata: BTreeMap::from([("zone".to_owned(), format!("zone-{}", name % 7))]),
        protocols: vec![Protocol::Rpc],
        issued: UnixMillis::default(),
        seq: Seq::default(),
        extensions: Extensions::new(),
    }
}

pub(crate) fn name_of(number: u32) -> String {
    format!("some.service-{number}")
}

/// Ten thousand records, in a directory and as their nodes have made them.
pub(crate) fn full() -> (Directory, Vec<Publisher>) {
    let mut publishers: Vec<Publisher> = (0..NODES).map(publisher).collect();
    for (node, publisher) in (0..).zip(&mut publishers) {
        for n in 0..PER_NODE {
            let instance = node * PER_NODE + n;
            publisher.add(record(instance % NAMES, instance.into()), WALL).unwrap();
        }
    }
    let mut directory = empty(DirectoryLimits::default());
    for set in sets(&mut publishers) {
        directory.apply(set, NOW, WALL).unwrap();
    }
    directory.take_changes();
    assert_eq!(directory.len(), 10_000);
    (directory, publishers)
}

/// All that each of them says, under a new lease.
pub(crate) fn sets(publishers: &mut [Publisher]) -> Vec<Batch> {
    publishers.iter_mut().map(|publisher| publisher.whole(TTL, WALL).unwrap()).collect()
}

/// A query for each name, in an order that is none.
pub(crate) fn queries() -> Vec<ServiceQuery> {
    (0..NAMES).map(|n| name_of(n * 7_919 % NAMES).parse().unwrap()).collect()
}
