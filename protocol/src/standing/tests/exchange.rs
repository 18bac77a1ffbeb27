//! What is asked and answered about standing.

use super::*;
use crate::standing::exchange::{Reply, Request};

fn requests() -> Vec<Request> {
    let peers = vec![key().node_id(), other_key().node_id()];
    vec![Request::Propose { half: half(&key(), receipt()) }, Request::Row, Request::Receipts { peers }, Request::Proofs]
}

fn replies() -> Vec<Reply> {
    let row = Signed::seal(&other_key(), &network(), Row { vouches: Vec::new(), ..golden::standing::row() }).unwrap();
    vec![
        Reply::Agreed { receipt: both(receipt()) },
        Reply::Refused { last: None },
        Reply::Refused { last: Some(both(receipt())) },
        Reply::Row { row: Some(row.signed()) },
        Reply::Receipts { receipts: vec![both(receipt()), both(receipt_full())] },
        Reply::Proofs { proofs: vec![golden::standing::proof()] },
    ]
}

#[test]
fn what_is_said_is_heard() {
    for request in requests() {
        assert_eq!(Request::decode(&codec::encode(&request).unwrap()), Ok(request));
    }
    for reply in replies() {
        assert_eq!(Reply::decode(&codec::encode(&reply).unwrap()), Ok(reply));
    }
}

#[test]
fn the_kinds_keep_their_numbers() {
    let first = |bytes: Vec<u8>| bytes[0];
    let numbers: Vec<u8> = requests().iter().map(|request| first(codec::encode(request).unwrap())).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let numbers: Vec<u8> = replies().iter().map(|reply| first(codec::encode(reply).unwrap())).collect();
    assert_eq!(numbers, [0, 1, 1, 2, 3, 4]);
}

#[test]
fn what_is_cut_off_too_long_or_of_an_unknown_kind_is_refused() {
    for request in requests() {
        let bytes = codec::encode(&request).unwrap();
        for end in 0..bytes.len() {
            assert!(Request::decode(&bytes[..end]).is_err(), "{request:?} cut at {end}");
        }
    }
    assert!(Request::decode(&[9]).is_err() && Reply::decode(&[9]).is_err());
    assert!(Request::decode(&vec![2; limits::STANDING_REQUEST + 1]).is_err());
    assert!(Reply::decode(&vec![3; limits::STANDING_REPLY + 1]).is_err());
}
