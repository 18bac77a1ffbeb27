//! A set is what its lease covers, or nothing.

use super::*;
use crate::{
    codec,
    golden::{self, body, key, network, sealed, sync_reply},
    identity::SecretKey,
    service::Seq,
};

fn set() -> RecordSet {
    sync_reply().set
}

/// The set under a lease that covers what it has.
fn covered(node: Option<Body<NodeRecord>>, services: Vec<Body<ServiceRecord>>) -> RecordSet {
    let digest = Hash::of_set(node.iter().map(Body::hash).chain(services.iter().map(Body::hash)));
    RecordSet { lease: sealed(Lease { digest, ..golden::lease() }), node, services, ..set() }
}

fn refusal(set: RecordSet) -> SealError {
    set.open(&network()).expect_err("it is refused")
}

#[test]
fn what_a_lease_covers_is_proved() {
    let open = set().open(&network()).unwrap();
    assert_eq!(open.lease.author(), key().node_id());
    assert_eq!(open.remaining, Duration::from_mins(1));
    assert_eq!(open.services[0].value(), &golden::service_record());
    assert_eq!(open.services[0].author(), key().node_id());
    assert_eq!(open.node.unwrap().value(), &golden::node_record());
}

#[test]
fn a_node_that_offers_nothing_is_a_set_too() {
    let open = covered(None, Vec::new()).open(&network()).unwrap();
    assert!(open.node.is_none() && open.services.is_empty());
}

#[test]
fn nothing_can_be_left_out_added_or_changed() {
    let other = body(ServiceRecord { seq: Seq(3), ..golden::service_record() });
    let without = RecordSet { services: Vec::new(), ..set() };
    let headless = RecordSet { node: None, ..set() };
    let mut longer = set();
    longer.services.push(other.clone());
    let mut twice = set();
    twice.services.push(twice.services[0].clone());
    let changed = RecordSet { services: vec![other], ..set() };
    for set in [without, headless, longer, twice, changed] {
        let count = set.services.len() + usize::from(set.node.is_some());
        assert_eq!(refusal(set), SealError::NotCovered { author: key().node_id(), count });
    }
}

#[test]
fn the_lease_itself_must_be_its_authors() {
    let error = set().open(&"elsewhere".parse().unwrap()).unwrap_err();
    assert!(matches!(error, SealError::Forged { .. }), "{error}");
    let stranger = SecretKey::from_seed(&[9; 32]).node_id();
    let mut bytes = codec::encode(&set()).unwrap();
    bytes[..32].copy_from_slice(stranger.public_key());
    let claimed: RecordSet = codec::decode(&bytes, bytes.len()).unwrap();
    assert_eq!(claimed.author(), stranger);
    assert!(matches!(refusal(claimed), SealError::Forged { author, .. } if author == stranger));
}

#[test]
fn what_is_covered_must_keep_the_rules_all_the_same() {
    let garbage = |bytes: Vec<u8>| codec::decode(&codec::encode(&(bytes,)).unwrap(), 1 << 20).unwrap();
    let unreadable = covered(None, vec![garbage(vec![0xff; 40])]);
    assert!(matches!(refusal(unreadable), SealError::Unreadable { .. }));
    let too_long = covered(None, vec![garbage(vec![0; crate::limits::SERVICE_RECORD + 1])]);
    assert!(refusal(too_long).to_string().contains("exceed the limit"));
    let mut lawless = golden::service_record();
    lawless.doc = "x".repeat(crate::limits::DOC + 1);
    let lawless = covered(None, vec![garbage(codec::encode(&lawless).unwrap())]);
    assert!(matches!(refusal(lawless), SealError::Invalid { .. }));
}
