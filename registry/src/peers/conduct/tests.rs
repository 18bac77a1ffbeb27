//! Who is charged, limited, barred, forgiven and forgotten.

use std::time::Duration;

use atoll_protocol::{codec::DecodeError, identity::NodeId};

use super::*;
use crate::time::Time;

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

const fn at(seconds: u64) -> Time {
    Time(seconds * 1000)
}

/// Charges so many faults at one time; the last outcome.
fn charge(ledger: &mut Ledger, peer: NodeId, fault: Fault, times: u32, now: Time) -> Charged {
    (0..times).map(|_| ledger.charge(peer, fault, now)).last().unwrap()
}

fn times(weight: f64) -> u32 {
    weight as u32
}

#[test]
fn proofs_weigh_and_the_rest_is_only_counted() {
    for fault in Fault::ALL {
        let mut ledger = Ledger::default();
        let charged = charge(&mut ledger, node(1), fault, 1000, at(1));
        assert_eq!(matches!(charged.verdict, Verdict::Barred { .. }), fault.is_proof(), "{fault}");
        assert_eq!(ledger.faults(&node(1)).count(fault), 1000);
        assert_eq!(ledger.faults(&node(1)).proofs(), if fault.is_proof() { 1000 } else { 0 });
        assert_eq!(ledger.verdict(&node(2), at(1)), Verdict::Fine, "nobody else is concerned");
    }
}

#[test]
fn limited_then_barred_and_each_told_once() {
    let mut ledger = Ledger::default();
    let mut told = Vec::new();
    for _ in 0..times(BARRED) + 5 {
        let charged = ledger.charge(node(1), Fault::Forged, at(1));
        if charged.anew {
            told.push(charged.verdict);
        }
    }
    assert_eq!(told, [Verdict::Limited, Verdict::Barred { until: at(1) + BAR }]);
    assert_eq!(ledger.barred(at(2)).collect::<Vec<_>>(), [node(1)]);
}

#[test]
fn a_fault_now_and_then_bars_nobody() {
    let mut ledger = Ledger::default();
    for minute in 0..10_000 {
        let charged = ledger.charge(node(1), Fault::Malformed, at(minute * 60));
        assert_eq!(charged.verdict, Verdict::Fine, "minute {minute}");
    }
    assert_eq!(ledger.faults(&node(1)).count(Fault::Malformed), 10_000, "what is forgiven is not forgotten");
}

#[test]
fn weight_halves() {
    let mut ledger = Ledger::default();
    charge(&mut ledger, node(1), Fault::Forged, times(LIMITED), at(0));
    assert_eq!(ledger.verdict(&node(1), at(0)), Verdict::Limited);
    assert_eq!(ledger.verdict(&node(1), at(1)), Verdict::Fine, "just below");
    // Half of it is left, so half of it brings it there again.
    let later = Time::default() + HALF_LIFE;
    let charged = charge(&mut ledger, node(1), Fault::Forged, times(LIMITED) / 2, later);
    assert_eq!(charged, Charged { verdict: Verdict::Limited, anew: true });
}

#[test]
fn a_bar_ends_and_the_next_one_is_longer() {
    let mut ledger = Ledger::default();
    let (mut now, mut last) = (at(1), Duration::ZERO);
    for _ in 0..12 {
        let Verdict::Barred { until } = charge(&mut ledger, node(1), Fault::Forged, times(BARRED), now).verdict else {
            panic!("barred")
        };
        let bar = until.since(now);
        assert!(bar == BAR_MAX || last.is_zero() || bar == 2 * last, "{bar:?} after {last:?}");
        assert_eq!(ledger.verdict(&node(1), until), Verdict::Fine);
        assert_eq!(ledger.barred(until).count(), 0);
        (now, last) = (until, bar);
    }
    assert_eq!(last, BAR_MAX);
}

