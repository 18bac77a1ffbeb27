//! Some of the attacks, in every run of the tests; all of them are played by `make sim-reputation`.

use super::*;
use crate::scenario::{check, run as play};

/// Smaller than what is played for the docs, so that it takes seconds.
const FEW: u32 = 31;

/// Plays among few, where the one call of 32 that strangers get is more than in the setting that the targets are for: so bad answers have
/// a bound of their own. Everything else is to be as there.
fn check_few(scenario: &Scenario, most: f64) {
    let run = &play(scenario, FEW, &[1])[0];
    let (bad, random) = (run.report.figures[0].value, run.report.value("bad answers at random").unwrap());
    assert!(bad <= most && bad * 5.0 < random, "{bad} % of {random}; replay it with: {}", run.replay);
    let missed: Vec<_> = run.report.missed().filter(|figure| figure.name != run.report.figures[0].name).collect();
    assert!(missed.is_empty(), "{missed:?}; replay it with: {}", run.replay);
}

#[test]
fn fake_identities_that_vouch_for_each_other_gain_nothing() {
    check_few(&COLLECTIVE, 5.0);
}

#[test]
fn a_new_name_is_no_way_out() {
    check_few(&WHITEWASH, 5.0);
}

#[test]
fn traitors_are_noticed_within_few_calls() {
    check(&TRAITORS, FEW, [1]);
}

#[test]
fn slander_changes_nothing() {
    let runs = play(&SLANDER, FEW, &[1]);
    let value = |name| runs[0].report.value(name);
    assert_eq!((value("scores that slander has changed"), value("bad answers by standing")), (Some(0.0), Some(0.0)));
}

#[test]
fn the_baselines_are_what_they_are_known_to_be() {
    let report = &play(&COLLECTIVE, FEW, &[3])[0].report;
    let value = |name| report.value(name).unwrap();
    // Of 31 + 72 peers, 5 % of calls lost: 0.95 × 72 / 102.
    assert!((60.0..75.0).contains(&value("bad answers at random")));
    assert!((4.0..20.0).contains(&value("bad answers by EigenTrust")), "about what it tries among strangers");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let [one, other] = [[4], [4]].map(|seeds| play(&SPIES, 15, &seeds)[0].report.clone());
    assert_eq!(one, other);
    assert_ne!(one.digest, play(&SPIES, 15, &[5])[0].report.digest);
}

#[test]
fn eigentrust_gives_what_can_be_computed_by_hand() {
    // Two seeds that trust a third; that one trusts nobody, so it trusts the seeds.
    let rows = [vec![(2, 5.0)], vec![(2, 1.0)], Vec::new()];
    let trust = eigentrust::trust(&rows, 2);
    // t₂ = 0.85·(t₀ + t₁), and all is one.
    let third = 0.85 / 1.85;
    let close = |one: f64, other: f64| (one - other).abs() < 0.02;
    assert!(close(trust[2], third) && close(trust[0], (1.0 - third) / 2.0), "{trust:?}");
}
