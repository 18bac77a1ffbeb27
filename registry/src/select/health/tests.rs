//! Ejected, probed, back.

use super::*;

mod property;

/// An instance and the time, in milliseconds.
#[derive(Default)]
struct World {
    health: Health,
    now: u64,
}

impl World {
    fn wait(&mut self, millis: u64) {
        self.now += millis;
    }

    fn blocked(&self) -> bool {
        self.health.blocked(Time(self.now))
    }

    fn begin(&mut self) -> Admission {
        self.health.begin(Time(self.now))
    }

    fn succeed(&mut self, call: Admission) {
        self.health.succeeded(call, Time(self.now));
    }

    fn fail(&mut self, call: Admission, fault: Fault) {
        self.health.failed(call, fault, Time(self.now));
    }

    fn abandon(&mut self, call: Admission) {
        self.health.abandoned(call, Time(self.now));
    }

    /// A call that ends as soon as it is begun.
    fn call(&mut self, outcome: Result<(), Fault>) {
        let call = self.begin();
        match outcome {
            Ok(()) => self.succeed(call),
            Err(fault) => self.fail(call, fault),
        }
    }

    /// A call that is expected to be the probe.
    fn probe(&mut self) -> Admission {
        assert!(!self.blocked());
        let probe = self.begin();
        assert!(probe.is_probe());
        probe
    }

    /// How long it stays blocked if nothing happens; moves on to that time.
    fn sit_out(&mut self) -> u64 {
        let start = self.now;
        while self.blocked() {
            self.now += 1;
        }
        self.now - start
    }

    /// Serving, after as many ejections.
    fn ejected_before(times: u32) -> Self {
        let mut world = Self::default();
        for _ in 0..times {
            world.call(Err(Fault::Contact));
            world.sit_out();
        }
        world.call(Ok(()));
        world
    }

    /// How long the next ejection is.
    fn next_ejection(&mut self) -> u64 {
        assert!(!self.blocked());
        self.call(Err(Fault::Contact));
        self.sit_out()
    }
}

#[test]
fn five_faulty_answers_in_a_row_eject() {
    let mut world = World::default();
    for _ in 0..4 {
        world.call(Err(Fault::Answer));
        assert!(!world.blocked());
    }
    world.call(Err(Fault::Answer));
    assert!(world.blocked());
    assert_eq!(world.sit_out(), 1_000);
}

#[test]
fn a_success_begins_the_row_anew() {
    let mut world = World::default();
    for _ in 0..20 {
        for _ in 0..4 {
            world.call(Err(Fault::Answer));
            assert!(!world.blocked());
        }
        world.call(Ok(()));
    }
}

#[test]
fn lost_contact_ejects_at_once() {
    let mut world = World::default();
    world.call(Err(Fault::Contact));
    assert_eq!(world.sit_out(), 1_000);
}

#[test]
fn one_probe_finds_out_for_all() {
    let mut world = World::default();
    assert!(!world.begin().is_probe(), "an ordinary call is none");
    world.call(Err(Fault::Contact));
    assert!(world.begin().is_regardless(), "nor is one before the time");
    world.sit_out();
    let probe = world.probe();
    assert!(world.blocked(), "the others stay away");
    let regardless = world.begin();
    assert!(regardless.is_regardless(), "and whoever comes all the same is told");
    world.fail(regardless, Fault::Contact);
    world.wait(500);
    assert!(world.blocked());
    world.succeed(probe);
    assert!(!world.blocked());
    let next = world.begin();
    assert!(!next.is_probe() && !next.is_regardless());
    // The failed calls of the past do not count: it takes five again.
    world.fail(next, Fault::Answer);
    assert!(!world.blocked());
}

