//! What an adjacency may not say, and that its messages come back as they were, within their limits.

use proptest::prelude::*;

use super::*;
use crate::{
    codec::encode,
    directory::SyncRequest,
    golden::{self, key, network, sealed},
    sealed::SealError,
    service::Suspicion,
    strategies,
};

fn node(number: u8) -> NodeId {
    NodeId::from_public_key([number; 32])
}

fn neighbour(number: u8) -> Neighbour {
    Neighbour { node: node(number), rtt_us: Some(1_000), relayed: false }
}

fn naming(neighbours: Vec<Neighbour>) -> Adjacency {
    Adjacency { neighbours, ..golden::adjacency() }
}

fn rule(adjacency: Adjacency) -> String {
    match Signed::seal(&key(), &network(), adjacency) {
        Err(SealError::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn so_many_neighbours_are_named() {
    let many = |count: u8| (1..=count).map(neighbour).collect();
    let longest = sealed(naming(many(64))).body_len();
    assert!(longest <= limits::ADJACENCY - 512, "{longest} bytes leave room for later fields");
    sealed(naming(Vec::new()));
    assert_eq!(rule(naming(many(65))), "65 neighbours, at most 64 are allowed");
}

#[test]
fn each_stands_once_in_ascending_order() {
    for pair in [[2, 1], [1, 1]] {
        let said = rule(naming(pair.map(neighbour).to_vec()));
        assert!(said.contains("each stands once, in ascending order"), "{said}");
    }
}

#[test]
fn nobody_is_its_own_neighbour() {
    let own = Neighbour { node: key().node_id(), ..neighbour(1) };
    assert_eq!(rule(naming(vec![own])), "a node that names itself as its neighbour");
}

#[test]
fn it_keeps_its_bounds() {
    for ttl_secs in [0, 9, 601, u32::MAX] {
        let wanted = format!("an adjacency of {ttl_secs} s is outside what is allowed, 10 to 600 s");
        assert_eq!(rule(Adjacency { ttl_secs, ..golden::adjacency() }), wanted);
    }
    for rtt in [0, 60_000_001, u32::MAX] {
        let wanted = format!("a round trip of {rtt} µs is outside what is allowed, 1 to 60000000 µs");
        assert_eq!(rule(naming(vec![Neighbour { rtt_us: Some(rtt), ..neighbour(1) }])), wanted);
    }
    let mut long = golden::adjacency();
    long.extensions.insert(9, vec![0; limits::ADJACENCY]);
    assert!(rule(long).contains("exceed the limit of 3072"));
}

#[test]
fn a_neighbour_is_found_among_many() {
    let adjacency = naming((1..=64).map(neighbour).collect());
    assert!((1..=64).all(|number| adjacency.neighbour(&node(number)) == Some(&neighbour(number))));
    assert_eq!(adjacency.neighbour(&node(65)), None);
}

#[test]
fn another_statement_is_no_adjacency() {
    // The bytes of a signed suspicion, taken for an adjacency.
    let suspicion: Signed<Suspicion> = sealed(golden::suspicion());
    let taken: Signed<Adjacency> = codec::decode(&encode(&suspicion).unwrap(), 1_000).unwrap();
    assert!(matches!(taken.open(&network()), Err(SealError::Forged { .. })));
    let elsewhere = sealed(golden::adjacency()).open(&"elsewhere".parse().unwrap());
    assert!(matches!(elsewhere, Err(SealError::Forged { .. })));
}

#[test]
fn messages_are_bounded_both_ways() {
    let question = |count| {
        let question = Question { known: vec![(node(1), Seq(u64::MAX)); count], ..golden::adjacent() };
        encode(&SyncRequest::Adjacent { question }).unwrap()
    };
    assert!(SyncRequest::decode(&question(limits::ADJACENCIES_KNOWN)).is_ok());
    let error = SyncRequest::decode(&question(limits::ADJACENCIES_KNOWN + 1)).unwrap_err();
    assert_eq!(error.to_string(), "1025 adjacencies in a question, at most 1024 are allowed");

    let mut full = golden::adjacency();
    full.extensions.insert(9, vec![0; limits::ADJACENCY - 200]);
    let passed = Passed { adjacency: sealed(full), remaining_ms: u32::MAX };
    let answer = |count| encode(&Adjacencies { held: vec![passed.clone(); count] }).unwrap();
    let longest = answer(limits::ADJACENCIES);
    assert!(longest.len() <= limits::SYNC_MESSAGE, "{} bytes: the longest answer fits into a message", longest.len());
    assert!(Adjacencies::decode(&longest).is_ok());
    let error = Adjacencies::decode(&answer(limits::ADJACENCIES + 1)).unwrap_err();
    assert_eq!(error.to_string(), "257 adjacencies in an answer, at most 256 are allowed");
}

proptest! {
    #[test]
    fn adjacencies_come_back(answer in strategies::adjacencies()) {
        let back = Adjacencies::decode(&encode(&answer).unwrap());
        prop_assert_eq!(back.as_ref(), Ok(&answer));
        for passed in answer.held {
            prop_assert!(passed.adjacency.open(&network()).is_ok());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Adjacencies::decode(&bytes);
        let _ = SyncRequest::decode(&bytes);
    }
}
