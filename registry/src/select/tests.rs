//! Who takes the call.

use proptest::prelude::*;

use super::*;

fn candidate(n: u8) -> Candidate {
    Candidate {
        node: NodeId::from_public_key([n; 32]),
        instance: InstanceId(n.into()),
        latency: Some(Duration::from_millis(10)),
        in_flight: 0,
        standing: 1.0,
        suspect: false,
        local: false,
    }
}

fn candidates(count: u8) -> Vec<Candidate> {
    (0..count).map(candidate).collect()
}

/// How often each candidate is chosen in `turns` turns.
fn tally(policy: Policy, candidates: &[Candidate], turns: u64) -> Vec<u64> {
    let mut tally = vec![0; candidates.len()];
    for turn in 0..turns {
        tally[choose(&policy, candidates, turn).unwrap()] += 1;
    }
    tally
}

const ALL: [Policy; 5] =
    [Policy::PowerOfTwo, Policy::RoundRobin, Policy::LeastInFlight, Policy::Random, Policy::Affinity(7)];

#[test]
fn none_of_none_and_one_of_one() {
    for policy in ALL {
        assert_eq!(choose(&policy, &[], 3), None);
        assert_eq!(choose(&policy, &candidates(1), 3), Some(0));
    }
}

#[test]
fn local_first_and_suspects_last() {
    let mut some = candidates(4);
    some[1].suspect = true;
    some[2].local = true;
    for policy in &ALL[..4] {
        assert_eq!(tally(*policy, &some, 50), [0, 0, 50, 0], "{policy:?}");
    }
    // A local one that is suspect is a suspect.
    some[2].suspect = true;
    for policy in ALL {
        let tally = tally(policy, &some, 50);
        assert_eq!((tally[1], tally[2]), (0, 0), "{policy:?}");
    }
    for candidate in &mut some {
        candidate.suspect = true;
    }
    assert!(ALL.iter().all(|policy| choose(policy, &some, 0).is_some()), "better a suspect than nobody");
}

#[test]
fn round_robin_takes_turns() {
    let mut some = candidates(4);
    some[1].suspect = true;
    let order: Vec<_> = (0..6).filter_map(|turn| choose(&Policy::RoundRobin, &some, turn)).collect();
    assert_eq!(order, [0, 2, 3, 0, 2, 3]);
}

#[test]
fn least_in_flight_spreads_ties() {
    let mut some = candidates(4);
    (some[0].in_flight, some[2].in_flight) = (3, 1);
    let tally = tally(Policy::LeastInFlight, &some, 1_000);
    assert_eq!((tally[0], tally[2]), (0, 0));
    assert!(tally[1] > 400 && tally[3] > 400, "{tally:?}");
}

#[test]
fn random_is_even() {
    let tally = tally(Policy::Random, &candidates(5), 5_000);
    assert!(tally.iter().all(|count| (900..1_100).contains(count)), "{tally:?}");
}

#[test]
fn two_choices_avoid_the_expensive_one() {
    // Every pair is drawn; the most expensive one loses against all others.
    let expensive: [fn(&mut Candidate); 3] =
        [|c| c.latency = Some(Duration::from_secs(1)), |c| c.in_flight = 5, |c| c.standing = 0.5];
    for worsen in expensive {
        let mut some = candidates(4);
        worsen(&mut some[2]);
        let tally = tally(Policy::PowerOfTwo, &some, 3_000);
        assert_eq!(tally[2], 0);
        assert!(tally[0] > 500 && tally[1] > 500 && tally[3] > 500, "the others share: {tally:?}");
    }
    // But no better one draws all calls: three of six pairs have it.
    let mut some = candidates(4);
    some[1].latency = Some(Duration::from_millis(1));
    let tally = tally(Policy::PowerOfTwo, &some, 3_000);
    assert!((1_350..1_650).contains(&tally[1]), "{tally:?}");
}

