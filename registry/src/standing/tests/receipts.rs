//! Receipts of others: kept, overtaken, and caught contradicting each other.

use super::*;

fn keys(number: u8) -> [SecretKey; 2] {
    let [one, other] = [number, number + 1].map(|seed| SecretKey::from_seed(&[seed; 32]));
    if one.node_id() < other.node_id() { [one, other] } else { [other, one] }
}

fn network() -> NetworkName {
    NetworkName::main()
}

fn receipt(keys: &[SecretKey; 2], seq: u64, good: u64) -> PairReceipt {
    let to_a = Work { good, ..Work::default() };
    PairReceipt {
        a: keys[0].node_id(),
        b: keys[1].node_id(),
        epoch: NOW,
        seq: Seq(seq),
        to_a,
        to_b: Work::default(),
        issued: NOW,
        extensions: Extensions::new(),
    }
}

fn adopt(receipts: &mut Receipts, keys: &[SecretKey; 2], receipt: PairReceipt) -> Adopted {
    let halves = keys.each_ref().map(|key| Signed::seal(key, &network(), receipt.clone()).unwrap());
    let wire = Countersigned::join(&halves[0], &halves[1]).unwrap();
    receipts.adopt(wire.open(&network()).unwrap(), NOW)
}

#[test]
fn only_the_last_receipt_of_a_pair_is_kept() {
    let (mut receipts, keys) = (Receipts::new(), keys(1));
    assert_eq!(adopt(&mut receipts, &keys, receipt(&keys, 3, 3)), Adopted::Newer);
    assert_eq!(adopt(&mut receipts, &keys, receipt(&keys, 3, 3)), Adopted::Known, "a replay");
    assert_eq!(adopt(&mut receipts, &keys, receipt(&keys, 1, 1)), Adopted::Older);
    assert_eq!(adopt(&mut receipts, &keys, receipt(&keys, 4, 5)), Adopted::Newer);
    let (a, b) = (keys[0].node_id(), keys[1].node_id());
    assert_eq!((receipts.of(b, a).unwrap().to_a.good, receipts.of(a, a)), (5, None));
}

#[test]
fn a_receipt_from_the_future_is_not_kept() {
    let (mut receipts, keys) = (Receipts::new(), keys(1));
    let issued = later(atoll_protocol::limits::STANDING_FUTURE.as_millis() as u64 + 1);
    assert_eq!(adopt(&mut receipts, &keys, PairReceipt { issued, ..receipt(&keys, 1, 1) }), Adopted::FutureDated);
    assert!(receipts.of(keys[0].node_id(), keys[1].node_id()).is_none());
}

#[test]
fn two_receipts_with_one_number_convict_both() {
    let (mut receipts, keys) = (Receipts::new(), keys(1));
    adopt(&mut receipts, &keys, receipt(&keys, 3, 3));
    let Adopted::Fraud(proofs) = adopt(&mut receipts, &keys, receipt(&keys, 3, 300)) else { panic!("it is noticed") };
    let culprits = proofs.map(|proof| proof.verify(&network()).unwrap().culprit);
    assert_eq!(culprits, keys.map(|key| key.node_id()));
}

#[test]
fn those_that_came_longest_ago_go_first() {
    let mut receipts = Receipts::with_limit(2);
    let pairs = [keys(1), keys(3), keys(5)];
    for keys in [&pairs[0], &pairs[1], &pairs[0], &pairs[2]] {
        let seq = receipts.of(keys[0].node_id(), keys[1].node_id()).map_or(1, |held| held.seq.0 + 1);
        adopt(&mut receipts, keys, receipt(keys, seq, 1));
    }
    let held = pairs.each_ref().map(|keys| receipts.of(keys[0].node_id(), keys[1].node_id()).is_some());
    assert_eq!(held, [true, false, true]);
}
