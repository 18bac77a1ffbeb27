//! The scenarios, small; and that a miss is told with the way to replay it.

use super::{
    runner::{failures, replay, table},
    *,
};
use crate::engine::{Clock, Context, Core, Engine, Network, PeerIndex, Time};

#[test]
fn rumours_spread() {
    check(&rumour::CALM, 100, 1..=2);
    check(&rumour::LOSSY, 100, 1..=2);
}

#[test]
fn rumours_spread_while_nodes_come_and_go() {
    check(&rumour::CHURN, 150, 1..=2);
}

#[test]
fn a_run_depends_on_its_setting_alone() {
    let one = run(&rumour::CHURN, 60, &[5]);
    let many = run(&rumour::CHURN, 60, &[4, 5, 6]);
    assert_eq!(one[0].report, many[1].report);
    assert_ne!(many[0].report.digest, many[1].report.digest);
    assert_eq!(many.iter().map(|run| run.seed).collect::<Vec<_>>(), [4, 5, 6]);
}

#[test]
fn names_are_distinct() {
    for scenario in ALL {
        assert_eq!(Scenario::named(scenario.name).unwrap().about, scenario.about);
    }
    assert!(Scenario::named("no such scenario").is_none());
}

/// A scenario that misses its target with odd seeds.
const ODD: Scenario = Scenario {
    name: "odd",
    about: "misses with odd seeds",
    nodes: 1,
    run: |setting| {
        let seed = setting.seed as f64;
        Report::default().with("oddness", seed % 2.0, "", Target::AtMost(0.0)).with("seed", seed, "", Target::None)
    },
};

#[test]
fn a_miss_is_told_with_the_command_that_replays_it() {
    let runs = run(&ODD, 9, &[2, 17, 4]);
    let text = failures(&runs);
    assert_eq!(text, "odd: oddness is 1 , not ≤ 0\n  replay it with: make sim SCENARIO=odd SEED=17 NODES=9\n");
    assert!(table(&runs).contains("✗ 1.000"));
    assert_eq!(replay("odd", Setting { seed: 17, nodes: 9 }), runs[1].replay);
    check(&ODD, 9, [2, 4]);
}

#[test]
#[should_panic(expected = "make sim SCENARIO=odd SEED=3 NODES=9")]
fn a_miss_fails_the_test() {
    check(&ODD, 9, 1..=3);
}

#[test]
fn targets() {
    assert!(Target::AtMost(1.0).is_met(1.0) && !Target::AtMost(1.0).is_met(1.1));
    assert!(Target::AtLeast(1.0).is_met(1.0) && !Target::AtLeast(1.0).is_met(0.9));
    assert!(!Target::AtMost(1.0).is_met(f64::NAN) && !Target::AtLeast(1.0).is_met(f64::NAN));
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_eq!(report::quantile(&values, 0.5), 50.0);
    assert_eq!(report::quantile(&values, 0.99), 99.0);
    assert_eq!((report::quantile(&values, 0.0), report::quantile(&values, 1.0)), (1.0, 100.0));
    assert!(report::quantile(&[], 0.5).is_nan());
}

/// Does nothing.
struct Idle;

impl Core for Idle {
    type Message = ();
    type State = ();
    fn start(&mut self, _: &mut Context<'_, ()>) {}
    fn handle(&mut self, _: PeerIndex, (): (), _: &mut Context<'_, ()>) {}
    fn link_up(&mut self, _: PeerIndex, _: &mut Context<'_, ()>) {}
    fn link_down(&mut self, _: PeerIndex, _: bool, _: &mut Context<'_, ()>) {}
    fn wake(&mut self, _: &mut Context<'_, ()>) {}
    fn persist(&self) {}
}

#[test]
fn churn_replaces_as_many_as_it_says() {
    let mut engine = Engine::new(1, Network::default());
    for _ in 0..50 {
        engine.spawn(Clock::default(), |_| Idle);
    }
    let (mut gone, mut crashed) = (0, 0);
    let churn = Churn { per_minute: 60.0, crashes: 0.25 };
    churn.run(&mut engine, Time::from_secs(1_000), |engine, victim, crash| {
        assert!(engine.crash(victim));
        engine.spawn(Clock::default(), |_| Idle);
        gone += 1;
        crashed += u32::from(crash);
    });
    assert_eq!(engine.now(), Time::from_secs(1_000));
    assert!((930..=1_070).contains(&gone), "{gone}");
    assert!((200..=300).contains(&crashed), "{crashed}");
    assert_eq!(engine.cores().count(), 50);
}
