//! Cuts, short and long.

use super::*;

fn halves(peer: PeerIndex) -> u32 {
    peer.0 % 2
}

#[test]
fn a_short_cut_delays_and_keeps_the_order() {
    for seed in 0..20 {
        let mut engine = pair(seed, Network { jitter: 1.0, loss: 0.1, ..steady() });
        let mut number = 0;
        let mut talk = |engine: &mut Engine<Probe>, times: u32| {
            for _ in 0..times {
                send(engine, A, B, number);
                engine.run_for(Duration::from_millis(7));
                number += 1;
            }
        };
        talk(&mut engine, 10);
        engine.divide(halves);
        talk(&mut engine, 300);
        assert!(probe(&engine, B).got().len() <= 10, "nothing passes");
        engine.heal();
        talk(&mut engine, 300);
        engine.run_for(SECOND * 30);
        assert!(probe(&engine, B).got().into_iter().eq(0..610), "seed {seed}");
        assert_eq!(probe(&engine, A).told(), [Told::Up(B)], "the link has survived");
    }
}

#[test]
fn a_long_cut_breaks_the_link_and_loses_what_was_under_way() {
    for seed in 0..20 {
        let mut engine = pair(seed, steady());
        let cut = engine.now();
        send(&mut engine, A, B, 1);
        engine.divide(halves);
        engine.run_for(SECOND * 20);
        for (at, peer) in [(A, B), (B, A)] {
            let took = probe(&engine, at).when(Told::Down(peer, true)).unwrap().since(cut);
            assert!((SECOND * 10..=SECOND * 15).contains(&took), "seed {seed}: {took:?}");
        }
        engine.heal();
        engine.run_for(SECOND * 30);
        assert_eq!(probe(&engine, B).told(), [Told::Up(A), Told::Down(A, true)], "it is not made again by itself");
    }
}

#[test]
fn nobody_gets_through_a_cut_and_everybody_after_it() {
    let mut engine = pair(1, steady());
    engine.divide(halves);
    engine.run_for(SECOND * 20);
    engine.with(A, |_, ctx| ctx.connect(B));
    engine.run_for(SECOND * 6);
    assert_eq!(probe(&engine, A).told(), [Told::Up(B), Told::Down(B, true), Told::Down(B, true)]);
    engine.heal();
    engine.with(A, |_, ctx| ctx.connect(B));
    engine.run_for(SECOND);
    assert_eq!(probe(&engine, B).told(), [Told::Up(A), Told::Down(A, true), Told::Up(A)]);
}

#[test]
fn a_link_that_one_end_has_given_up_ends_for_the_other_too() {
    // Healed at a time at which, with some seed, one end has noticed and the other has not.
    let mut one_sided = 0;
    for seed in 0..50 {
        let mut engine = pair(seed, steady());
        engine.divide(halves);
        engine.run_for(Duration::from_millis(12_500));
        engine.heal();
        one_sided += u32::from(engine.links(A).count() != engine.links(B).count());
        engine.run_for(SECOND * 10);
        assert_eq!(engine.links(A).count(), engine.links(B).count(), "seed {seed}: a link with one end");
    }
    assert!(one_sided > 10, "{one_sided}");
}

#[test]
fn those_on_the_same_island_notice_nothing() {
    let mut engine = pair(1, steady());
    engine.spawn(Clock::default(), |_| Probe::default());
    engine.divide(|peer| u32::from(peer.0 == 2));
    send(&mut engine, A, B, 1);
    engine.run_for(SECOND * 20);
    assert_eq!(probe(&engine, B).told(), [Told::Up(A), Told::Got(A, 1)]);
    let late = engine.spawn(Clock::default(), |_| Probe::default());
    engine.place_on(late, 1);
    engine.with(late, |_, ctx| ctx.connect(PeerIndex(2)));
    engine.with(late, |_, ctx| ctx.connect(A));
    engine.run_for(SECOND * 10);
    assert_eq!(probe(&engine, late).told(), [Told::Up(PeerIndex(2)), Told::Down(A, true)]);
}
