//! How two nodes agree, and what neither lets the other say.

use super::*;
use crate::identity::SecretKey;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn later(ms: u64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

/// The end at [`key`] (the receipts' `a`), and the one at [`other_key`].
fn ends() -> (Pair, Pair) {
    let (a, b) = (key().node_id(), other_key().node_id());
    (Pair::begin(a, b, NOW), Pair::begin(b, a, NOW))
}

/// `caller` calls the other one, and all of it goes well.
fn call(caller: &mut Pair, callee: &mut Pair, times: u32, now: UnixMillis) {
    for _ in 0..times {
        caller.called(Ending::Good, now);
        callee.answered();
    }
}

fn propose(end: &mut Pair, key: &SecretKey, now: UnixMillis) -> Option<Signed<PairReceipt>> {
    end.propose(key, &network(), now).unwrap()
}

/// One end proposes, the other one signs, and the first one is told.
fn exchange(one: (&mut Pair, SecretKey), other: (&mut Pair, SecretKey), now: UnixMillis) -> Countersigned<PairReceipt> {
    let half = propose(one.0, &one.1, now).expect("there is news");
    let Ok(Countersign::Agreed(receipt)) = other.0.countersign(half, &other.1, &network(), now) else {
        panic!("it is signed")
    };
    assert_eq!(one.0.agree(&receipt, &network()), Ok(true));
    *receipt
}

#[test]
fn both_come_to_say_the_same() {
    let (mut a, mut b) = ends();
    assert!(propose(&mut a, &key(), NOW).is_none(), "there is nothing to say");
    call(&mut a, &mut b, 3, NOW);
    let receipt = exchange((&mut a, key()), (&mut b, other_key()), later(10));
    let said = receipt.verify(&network()).unwrap();
    assert_eq!((said.value().to_a.good, said.value().to_a.days, said.value().seq), (3, 1, Seq(1)));
    assert_eq!(a.agreed().unwrap().receipt, b.agreed().unwrap().receipt);
    call(&mut b, &mut a, 2, later(20));
    b.called(Ending::Fault, later(20));
    let receipt = exchange((&mut b, other_key()), (&mut a, key()), later(2_000));
    let said = receipt.verify(&network()).unwrap();
    assert_eq!((said.value().to_a.good, said.value().to_b.good, said.value().to_b.faults), (3, 2, 1));
    assert_eq!(said.value().seq, Seq(2), "even numbers are the other one's");
    call(&mut a, &mut b, 1, later(2_500));
    let receipt = exchange((&mut a, key()), (&mut b, other_key()), later(4_000));
    assert_eq!(receipt.verify(&network()).unwrap().value().to_a.good, 4);
}

#[test]
fn receipts_are_coalesced() {
    let (mut a, mut b) = ends();
    let mut made = 0;
    for ms in (0..10_000).step_by(10) {
        call(&mut a, &mut b, 1, later(ms));
        if let Some(half) = propose(&mut a, &key(), later(ms)) {
            made += 1;
            let Ok(Countersign::Agreed(receipt)) = b.countersign(half, &other_key(), &network(), later(ms)) else {
                panic!("it is signed")
            };
            a.agree(&receipt, &network()).unwrap();
        }
    }
    assert_eq!(made, 10);
    assert!(propose(&mut a, &key(), later(9_999)).is_none());
}

#[test]
fn a_lost_answer_is_made_up_for_by_the_next_number() {
    let (mut a, mut b) = ends();
    call(&mut a, &mut b, 1, NOW);
    let lost = propose(&mut a, &key(), NOW).unwrap();
    assert!(matches!(b.countersign(lost.clone(), &other_key(), &network(), NOW), Ok(Countersign::Agreed(_))));
    let receipt = exchange((&mut a, key()), (&mut b, other_key()), later(1_500));
    assert_eq!(receipt.verify(&network()).unwrap().value().seq, Seq(3), "a number is used once");
    let replayed = b.countersign(lost, &other_key(), &network(), later(1_600));
    assert!(matches!(replayed, Err(NotSigned::Overtaken { .. })), "{replayed:?}");
}

#[test]
fn whoever_refuses_tells_the_other_what_it_has_missed() {
    let (mut a, mut b) = ends();
    call(&mut b, &mut a, 1, NOW);
    let lost = propose(&mut b, &other_key(), NOW).unwrap();
    assert!(matches!(a.countersign(lost, &key(), &network(), NOW), Ok(Countersign::Agreed(_))));
    call(&mut a, &mut b, 1, later(1_500));
    let half = propose(&mut a, &key(), later(1_500)).unwrap();
    let refused = b.countersign(half, &other_key(), &network(), later(1_500));
    assert!(matches!(refused, Err(NotSigned::Untrue { .. })), "it knows of no receipt yet: {refused:?}");
    assert!(b.agreed().is_none());
    call(&mut b, &mut a, 1, later(3_000));
    let half = propose(&mut b, &other_key(), later(3_000)).unwrap();
    // Number 4 is above 3: it is signed, and with it the other one knows again what both agree on.
    let Ok(Countersign::Agreed(receipt)) = a.countersign(half, &key(), &network(), later(3_000)) else { panic!() };
    assert_eq!(b.agree(&receipt, &network()), Ok(true));
    exchange((&mut a, key()), (&mut b, other_key()), later(4_500));
}

#[test]
fn proposals_that_cross_end_in_one_receipt() {
    let (mut a, mut b) = ends();
    call(&mut a, &mut b, 1, NOW);
    call(&mut b, &mut a, 1, NOW);
    let (from_a, from_b) =
        (propose(&mut a, &key(), later(9)).unwrap(), propose(&mut b, &other_key(), later(9)).unwrap());
    let at_b = b.countersign(from_a, &other_key(), &network(), later(20));
    let at_a = a.countersign(from_b, &key(), &network(), later(20));
    // The higher number wins.
    assert!(matches!(at_b, Err(NotSigned::Overtaken { .. })), "{at_b:?}");
    let Ok(Countersign::Agreed(receipt)) = at_a else { panic!("{at_a:?}") };
    assert_eq!(b.agree(&receipt, &network()), Ok(true));
    assert_eq!(a.experience().good, 1, "nothing is forgotten");
    let receipt = exchange((&mut a, key()), (&mut b, other_key()), later(1_500));
    assert_eq!(receipt.verify(&network()).unwrap().value().to_a.good, 1);
}

#[test]
fn of_two_beginnings_the_later_one_counts() {
    let (mut a, mut b) = ends();
    b.epoch = later(5);
    call(&mut a, &mut b, 1, later(6));
    call(&mut b, &mut a, 1, later(6));
    let half = propose(&mut a, &key(), later(7)).unwrap();
    assert!(matches!(b.countersign(half, &other_key(), &network(), later(7)), Err(NotSigned::Overtaken { .. })));
    let receipt = exchange((&mut b, other_key()), (&mut a, key()), later(8));
    assert_eq!(receipt.verify(&network()).unwrap().value().epoch, later(5));
    assert_eq!((a.experience().good, b.experience().good), (1, 1), "nothing is forgotten");
}

#[test]
fn days_before_the_other_one_began_are_not_claimed() {
    let (mut a, mut b) = ends();
    let day = 86_400_000;
    (0..5).for_each(|days| call(&mut a, &mut b, 1, later(days * day)));
    b.epoch = later(4 * day);
    call(&mut b, &mut a, 1, later(4 * day));
    exchange((&mut b, other_key()), (&mut a, key()), later(4 * day));
    let receipt = exchange((&mut a, key()), (&mut b, other_key()), later(4 * day + 2_000));
    let said = receipt.verify(&network()).unwrap().value().to_a;
    assert_eq!((said.good, said.days), (5, 1), "there is no room for five days in an epoch that has just begun");
}

#[test]
fn older_and_replayed_answers_change_nothing() {
    let (mut a, mut b) = ends();
    call(&mut a, &mut b, 1, NOW);
    let first = exchange((&mut a, key()), (&mut b, other_key()), NOW);
    call(&mut a, &mut b, 1, later(1_000));
    let second = exchange((&mut a, key()), (&mut b, other_key()), later(1_000));
    assert_eq!((a.agree(&first, &network()), a.agree(&second, &network())), (Ok(false), Ok(false)));
    assert_eq!(a.agreed().unwrap().receipt.seq, Seq(3));
}

/// What `b` says to a proposal that `a` would not make.
fn answer(b: &mut Pair, receipt: PairReceipt, signer: &SecretKey) -> Result<Countersign, NotSigned> {
    b.countersign(half(signer, receipt), &other_key(), &network(), later(5_000))
}

/// Two that have agreed on three calls of `a`'s and one of `b`'s; the receipt that `a` would propose next.
fn settled() -> (Pair, PairReceipt) {
    let (mut a, mut b) = ends();
    call(&mut a, &mut b, 3, NOW);
    exchange((&mut a, key()), (&mut b, other_key()), NOW);
    call(&mut b, &mut a, 1, later(1_000));
    let agreed = exchange((&mut b, other_key()), (&mut a, key()), later(1_000));
    let next = PairReceipt { seq: Seq(3), ..agreed.verify(&network()).unwrap().value().clone() };
    (b, next)
}

#[test]
fn what_did_not_happen_is_not_signed() {
    let (b, next) = settled();
    let untrue = |receipt| match answer(&mut b.clone(), receipt, &key()) {
        Err(NotSigned::Untrue { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let work = next.to_a;
    assert!(answer(&mut b.clone(), next.clone(), &key()).is_ok());
    assert_eq!(untrue(PairReceipt { to_a: Work { good: 2, ..work }, ..next.clone() }), "counts have become smaller");
    let more = Work { good: 4 + limits::PAIR_SLACK, ..work };
    assert_eq!(untrue(PairReceipt { to_a: more, ..next.clone() }), "more calls than were answered");
    let own = Work { good: 2, ..next.to_b };
    assert_eq!(untrue(PairReceipt { to_b: own, ..next }), "this node's own half is not as it was");
}

#[test]
fn foreign_pairs_and_turns_are_not_signed() {
    let (mut b, next) = settled();
    let stranger = SecretKey::from_seed(&[9; 32]);
    let strange = PairReceipt { a: stranger.node_id().min(next.b), b: stranger.node_id().max(next.b), ..next.clone() };
    for (receipt, signer) in [(strange, &stranger), (PairReceipt { seq: Seq(4), ..next.clone() }, &key())] {
        assert!(matches!(answer(&mut b, receipt, signer), Err(NotSigned::Foreign { .. })));
    }
    let forged = half(&key(), next).open(&"test".parse().unwrap());
    assert!(matches!(forged, Err(SealError::Forged { .. })));
}

#[test]
fn future_dated_overlong_and_older_halves_are_not_signed() {
    let (mut b, next) = settled();
    let future = UnixMillis(NOW.0 + 5_001 + limits::STANDING_FUTURE.as_millis() as u64);
    let ahead = answer(&mut b, PairReceipt { issued: future, ..next.clone() }, &key());
    assert!(matches!(ahead, Err(NotSigned::FutureDated { .. })), "{ahead:?}");
    let older = answer(&mut b, PairReceipt { seq: Seq(1), ..next.clone() }, &key());
    let again = answer(&mut b, PairReceipt { epoch: UnixMillis(1), ..next }, &key());
    for old in [older, again] {
        // The first one is of a number that the peer has used for something else.
        assert!(matches!(old, Err(NotSigned::Overtaken { .. }) | Ok(Countersign::Fraud(_))), "{old:?}");
    }
}

#[test]
fn who_signs_two_bodies_is_caught() {
    let (mut b, next) = settled();
    assert!(matches!(answer(&mut b, next.clone(), &key()), Ok(Countersign::Agreed(_))));
    let other = PairReceipt { to_a: Work { lost: 1, ..next.to_a }, ..next.clone() };
    let Ok(Countersign::Fraud(proof)) = answer(&mut b, other, &key()) else { panic!("it is noticed") };
    assert_eq!(proof.verify(&network()).unwrap().culprit, key().node_id());
    assert!(matches!(answer(&mut b, next, &key()), Err(NotSigned::Overtaken { .. })), "a replay is no fraud");
}

#[test]
fn who_has_lost_count_begins_anew() {
    let (b, _) = settled();
    let (me, peer) = (key().node_id(), other_key().node_id());
    let (mut a, mut b) = (Pair::begin(me, peer, later(60_000)), b);
    call(&mut b, &mut a, 1, later(61_000));
    let half = propose(&mut b, &other_key(), later(61_000)).unwrap();
    let refused = a.countersign(half, &key(), &network(), later(61_000));
    assert!(matches!(refused, Err(NotSigned::Overtaken { .. })), "{refused:?}");
    let half = propose(&mut a, &key(), later(61_001)).expect("the other one is to be told");
    assert!(matches!(b.countersign(half, &other_key(), &network(), later(61_002)), Ok(Countersign::Agreed(_))));
    assert_eq!((b.agreed().unwrap().receipt.epoch, b.experience().good), (later(60_000), 0));
}

#[test]
fn an_end_goes_on_from_what_was_kept() {
    let (b, next) = settled();
    let (agreed, signed) = (b.agreed().unwrap().clone(), b.signed().cloned());
    let mut again = Pair::resume(other_key().node_id(), agreed.clone(), signed.clone()).unwrap();
    assert!(matches!(answer(&mut again, next, &key()), Ok(Countersign::Agreed(_))));
    assert_eq!((again.peer(), again.experience().good), (key().node_id(), 1));
    assert!(Pair::resume(NodeId::from_public_key([1; 32]), agreed.clone(), None).is_none());
    assert!(Pair::resume(key().node_id(), agreed, signed).is_none(), "another one has signed that");
}
