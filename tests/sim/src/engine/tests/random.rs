//! The same numbers for the same seed, and the same run.

use super::*;

#[test]
fn the_stream_of_a_seed_is_the_same_for_ever() {
    // Computed apart from this code, from the definition of ChaCha (Bernstein, 2008).
    let mut random = Random::new(1, Purpose::Core, 2);
    assert_eq!([random.number(), random.number()], [6938885953644749562, 2026289535659934096]);
    assert_eq!(random.below(1_000), 406);
    assert_eq!(random.bytes::<4>(), [90, 182, 165, 217]);
}

#[test]
fn streams_differ_by_seed_purpose_and_number() {
    let first = |seed, purpose, stream| Random::new(seed, purpose, stream).number();
    let numbers = [
        first(1, Purpose::Core, 0),
        first(2, Purpose::Core, 0),
        first(1, Purpose::Weather, 0),
        first(1, Purpose::Core, 1),
    ];
    let mut distinct = numbers.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn draws_are_even_and_within_bounds() {
    let mut random = Random::new(1, Purpose::Scenario, 0);
    let mut counts = [0_u32; 10];
    for _ in 0..10_000 {
        counts[random.index(10)] += 1;
        assert!((0.0..1.0).contains(&random.unit()));
    }
    assert!(counts.iter().all(|count| (880..=1_120).contains(count)), "{counts:?}");
    assert_eq!((random.below(0), random.index(0)), (0, 0));
    let mut sample = random.sample(0..10, 7);
    sample.sort_unstable();
    sample.dedup();
    assert_eq!(sample.len(), 7);
    assert_eq!(random.sample(0..3, 7).len(), 3);
    let mut all: Vec<_> = (0..50).collect();
    random.shuffle(&mut all);
    assert!(!all.is_sorted());
    all.sort_unstable();
    assert!(all.into_iter().eq(0..50));
}

/// Nodes that talk at random.
fn chatter(seed: u64) -> (u64, u64) {
    let network = Network { loss: 0.05, ..Network::default() };
    let mut engine = Engine::new(seed, network);
    for _ in 0..20 {
        engine.spawn(Clock::default(), |_| Probe::default());
    }
    for step in 0..500 {
        let (a, b) = (PeerIndex(engine.random().below(20) as u32), PeerIndex(engine.random().below(20) as u32));
        engine.with(a, |_, ctx| {
            ctx.connect(b);
            for peer in ctx.links().collect::<Vec<_>>() {
                ctx.send(peer, "chat", 500, step);
            }
        });
        match step {
            100 => assert!(engine.crash(PeerIndex(3))),
            200 => engine.divide(|peer| peer.0 % 2),
            300 => engine.heal(),
            _ => engine.run_for(Duration::from_millis(100)),
        }
    }
    (engine.digest(), engine.events())
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (digest, events) = chatter(1);
    assert!(events > 5_000, "{events}");
    assert_eq!(chatter(1), (digest, events));
    assert_ne!(chatter(2).0, digest);
}

#[test]
fn one_node_more_changes_nothing_for_the_others() {
    let arrivals = |more: bool| {
        let mut engine = pair(1, Network { loss: 0.1, ..Network::default() });
        if more {
            let third = engine.spawn(Clock::default(), |_| Probe::default());
            engine.with(third, |_, ctx| ctx.connect(B));
            engine.run_for(SECOND);
            for number in 0..100 {
                send(&mut engine, third, B, number);
            }
        } else {
            engine.run_for(SECOND);
        }
        let drawn = engine.with(A, |_, ctx| ctx.random().number());
        for number in 100..200 {
            send(&mut engine, A, B, number);
        }
        engine.run_for(SECOND * 20);
        let log = probe(&engine, B).log.iter().copied();
        (drawn, log.filter(|(_, told)| matches!(told, Told::Got(A, _))).collect::<Vec<_>>())
    };
    assert_eq!(arrivals(false).1.len(), 100);
    assert_eq!(arrivals(false), arrivals(true));
}
