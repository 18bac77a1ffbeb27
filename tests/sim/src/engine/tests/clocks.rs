//! Clocks that are wrong, and timers.

use super::*;

fn alone(clock: Clock) -> Engine<Probe> {
    let mut engine = Engine::new(1, steady());
    engine.spawn(clock, |_| Probe::default());
    engine
}

fn clocks(engine: &mut Engine<Probe>) -> (Time, u64) {
    engine.with(A, |_, ctx| (ctx.now(), ctx.wall())).unwrap()
}

#[test]
fn the_time_of_day_may_be_hours_off() {
    let hours = 3_600_000 * 5;
    for skew in [-hours, 0, hours] {
        let mut engine = alone(Clock { skew, drift: 0 });
        engine.run_for(SECOND * 10);
        let expected = EPOCH.saturating_add_signed(skew) + 10_000;
        assert_eq!(clocks(&mut engine).1, expected);
    }
}

#[test]
fn clocks_that_drift_run_apart() {
    for drift in [-100, 100] {
        let mut engine = alone(Clock { skew: 0, drift });
        let (from, wall) = clocks(&mut engine);
        engine.run_for(SECOND * 10_000);
        let (to, later) = clocks(&mut engine);
        let expected = 10_000_000_000_u64.saturating_add_signed(i64::from(drift) * 10_000);
        assert_eq!(to.since(from), Duration::from_micros(expected));
        assert_eq!(later - wall, expected / 1_000);
    }
}

#[test]
fn every_node_has_its_own_monotonic_time() {
    let mut engine = pair(1, steady());
    let a = engine.with(A, |_, ctx| ctx.now()).unwrap();
    let b = engine.with(B, |_, ctx| ctx.now()).unwrap();
    assert_ne!(a, b);
}

#[test]
fn a_timer_fires_at_its_time_by_the_nodes_own_clock_and_never_before() {
    for drift in [-90_000, -77, 0, 77, 90_000] {
        let mut engine = alone(Clock { skew: 0, drift });
        engine.run_for(Duration::from_micros(1_234_567));
        let due = clocks(&mut engine).0 + Duration::from_micros(7_654_321);
        engine.with(A, |_, ctx| ctx.wake_at(due));
        let fired =
            engine.run_until_done(SECOND * 10, Duration::from_micros(1), |engine| !probe(engine, A).log.is_empty());
        assert!(fired.is_some());
        let late = clocks(&mut engine).0.since(due);
        assert!(clocks(&mut engine).0 >= due && late < Duration::from_micros(3), "drift {drift}: {late:?}");
    }
}

#[test]
fn the_earliest_wake_up_counts_and_then_all_are_forgotten() {
    let mut engine = alone(Clock::default());
    let now = clocks(&mut engine).0;
    engine.with(A, |_, ctx| {
        ctx.wake_at(now + SECOND * 3);
        ctx.wake_at(now + SECOND);
        ctx.wake_at(now + SECOND * 2);
    });
    engine.run_for(SECOND * 10);
    assert_eq!(probe(&engine, A).log, [(Time::from_secs(1), Told::Woke)]);
}

#[test]
fn a_time_that_is_over_fires_now() {
    let mut engine = alone(Clock::default());
    engine.run_for(SECOND);
    engine.with(A, |_, ctx| ctx.wake_at(Time::START));
    engine.run_for(Duration::ZERO);
    assert_eq!(probe(&engine, A).log, [(Time::from_secs(1), Told::Woke)]);
}