#[test]
fn each_failed_probe_doubles_the_ejection_up_to_a_minute() {
    let mut world = World::default();
    world.call(Err(Fault::Contact));
    let mut lasted = Vec::new();
    for fault in [Fault::Answer, Fault::Contact].into_iter().cycle().take(200) {
        lasted.push(world.sit_out());
        let probe = world.probe();
        world.fail(probe, fault);
    }
    assert_eq!(lasted[..8], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    assert!(lasted[8..].iter().all(|millis| *millis == 60_000));
}

#[test]
fn a_probe_that_is_not_heard_of_is_followed_by_another() {
    let mut world = World::default();
    world.call(Err(Fault::Contact));
    world.sit_out();
    let _lost = world.probe();
    assert_eq!(world.sit_out(), 10_000);
    let _lost = world.probe();
    assert!(world.blocked(), "again one only");

    // After a long ejection as long as that.
    let mut world = World::ejected_before(7);
    assert_eq!(world.next_ejection(), 60_000);
    let _lost = world.probe();
    assert_eq!(world.sit_out(), 60_000);
}

#[test]
fn a_probe_past_its_limit_counts_until_there_is_another() {
    let ejected = || {
        let mut world = World::default();
        world.call(Err(Fault::Contact));
        world.sit_out();
        let probe = world.probe();
        world.sit_out();
        (world, probe)
    };
    let (mut world, probe) = ejected();
    world.fail(probe, Fault::Answer);
    assert_eq!(world.sit_out(), 2_000);

    let (mut world, old) = ejected();
    let new = world.probe();
    world.fail(old, Fault::Answer);
    world.wait(9_999);
    assert!(world.blocked(), "the new one is waited for as long as it may take");
    world.succeed(new);
    assert!(!world.blocked());

    let (mut world, old) = ejected();
    let new = world.probe();
    world.abandon(old);
    world.fail(new, Fault::Answer);
    assert_eq!(world.sit_out(), 2_000, "the new one decides");
}

#[test]
fn an_abandoned_probe_says_nothing() {
    let mut world = World::default();
    world.call(Err(Fault::Contact));
    assert_eq!(world.sit_out(), 1_000);
    for _ in 0..10 {
        let probe = world.probe();
        world.wait(300);
        world.abandon(probe);
        assert_eq!(world.sit_out(), 1_000, "as long again, and no longer");
    }
    let probe = world.probe();
    world.fail(probe, Fault::Answer);
    assert_eq!(world.sit_out(), 2_000);
    // Of any other call it changes nothing.
    let probe = world.probe();
    let other = world.begin();
    world.abandon(other);
    world.succeed(probe);
    for _ in 0..4 {
        world.call(Err(Fault::Answer));
    }
    let other = world.begin();
    world.abandon(other);
    assert!(!world.blocked());
    world.call(Err(Fault::Answer));
    assert!(world.blocked());
}

#[test]
fn calls_that_fail_together_count_once() {
    for fault in [Fault::Answer, Fault::Contact] {
        let mut world = World::default();
        let mut calls: Vec<_> = (0..40).map(|_| world.begin()).collect();
        for _ in 0..10 {
            world.fail(calls.pop().unwrap(), fault);
        }
        assert_eq!(world.sit_out(), 1_000, "{fault:?} while it is ejected");
        for _ in 0..10 {
            world.fail(calls.pop().unwrap(), fault);
        }
        assert!(!world.blocked(), "{fault:?} before the probe");
        let probe = world.probe();
        for _ in 0..10 {
            world.fail(calls.pop().unwrap(), fault);
        }
        assert!(world.blocked());
        world.succeed(probe);
        for call in calls {
            world.fail(call, fault);
        }
        assert!(!world.blocked(), "{fault:?} after it was back");
        world.call(Err(Fault::Contact));
        assert_eq!(world.sit_out(), 2_000, "{fault:?}: the second ejection");
    }
}

#[test]
fn late_successes_do_not_bring_it_back() {
    let mut world = World::default();
    let (early, earlier) = (world.begin(), world.begin());
    world.call(Err(Fault::Contact));
    world.succeed(early);
    assert!(world.blocked());
    world.sit_out();
    let _probe = world.probe();
    world.succeed(earlier);
    assert!(world.blocked(), "only what was begun since says how it is");
}

#[test]
fn a_call_made_regardless_brings_it_back_or_changes_nothing() {
    let mut world = World::default();
    world.call(Err(Fault::Contact));
    world.wait(400);
    for _ in 0..20 {
        world.call(Err(Fault::Contact));
    }
    assert_eq!(world.sit_out(), 600, "it is ejected already");
    let probe = world.probe();
    world.call(Err(Fault::Contact));
    assert!(world.blocked(), "the probe decides");
    world.call(Ok(()));
    assert!(!world.blocked(), "but an answer is an answer");
    world.fail(probe, Fault::Contact);
    assert!(!world.blocked(), "and the probe is one of those begun before");

    world.call(Err(Fault::Contact));
    let (answered, stalled) = (world.begin(), world.begin());
    world.succeed(answered);
    assert!(!world.blocked());
    world.fail(stalled, Fault::Contact);
    assert!(!world.blocked(), "begun before it recovered");
}

#[test]
fn each_minute_in_service_forgives_one_ejection() {
    for (minutes, next) in [(0, 16_000), (1, 8_000), (2, 4_000), (3, 2_000), (4, 1_000), (5, 1_000), (256, 1_000)] {
        let mut world = World::ejected_before(4);
        world.wait(minutes * 60_000);
        assert_eq!(world.next_ejection(), next, "after {minutes} minutes");
    }
    let mut world = World::ejected_before(4);
    world.wait(59_999);
    assert_eq!(world.next_ejection(), 16_000, "not before the minute is full");
    // However often it failed, what was not counted need not be forgiven.
    let mut world = World::ejected_before(100);
    world.wait(6 * 60_000);
    assert_eq!(world.next_ejection(), 2_000);
}

#[test]
fn single_failures_do_not_delay_forgiveness_and_time_out_of_service_does_not_count() {
    let mut world = World::ejected_before(4);
    for _ in 0..60 {
        world.call(Err(Fault::Answer));
        world.call(Ok(()));
        world.wait(2_000);
    }
    assert_eq!(world.next_ejection(), 4_000, "two minutes, two ejections");
    // Nobody called it for an hour: that is no reason to think better of it.
    world.wait(3_600_000);
    let probe = world.probe();
    world.fail(probe, Fault::Answer);
    assert_eq!(world.sit_out(), 8_000);
}

#[test]
fn each_code_blames_the_instance_or_does_not() {
    let blamed: Vec<_> = Code::ALL.iter().filter(|code| Fault::of(**code).is_some()).map(|code| code.name()).collect();
    assert_eq!(blamed, ["unknown", "deadline_exceeded", "internal", "unavailable", "data_loss"]);
    assert!(Code::ALL.iter().all(|code| Fault::of(*code) != Some(Fault::Contact)), "an answer is contact");
}

#[test]
fn it_is_small_and_survives_absurd_times() {
    assert!(size_of::<Health>() <= 32);
    let mut health = Health::default();
    let call = health.begin(Time::NEVER);
    health.failed(call, Fault::Contact, Time::NEVER);
    let call = health.begin(Time(0));
    health.failed(call, Fault::Contact, Time(0));
    assert!(health.blocked(Time(0)));
    assert!(!health.blocked(Time::NEVER));
}
