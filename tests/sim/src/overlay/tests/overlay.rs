//! The overlay is connected and keeps its degrees.

use std::collections::BTreeSet;

use super::*;

/// How many nodes can be reached from the first one alive.
fn reached(engine: &Engine<Member>) -> usize {
    let mut next: Vec<_> = engine.cores().take(1).map(|(peer, _)| peer).collect();
    let mut seen: BTreeSet<_> = next.iter().copied().collect();
    while let Some(peer) = next.pop() {
        next.extend(engine.links(peer).filter(|peer| seen.insert(*peer)));
    }
    seen.len()
}

fn degrees(engine: &Engine<Member>) -> Vec<usize> {
    engine.cores().map(|(peer, _)| engine.links(peer).count()).collect()
}

#[test]
fn nodes_find_each_other_and_keep_8_to_12_links() {
    for seed in 0..3 {
        let engine = grown(seed, 200, Network::default(), &Settings::default());
        assert_eq!(reached(&engine), 200, "seed {seed}");
        let degrees = degrees(&engine);
        assert!(degrees.iter().all(|degree| (6..=14).contains(degree)), "seed {seed}: {degrees:?}");
        let usual = degrees.iter().filter(|degree| (8..=12).contains(*degree)).count();
        assert!(usual >= 195, "seed {seed}: {usual} of 200");
    }
}

#[test]
fn the_loss_of_a_third_at_once_is_made_up_for() {
    let mut engine = grown(1, 150, Network::default(), &Settings::default());
    for index in 0..50 {
        engine.crash(PeerIndex(index));
    }
    engine.run_for(SECOND * 60);
    assert_eq!(reached(&engine), 100);
    let degrees = degrees(&engine);
    assert!(degrees.iter().all(|degree| (6..=14).contains(degree)), "{degrees:?}");
}

#[test]
fn a_quiet_overlay_costs_little() {
    let mut engine = grown(1, 100, Network::default(), &Settings::default());
    engine.run_for(SECOND * 60);
    let before = engine.traffic();
    engine.run_for(SECOND * 120);
    let window = engine.traffic().since(&before);
    let rate = window.of_class(Direction::Sent, membership::CLASS).bytes as f64 / 100.0 / 120.0;
    // One question and one answer with 16 addresses a minute, and little else.
    assert!((10.0..60.0).contains(&rate), "{rate} B/s");
}
