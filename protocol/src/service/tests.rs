//! What a record may not say, whoever signs it.

use proptest::prelude::*;

use super::*;
use crate::{
    codec,
    golden::{body, key, lease, node_record, service_record, withdrawal},
    sealed::{Proved, SealError},
    strategies,
};

/// The rule that a record breaks.
fn rule<T: Statement + std::fmt::Debug>(record: T) -> String {
    match Proved::own(&key(), record) {
        Err(SealError::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

fn is_admitted<T: Statement + Clone + PartialEq>(record: &T) -> bool {
    body(record.clone()).hashed().admit(key().node_id()).is_ok_and(|admitted| admitted.value() == record)
}

fn service(change: impl FnOnce(&mut ServiceRecord)) -> ServiceRecord {
    let mut record = service_record();
    change(&mut record);
    record
}

fn endpoints(count: usize) -> Vec<Endpoint> {
    let endpoint =
        |i: usize| Endpoint { name: format!("m{i}").parse().unwrap(), ..service_record().endpoints[3].clone() };
    (0..count).map(endpoint).collect()
}

fn labels(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|i| (i.to_string(), String::new())).collect()
}

#[test]
fn a_service_record_may_be_as_large_as_its_limits() {
    body(service(|r| r.endpoints = endpoints(limits::ENDPOINTS)));
    body(service(|r| r.topics = vec!["t".repeat(limits::TOPIC_NAME); limits::TOPICS]));
    body(service(|r| r.metadata = labels(limits::METADATA_ENTRIES)));
    body(service(|r| r.doc = "d".repeat(limits::DOC)));
    body(service(|r| r.endpoints[1].doc = "d".repeat(limits::DOC)));
    body(service(|r| r.protocols = vec![Protocol::Rpc; limits::PROTOCOLS]));
    body(service(|r| r.endpoints.clear()));
}

#[test]
fn a_service_record_above_a_limit_is_refused_in_words() {
    let long = Version::parse(&format!("1.0.0-{}", "a".repeat(59))).unwrap();
    for (record, wanted) in [
        (service(|r| r.endpoints = endpoints(129)), "129 endpoints, at most 128 are allowed"),
        (service(|r| r.topics = vec![String::new(); 129]), "129 topics, at most 128 are allowed"),
        (service(|r| r.topics[0] = "t".repeat(129)), "129 bytes of topic, at most 128 are allowed"),
        (service(|r| r.metadata = labels(33)), "33 metadata entries, at most 32 are allowed"),
        (service(|r| r.protocols = vec![Protocol::Tcp; 9]), "9 protocols, at most 8 are allowed"),
        (service(|r| r.version = long), "65 bytes of version, at most 64 are allowed"),
        (service(|r| r.doc = "d".repeat(8193)), "8193 bytes of documentation, at most 8192 are allowed"),
        (
            service(|r| r.endpoints[1].doc = "d".repeat(8193)),
            "endpoint watch: 8193 bytes of documentation, at most 8192 are allowed",
        ),
    ] {
        assert_eq!(rule(record), wanted);
    }
}

#[test]
fn an_endpoint_is_listed_once() {
    let record = service(|r| {
        let again = r.endpoints[0].clone();
        r.endpoints.push(again);
    });
    assert_eq!(rule(record), "endpoint add is listed twice; name each once");
}

#[test]
fn a_node_record_above_a_limit_is_refused_in_words() {
    let node = |change: fn(&mut NodeRecord)| {
        let mut record = node_record();
        change(&mut record);
        record
    };
    body(node(|r| r.addresses.clear()));
    for (record, wanted) in [
        (node(|r| r.addresses = vec!["/a".into(); 9]), "9 addresses, at most 8 are allowed"),
        (node(|r| r.addresses[1] = "a".repeat(257)), "257 bytes of address, at most 256 are allowed"),
        (node(|r| r.agent = "a".repeat(65)), "65 bytes of agent, at most 64 are allowed"),
    ] {
        assert_eq!(rule(record), wanted);
    }
}

#[test]
fn a_lease_keeps_its_bounds() {
    for ttl_secs in [10, 90, 10_800] {
        let lease = body(Lease { ttl_secs, ..lease() }).hashed().admit(key().node_id()).unwrap();
        assert_eq!(lease.value().ttl(), Duration::from_secs(ttl_secs.into()));
    }
    body(Lease { news: vec![Hash([1; 32]); limits::NEWS], ..lease() });
    let wanted = "9 announcements, at most 8 are allowed";
    assert_eq!(rule(Lease { news: vec![Hash([1; 32]); limits::NEWS + 1], ..lease() }), wanted);
    for ttl_secs in [0, 9, 10801, u32::MAX] {
        let wanted = format!("a lease of {ttl_secs} s is outside what is allowed, 10 to 10800 s");
        assert_eq!(rule(Lease { ttl_secs, ..lease() }), wanted);
    }
}

#[test]
fn a_withdrawal_names_so_many_instances() {
    let instances = |count| withdrawal(Withdrawn::Instances(vec![InstanceId(1); count]));
    body(instances(limits::WITHDRAWN_INSTANCES));
    assert_eq!(rule(instances(1025)), "1025 instances, at most 1024 are allowed");
}

#[test]
fn a_name_that_nobody_could_type_makes_a_record_unreadable() {
    let bytes = codec::encode(&service_record()).unwrap();
    for (good, bad, wanted) in [
        ("math.calc", "math..alc", "\"math..alc\" is not a service name"),
        ("\u{3}add", "\u{3}a/d", "\"a/d\" is not a method name"),
        ("1.2.3-rc.1+b5", "1.2.3-rc..+b5", "empty identifier segment"),
    ] {
        let (good, bad) = (good.as_bytes(), bad.as_bytes());
        let at = bytes.windows(good.len()).position(|w| w == good).unwrap();
        let mut changed = bytes.clone();
        changed[at..at + bad.len()].copy_from_slice(bad);
        let error = codec::decode::<ServiceRecord>(&changed, limits::SERVICE_RECORD).unwrap_err().to_string();
        assert!(error.starts_with("malformed: ") && error.contains(wanted), "{error}");
    }
}

proptest! {
    #[test]
    fn records_that_keep_the_rules_are_admitted(
        service in strategies::service_record(),
        node in strategies::node_record(),
        lease in strategies::lease(),
        withdrawal in strategies::withdrawal(),
    ) {
        prop_assert!(is_admitted(&service));
        prop_assert!(is_admitted(&node));
        prop_assert!(is_admitted(&lease));
        prop_assert!(is_admitted(&withdrawal));
    }
}
