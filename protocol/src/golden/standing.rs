//! Values of what is said about standing.

use super::{ISSUED, extensions, key, network, other_key};
use crate::{
    identity::SecretKey,
    sealed::{Countersigned, Sealable, Signed},
    service::{Extensions, Seq, UnixMillis},
    standing::{
        FraudProof, PairReceipt, Row, Vouch, Work,
        exchange::{Reply, Request},
    },
};

/// When the pair began to count: three days before.
pub(crate) const EPOCH: UnixMillis = UnixMillis(ISSUED.0 - 3 * 86_400_000);

/// [`key`] has the smaller id, so it is the receipts' `a`.
pub(crate) fn receipt() -> PairReceipt {
    PairReceipt {
        a: key().node_id(),
        b: other_key().node_id(),
        epoch: EPOCH,
        seq: Seq(251),
        to_a: Work { good: 70_000, slow: 300, lost: 7, faults: 1, days: 3 },
        to_b: Work::default(),
        issued: ISSUED,
        extensions: Extensions::new(),
    }
}

/// The same with everything that it may have.
pub(crate) fn receipt_full() -> PairReceipt {
    let to_b = Work { good: 1, slow: 0, lost: 0, faults: 0, days: 1 };
    PairReceipt { to_b, seq: Seq(252), extensions: extensions(), ..receipt() }
}

/// Signed by one.
pub(crate) fn half<T: Sealable>(key: &SecretKey, value: T) -> Signed<T> {
    Signed::seal(key, &network(), value).unwrap().signed()
}

/// Signed by both.
pub(crate) fn both<T: Sealable + Clone>(value: T) -> Countersigned<T> {
    let halves = [key(), other_key()].map(|key| Signed::seal(&key, &network(), value.clone()).unwrap());
    Countersigned::join(&halves[1], &halves[0]).unwrap()
}

pub(crate) fn row() -> Row {
    let vouch = |peer: [u8; 32], weight, days| Vouch {
        peer: crate::identity::NodeId::from_public_key(peer),
        weight,
        days,
        successes: 70_000,
        epoch: EPOCH,
        receipt: Seq(251),
    };
    let vouches = vec![vouch([3; 32], 1, 0), vouch(*other_key().node_id().public_key(), 1000, 300)];
    Row { seq: Seq(70_002), issued: ISSUED, vouches, extensions: extensions() }
}

/// [`key`] has signed two receipts with one number.
pub(crate) fn proof() -> FraudProof {
    let other = PairReceipt { to_a: Work { good: 70_001, ..receipt().to_a }, ..receipt() };
    FraudProof(half(&key(), receipt()), half(&key(), other))
}

/// What is asked.
pub(crate) fn requests() -> [(&'static str, Request); 4] {
    [
        ("standing request: a half to sign", Request::Propose { half: half(&key(), receipt()) }),
        ("standing request: row", Request::Row),
        ("standing request: receipts", Request::Receipts { peers: vec![other_key().node_id()] }),
        ("standing request: proofs", Request::Proofs),
    ]
}

/// What is answered.
pub(crate) fn replies() -> [(&'static str, Reply); 7] {
    [
        ("standing reply: agreed", Reply::Agreed { receipt: both(receipt()) }),
        ("standing reply: refused, nothing signed yet", Reply::Refused { last: None }),
        ("standing reply: refused", Reply::Refused { last: Some(both(receipt())) }),
        ("standing reply: no row", Reply::Row { row: None }),
        ("standing reply: row", Reply::Row { row: Some(half(&key(), row())) }),
        ("standing reply: receipts", Reply::Receipts { receipts: vec![both(receipt())] }),
        ("standing reply: proofs", Reply::Proofs { proofs: vec![proof()] }),
    ]
}

/// Bits of the puzzle that the keys of the golden values happen to solve.
pub(crate) const BITS: [u32; 2] = [0, 0];

/// Keys that solve the puzzle: how many bits, and the number under which the seed of 32 sevens gives the first one.
pub(crate) const PUZZLES: [(&str, u32, u64); 2] = [("puzzle: 8 bits", 8, 341), ("puzzle: 12 bits", 12, 1026)];
