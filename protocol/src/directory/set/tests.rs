//! A set, and what of it is news, is what its lease covers, or nothing.

use super::*;
use crate::{
    codec,
    golden::{self, body, key, network, news, sealed, sync_reply},
    identity::SecretKey,
    service::Seq,
};

type Records = (Option<Body<NodeRecord>>, Vec<Body<ServiceRecord>>);

fn set() -> RecordSet {
    sync_reply().set
}

/// The set under a lease that covers what it has.
fn covered(node: Option<Body<NodeRecord>>, services: Vec<Body<ServiceRecord>>) -> RecordSet {
    let digest = digest(&node, &services);
    RecordSet { lease: sealed(Lease { digest, ..golden::lease() }), node, services, ..set() }
}

/// The records as news under a lease that covers them.
fn told(node: Option<Body<NodeRecord>>, services: Vec<Body<ServiceRecord>>) -> News {
    let news = vec![digest(&node, &services)];
    News { lease: sealed(Lease { news, ..golden::lease() }), node, services }
}

fn digest(node: &Option<Body<NodeRecord>>, services: &[Body<ServiceRecord>]) -> Hash {
    Hash::of_set(node.iter().map(Body::hash).chain(services.iter().map(Body::hash)))
}

fn refusal(set: RecordSet) -> SealError {
    set.open(&network()).expect_err("it is refused")
}

/// Why this is refused, as a set and as news.
fn both_refusals(node: Option<Body<NodeRecord>>, services: Vec<Body<ServiceRecord>>) -> SealError {
    let error = refusal(covered(node.clone(), services.clone()));
    assert_eq!(told(node, services).open(&network()).expect_err("it is refused"), error);
    error
}

fn other_record() -> Body<ServiceRecord> {
    body(ServiceRecord { seq: Seq(3), ..golden::service_record() })
}

/// All that these can be made into by leaving out, adding and changing.
fn altered(node: &Option<Body<NodeRecord>>, services: &[Body<ServiceRecord>]) -> Vec<Records> {
    let with = |more: &Body<ServiceRecord>| [services, std::slice::from_ref(more)].concat();
    vec![
        (node.clone(), Vec::new()),
        (None, services.to_vec()),
        (node.clone(), with(&other_record())),
        (node.clone(), with(&services[0])),
        (node.clone(), vec![other_record()]),
    ]
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
    let whole = set();
    for (node, services) in altered(&whole.node, &whole.services) {
        let count = services.len() + usize::from(node.is_some());
        let altered = RecordSet { node, services, ..whole.clone() };
        assert_eq!(refusal(altered), SealError::NotCovered { author: key().node_id(), count });
    }
    let nothing = RecordSet { node: None, services: Vec::new(), ..whole };
    assert!(matches!(refusal(nothing), SealError::NotCovered { count: 0, .. }));
}

#[test]
fn news_are_what_the_lease_says_or_left_out_as_a_whole() {
    let open = news().open(&network()).unwrap();
    assert_eq!(open.services[0].value(), &golden::service_record());
    assert_eq!(open.node.unwrap().value(), &golden::node_record());
    assert_eq!((open.lease.author(), open.services[0].author()), (key().node_id(), key().node_id()));
    for (node, services) in altered(&news().node, &news().services) {
        let count = services.len() + usize::from(node.is_some());
        let altered = News { node, services, ..news() };
        assert_eq!(altered.open(&network()).unwrap_err(), SealError::NotCovered { author: key().node_id(), count });
    }
    // Nobody can be made to say anything by leaving its words out: they are asked for.
    let open = News::none(news().lease).open(&network()).unwrap();
    assert!(open.node.is_none() && open.services.is_empty());
}

#[test]
fn each_announcement_of_a_lease_is_told_as_it_was_divided() {
    let (one, two) = (vec![body(golden::service_record())], vec![other_record()]);
    let news = vec![digest(&None, &one), digest(&None, &two)];
    let lease = sealed(Lease { news, ..golden::lease() });
    let told = |services| News { lease: lease.clone(), node: None, services }.open(&network());
    assert!(told(one.clone()).is_ok() && told(two.clone()).is_ok());
    assert!(matches!(told([one, two].concat()), Err(SealError::NotCovered { count: 2, .. })));
}

#[test]
fn the_news_of_another_lease_are_none_of_this_one() {
    let renewal = News { lease: sealed(golden::lease()), ..news() };
    assert!(matches!(renewal.open(&network()), Err(SealError::NotCovered { count: 2, .. })));
    // Neither is what a lease covers as a whole: only its author decides what is pushed to everyone.
    let RecordSet { lease, node, services, .. } = set();
    assert!(matches!(News { lease, node, services }.open(&network()), Err(SealError::NotCovered { count: 2, .. })));
    let stranger = Signed::seal(&golden::other_key(), &network(), golden::lease()).unwrap();
    let foreign = News { lease: stranger.signed(), ..news() }.open(&network()).unwrap_err();
    assert_eq!(foreign, SealError::NotCovered { author: stranger.author(), count: 2 });
}

#[test]
fn a_record_of_a_set_is_not_told_in_anothers_place() {
    // Both kinds of records are covered by their bytes alone; each is read as what it is said to be.
    let service = codec::encode(&news().services[0]).unwrap();
    let as_node: Body<NodeRecord> = codec::decode(&service, service.len()).unwrap();
    assert!(matches!(both_refusals(Some(as_node), Vec::new()), SealError::Unreadable { .. }));
}

#[test]
fn the_lease_itself_must_be_its_authors() {
    let elsewhere = "elsewhere".parse().unwrap();
    let errors = [set().open(&elsewhere).unwrap_err(), news().open(&elsewhere).unwrap_err()];
    assert!(errors.iter().all(|error| matches!(error, SealError::Forged { .. })), "{errors:?}");
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
    let refusal = |service| both_refusals(None, vec![garbage(service)]);
    assert!(matches!(refusal(vec![0xff; 40]), SealError::Unreadable { .. }));
    assert!(refusal(vec![0; crate::limits::SERVICE_RECORD + 1]).to_string().contains("exceed the limit"));
    let mut lawless = golden::service_record();
    lawless.doc = "x".repeat(crate::limits::DOC + 1);
    assert!(matches!(refusal(codec::encode(&lawless).unwrap()), SealError::Invalid { .. }));
}