#[test]
fn cost_is_latency_times_queue_over_standing() {
    let base = candidate(0);
    let of = |candidate: Candidate| cost::cost(&candidate, Duration::from_millis(4));
    assert!((of(base) - 0.010).abs() < 1e-12);
    assert!((of(Candidate { in_flight: 2, standing: 0.5, ..base }) - 0.060).abs() < 1e-12);
    assert!((of(Candidate { latency: None, ..base }) - 0.004).abs() < 1e-12);
    for standing in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let bad = of(Candidate { standing, ..base });
        assert!(bad.is_finite() && bad > of(base), "{standing}");
    }
    let instant = Candidate { latency: Some(Duration::ZERO), ..base };
    assert!(of(Candidate { in_flight: 1, ..instant }) > of(instant), "queues count between the fastest too");
}

#[test]
fn what_is_not_measured_counts_as_the_median() {
    let mut some = candidates(4);
    for (candidate, millis) in some.iter_mut().zip([1, 10, 100]) {
        candidate.latency = Some(Duration::from_millis(millis));
    }
    some[3].latency = None;
    let tally = tally(Policy::PowerOfTwo, &some, 6_000);
    // It beats the slow one, loses to the fast one, and draws with the median one.
    assert!((900..2_100).contains(&tally[3]), "{tally:?}");
    assert_eq!(tally[2], 0);
    for candidate in &mut some {
        candidate.latency = None;
    }
    some[0].in_flight = 1;
    assert_eq!(self::tally(Policy::PowerOfTwo, &some, 1_000)[0], 0, "without any measure queues still count");
}

#[test]
fn affinity_stays_and_moves_only_what_it_must() {
    let some = candidates(8);
    let mut moved = 0;
    let mut tally = [0; 8];
    for key in 0..4_000 {
        let chosen = choose(&Policy::Affinity(key), &some, key).unwrap();
        tally[chosen] += 1;
        assert_eq!(choose(&Policy::Affinity(key), &some, key + 1), Some(chosen), "the turn does not matter");
        // The order of the list does not matter, nor does what else is known of the candidates.
        let mut other: Vec<Candidate> = some.iter().rev().copied().collect();
        other[0].local = true;
        other[3].in_flight = 100;
        assert_eq!(choose(&Policy::Affinity(key), &other, 0), Some(7 - chosen));
        // Without candidate 5 only its keys move.
        let rest: Vec<Candidate> = some.iter().filter(|c| c.instance.0 != 5).copied().collect();
        let now = rest[choose(&Policy::Affinity(key), &rest, 0).unwrap()].instance;
        if now != some[chosen].instance {
            assert_eq!(chosen, 5);
            moved += 1;
        }
    }
    assert_eq!(moved, tally[5]);
    assert!(tally.iter().all(|count| (400..600).contains(count)), "{tally:?}");
}

#[test]
fn affinity_is_the_same_in_every_version() {
    let chosen: Vec<_> = (0..16).filter_map(|key| choose(&Policy::Affinity(key), &candidates(5), 0)).collect();
    assert_eq!(chosen, GOLDEN);
}

const GOLDEN: [usize; 16] = [4, 0, 4, 3, 1, 4, 1, 2, 0, 1, 1, 0, 1, 2, 4, 0];

proptest! {
    #[test]
    fn the_choice_is_one_of_the_candidates(
        given in prop::collection::vec((any::<Option<u32>>(), any::<u32>(), any::<f64>(), any::<bool>(), any::<bool>()), 0..9),
        turn in any::<u64>(),
    ) {
        let some: Vec<Candidate> = given.iter().zip(0..).map(|((latency, in_flight, standing, suspect, local), n)| {
            let latency = latency.map(|nanos| Duration::from_nanos(nanos.into()));
            Candidate { latency, in_flight: *in_flight, standing: *standing, suspect: *suspect, local: *local, ..candidate(n) }
        }).collect();
        for policy in ALL {
            let chosen = choose(&policy, &some, turn);
            prop_assert_eq!(chosen.is_none(), some.is_empty());
            if let Some(chosen) = chosen {
                let chosen = some[chosen];
                prop_assert!(!chosen.suspect || some.iter().all(|c| c.suspect));
                let near = some.iter().any(|c| c.local && !c.suspect);
                prop_assert!(matches!(policy, Policy::Affinity(_)) || !near || chosen.local);
            }
        }
    }
}
