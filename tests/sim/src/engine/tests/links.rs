//! How links come and go.

use super::*;

#[test]
fn both_ends_learn_of_a_link_after_two_round_trips() {
    let engine = pair(1, steady());
    let expected = Some(Time::from_micros(200_000));
    assert_eq!(probe(&engine, A).when(Told::Up(B)), expected);
    assert_eq!(probe(&engine, B).when(Told::Up(A)), expected);
}

#[test]
fn two_that_dial_each_other_have_one_link() {
    let mut engine = Engine::new(1, steady());
    engine.spawn(Clock::default(), |_| Probe::default());
    engine.spawn(Clock::default(), |_| Probe::default());
    engine.with(A, |_, ctx| ctx.connect(B));
    engine.run_for(Duration::from_millis(20));
    engine.with(B, |_, ctx| ctx.connect(A));
    engine.run_for(SECOND);
    assert_eq!(probe(&engine, A).told(), [Told::Up(B)]);
    assert_eq!(probe(&engine, B).told(), [Told::Up(A)]);
}

#[test]
fn nobody_answers_a_dial_to_a_dead_node() {
    let mut engine = pair(1, steady());
    engine.leave(B);
    engine.run_for(SECOND);
    engine.with(A, |_, ctx| ctx.connect(B));
    engine.run_for(SECOND * 6);
    assert_eq!(probe(&engine, A).told(), [Told::Up(B), Told::Down(B, false), Told::Down(B, true)]);
}

#[test]
fn what_was_sent_before_closing_arrives_and_what_was_under_way_to_the_closer_does_not() {
    let mut engine = pair(1, steady());
    send(&mut engine, A, B, 1);
    send(&mut engine, B, A, 2);
    engine.with(A, |_, ctx| ctx.disconnect(B));
    engine.run_for(SECOND);
    assert_eq!(probe(&engine, A).told(), [Told::Up(B), Told::Down(B, false)]);
    assert_eq!(probe(&engine, B).told(), [Told::Up(A), Told::Got(A, 1), Told::Down(A, false)]);
    assert_eq!(engine.counts().undeliverable, 1);
    send(&mut engine, A, B, 3);
    assert_eq!(engine.counts().unsent, 1);
}

#[test]
fn a_message_belongs_to_its_link_and_not_to_the_next_one() {
    let mut engine = pair(1, Network { detection: SECOND * 2..=SECOND * 2, ..steady() });
    engine.crash(B);
    engine.restart(B, |_| Probe::default());
    send(&mut engine, A, B, 1);
    engine.with(B, |_, ctx| ctx.connect(A));
    engine.run_for(SECOND);
    // A notices by B's new dial that its old link is dead.
    assert_eq!(probe(&engine, A).told(), [Told::Up(B), Told::Down(B, true), Told::Up(B)]);
    assert_eq!(probe(&engine, B).told(), [Told::Up(A)]);
    engine.run_for(SECOND * 5);
    send(&mut engine, A, B, 2);
    engine.run_for(SECOND);
    assert_eq!(probe(&engine, B).got(), [2], "the new link is untouched by the end of the old one");
}

#[test]
fn a_crash_is_noticed_by_the_silence_within_the_detection_time() {
    for seed in 0..20 {
        let mut engine = pair(seed, steady());
        let crashed = engine.now();
        assert!(engine.crash(B) && !engine.crash(B));
        engine.run_for(SECOND * 16);
        let took = probe(&engine, A).when(Told::Down(B, true)).unwrap().since(crashed);
        assert!((SECOND * 10..=SECOND * 15).contains(&took), "seed {seed}: {took:?}");
    }
}

#[test]
fn who_leaves_says_last_words_and_is_gone_at_once() {
    let mut engine = pair(1, steady());
    let left = engine.now();
    engine.with(B, |core, _| core.last_words = Some(7));
    engine.leave(B);
    engine.run_for(SECOND);
    let told = probe(&engine, A);
    assert_eq!(told.told(), [Told::Up(B), Told::Got(B, 7), Told::Down(B, false)]);
    assert_eq!(told.when(Told::Down(B, false)), Some(left + Duration::from_micros(50_001)));
}

#[test]
fn a_node_starts_again_with_its_disk_and_without_links() {
    let mut engine = pair(1, steady());
    engine.with(B, |core, ctx| {
        core.disk = 42;
        ctx.wake_at(ctx.now() + SECOND);
    });
    let before = engine.with(B, |_, ctx| ctx.now()).unwrap();
    engine.crash(B);
    assert!(engine.restart(B, |disk| Probe { disk, ..Probe::default() }));
    assert!(!engine.restart(B, |_| Probe::default()), "it is alive");
    engine.run_for(SECOND * 2);
    assert_eq!(probe(&engine, B).disk, 42);
    assert_eq!(probe(&engine, B).told(), [], "neither links nor the timer of the life before");
    let after = engine.with(B, |_, ctx| ctx.now()).unwrap();
    assert_ne!(after, before + SECOND * 2, "its clock starts anywhere");
}

#[test]
fn what_is_late_on_an_old_link_does_not_come_on_the_new_one() {
    let mut engine = pair(1, steady());
    engine.set_loss(1.0);
    send(&mut engine, A, B, 1);
    engine.set_loss(0.0);
    engine.with(B, |_, ctx| ctx.disconnect(A));
    engine.run_for(SECOND);
    engine.with(B, |_, ctx| ctx.connect(A));
    engine.run_for(SECOND);
    assert!(engine.links(B).eq([A]));
    send(&mut engine, A, B, 2);
    engine.run_for(SECOND * 60);
    assert_eq!(probe(&engine, B).got(), [2]);
    assert_eq!(engine.counts().undeliverable, 1);
}
