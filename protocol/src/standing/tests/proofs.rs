//! What proves fraud, and what does not.

use super::*;

fn verify(one: PairReceipt, other: PairReceipt) -> Result<proof::Fraud, ProofError> {
    FraudProof(half(&key(), one), half(&key(), other)).verify(&network())
}

fn another() -> PairReceipt {
    PairReceipt { to_a: Work::default(), ..receipt() }
}

#[test]
fn two_receipts_with_one_number_are_fraud() {
    let proved = verify(receipt(), another()).unwrap();
    assert_eq!((proved.culprit, proved.peer, proved.number), (receipt().a, receipt().b, receipt().number()));
    assert_eq!(verify(another(), receipt()), Ok(proved), "whichever comes first");
}

#[test]
fn whoever_has_signed_both_is_the_culprit() {
    let [one, other] = [receipt(), another()].map(|receipt| both(receipt).open(&network()).unwrap());
    for side in 0..2 {
        let proof = FraudProof::of(&one[side], &other[side]).unwrap();
        assert_eq!(proof.verify(&network()).unwrap().culprit, one[side].author());
    }
    assert!(FraudProof::of(&one[0], &other[1]).is_none(), "two signers, one body each");
}

#[test]
fn what_goes_together_is_no_fraud() {
    let later = PairReceipt { seq: Seq(252), ..another() };
    let anew = PairReceipt { epoch: UnixMillis(EPOCH.0 + 1), ..another() };
    let elsewhere = PairReceipt { b: NodeId::from_public_key([0xff; 32]), ..another() };
    for other in [receipt(), later, anew, elsewhere] {
        assert_eq!(verify(receipt(), other), Err(ProofError::Consistent { signer: key().node_id() }));
    }
    let two = FraudProof(half(&key(), receipt()), half(&other_key(), another()));
    assert_eq!(two.verify(&network()), Err(ProofError::Consistent { signer: key().node_id() }));
}

#[test]
fn a_second_encoding_of_one_receipt_is_no_fraud() {
    let proof = verify(receipt(), receipt());
    assert!(matches!(proof, Err(ProofError::Consistent { .. })));
}

#[test]
fn a_forged_proof_is_void() {
    let proof = golden::standing::proof();
    assert!(matches!(proof.verify(&"elsewhere".parse().unwrap()), Err(ProofError::Void(_))));
    let wire = codec::encode(&proof).unwrap();
    for bit in (0..wire.len() * 8).step_by(7) {
        let mut flipped = wire.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            FraudProof::decode(&flipped).is_err() || FraudProof::decode(&flipped).unwrap().verify(&network()).is_err()
        );
    }
}

#[test]
fn proofs_take_at_most_a_kilobyte() {
    let wire = codec::encode(&golden::standing::proof()).unwrap();
    assert!(wire.len() <= FraudProof::LIMIT, "{} bytes", wire.len());
    let room = |receipt: PairReceipt| {
        let free = limits::PAIR_RECEIPT - half(&key(), receipt.clone()).body_len() - 4;
        PairReceipt { extensions: [(1, vec![0; free])].into(), ..receipt }
    };
    let largest = FraudProof(half(&key(), room(receipt())), half(&key(), room(another())));
    let wire = codec::encode(&largest).unwrap();
    assert!(wire.len() <= FraudProof::LIMIT && wire.len() > 700, "{} bytes", wire.len());
    assert!(FraudProof::decode(&[wire, vec![0; 300]].concat()).is_err());
}
