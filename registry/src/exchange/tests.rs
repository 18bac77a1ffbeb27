//! Tests of the exchange: here is what they share; whole networks of exchanges run in the simulator.

use atoll_protocol::{
    names::InstanceId,
    service::{Extensions, Protocol, Seq, ServiceRecord, UnixMillis},
};

/// A service record as a publisher takes it; numbered and dated by the publisher.
pub(super) fn record(name: &str, version: &str, instance: u64) -> ServiceRecord {
    ServiceRecord {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        instance: InstanceId(instance),
        endpoints: Vec::new(),
        topics: Vec::new(),
        doc: String::new(),
        metadata: std::collections::BTreeMap::new(),
        protocols: vec![Protocol::Rpc],
        issued: UnixMillis::default(),
        seq: Seq::default(),
        extensions: Extensions::new(),
    }
}