#[test]
fn whom_the_owner_names_is_not_barred() {
    let mut ledger = Ledger::default();
    charge(&mut ledger, node(1), Fault::Forged, times(BARRED), at(1));
    ledger.name(node(1), at(2));
    assert_eq!(ledger.verdict(&node(1), at(2)), Verdict::Fine);
    assert_eq!(ledger.barred(at(2)).count(), 0);
    let charged = charge(&mut ledger, node(1), Fault::Forged, 1000, at(3));
    assert_eq!(charged.verdict, Verdict::Limited, "but what it does wrong is seen");
    assert_eq!(ledger.faults(&node(1)).proofs(), times(BARRED) + 1000);
}

#[test]
fn what_a_limited_peer_passes_on_is_checked_now_and_then() {
    let mut ledger = Ledger::default();
    let checked = |ledger: &mut Ledger| (0..80).filter(|_| ledger.is_worth_checking(&node(1), at(1))).count();
    assert_eq!(checked(&mut ledger), 80);
    charge(&mut ledger, node(1), Fault::Forged, times(LIMITED), at(1));
    assert_eq!(checked(&mut ledger), 80 / SAMPLE as usize);
    // A flood of forgeries does not stop at being limited, nor cost a check for each.
    let (mut sent, mut checks) = (0, 0);
    while !matches!(ledger.verdict(&node(1), at(1)), Verdict::Barred { .. }) {
        sent += 1;
        if ledger.is_worth_checking(&node(1), at(1)) {
            checks += 1;
            ledger.charge(node(1), Fault::Forged, at(1));
        }
    }
    assert_eq!((sent, checks), (80, 10));
    assert_eq!(checked(&mut ledger), 0, "a barred one is not listened to");
}

#[test]
fn the_ledger_is_bounded_and_forgets_barred_and_named_peers_last() {
    let mut ledger = Ledger::new(10);
    ledger.name(node(1), at(0));
    charge(&mut ledger, node(2), Fault::Forged, times(BARRED), at(0));
    for n in 100..200 {
        ledger.charge(node(n), Fault::Replayed, at(n.into()));
        assert!(ledger.len() <= 10);
    }
    assert!(matches!(ledger.verdict(&node(2), at(200)), Verdict::Barred { .. }));
    assert_eq!(ledger.faults(&node(199)).count(Fault::Replayed), 1);
    assert_eq!(ledger.faults(&node(150)), Faults::default(), "forgotten");
    let named = charge(&mut ledger, node(1), Fault::Forged, 100, at(201)).verdict;
    assert_eq!(named, Verdict::Limited, "still named");
}

#[test]
fn faults_in_words_and_from_errors() {
    let mut faults = Faults::default();
    assert_eq!(faults.to_string(), "none");
    faults.add(Fault::Replayed);
    faults.add(Fault::Forged);
    faults.add(Fault::Forged);
    assert_eq!((faults.to_string().as_str(), faults.total()), ("2 forged, 1 replayed", 3));
    assert_eq!(Fault::from(&DecodeError::TooLong { len: 2, limit: 1 }), Fault::Oversize);
    assert_eq!(Fault::from(&DecodeError::Trailing(1)), Fault::Malformed);
    for (index, fault) in Fault::ALL.into_iter().enumerate() {
        assert_eq!(fault as usize, index, "counted in its own place");
    }
}

proptest::proptest! {
    /// Whatever is charged, the ledger is bounded, its order agrees with its accounts, and only proofs have consequences.
    #[test]
    fn invariants_hold(charges in proptest::collection::vec((0..20_u16, 0..12_usize, 0..600_u64), 0..400)) {
        let mut ledger = Ledger::new(8);
        let mut now = at(0);
        for (peer, fault, seconds) in charges {
            now = now + Duration::from_secs(seconds / 20);
            match Fault::ALL.get(fault) {
                Some(fault) => drop(ledger.charge(node(peer), *fault, now)),
                None => ledger.name(node(peer), now),
            }
            assert!(ledger.len() <= 8);
            let barred: Vec<NodeId> = ledger.barred(now).collect();
            for peer in 0..20 {
                let is_barred = matches!(ledger.verdict(&node(peer), now), Verdict::Barred { .. });
                assert_eq!(is_barred, barred.contains(&node(peer)));
                assert!(!is_barred || ledger.faults(&node(peer)).proofs() >= times(BARRED));
            }
        }
    }
}
