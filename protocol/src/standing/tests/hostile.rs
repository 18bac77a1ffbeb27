//! Bytes of strangers.

use std::thread;

use proptest::{collection, prelude::*, sample::Index};

use super::*;

fn open(bytes: &[u8]) -> bool {
    let receipt = codec::decode::<Countersigned<PairReceipt>>(bytes, limits::PAIR_RECEIPT_WIRE);
    receipt.is_ok_and(|receipt| receipt.verify(&network()).is_ok())
}

/// Receipts that differ in what they say, as they cross the wire.
fn receipts(count: u64) -> Vec<Vec<u8>> {
    let with = |n: u64| PairReceipt { seq: Seq(n + 1), to_b: Work { good: n * n * n, ..Work::default() }, ..receipt() };
    (0..count).map(|n| codec::encode(&both(with(n))).unwrap()).collect()
}

#[test]
fn every_flipped_bit_of_a_receipt_is_noticed() {
    let receipts = receipts(44);
    let bits: usize = receipts.iter().map(|wire| wire.len() * 8).sum();
    assert!(bits >= 100_000, "only {bits} are tried");
    let half = receipts.len() / 2;
    thread::scope(|scope| {
        for part in [&receipts[..half], &receipts[half..]] {
            scope.spawn(move || part.iter().for_each(|wire| flip_each(wire)));
        }
    });
}

fn flip_each(wire: &[u8]) {
    assert!(open(wire));
    let mut flipped = wire.to_vec();
    for bit in 0..wire.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!open(&flipped), "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn halves_of_two_receipts_do_not_make_one() {
    let mut mixed = codec::encode(&both(receipt())).unwrap();
    let other = codec::encode(&both(receipt_full())).unwrap();
    let signature = 64;
    let at = mixed.len() - signature;
    mixed[at..].copy_from_slice(&other[other.len() - signature..]);
    assert!(!open(&mixed), "the second signature is over another body");
}

#[test]
fn one_signer_twice_is_not_two() {
    let [first, _] = both(receipt()).open(&network()).unwrap();
    assert!(Countersigned::join(&first, &first).is_none());
    let wire = codec::encode(&first.signed()).unwrap();
    let signature = &wire[wire.len() - 65..];
    let twice = [wire.as_slice(), first.author().public_key(), signature].concat();
    let receipt = codec::decode::<Countersigned<PairReceipt>>(&twice, 512).unwrap();
    let error = receipt.verify(&network()).unwrap_err();
    assert!(
        matches!(&error, SealError::Invalid { rule, .. } if rule.starts_with("the signers are not two")),
        "{error}"
    );
}

#[test]
fn a_stranger_cannot_countersign() {
    let stranger = crate::identity::SecretKey::from_seed(&[9; 32]);
    let error = Signed::seal(&stranger, &network(), receipt()).unwrap_err();
    assert!(error.to_string().ends_with("signed by neither of the two"));
}

#[test]
fn a_receipt_of_another_network_is_refused() {
    assert!(matches!(both(receipt()).verify(&"test".parse().unwrap()), Err(SealError::Forged { .. })));
}

proptest! {
    #[test]
    fn noise_is_read_or_refused(bytes in collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!open(&bytes));
        prop_assert!(FraudProof::decode(&bytes).is_err_and(|_| true) || bytes.len() > 200);
        let _ = codec::decode::<Row>(&bytes, limits::ROW);
    }

    #[test]
    fn damage_is_refused(hits in collection::vec((any::<Index>(), 1..=u8::MAX), 1..4)) {
        let whole = codec::encode(&both(receipt_full())).unwrap();
        let mut bytes = whole.clone();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        prop_assert!(bytes == whole || !open(&bytes));
    }
}
