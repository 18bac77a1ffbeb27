//! Who is in whose mesh.

use super::*;

fn mesh(engine: &Engine<Member>, peer: PeerIndex) -> Vec<PeerIndex> {
    engine.core(peer).unwrap().gossip.mesh().collect()
}

#[test]
fn meshes_stay_within_their_bounds_and_are_mutual() {
    let settings = Settings::default();
    for seed in 0..3 {
        let mut engine = grown(seed, 150, Network::default(), &settings);
        for index in 0..30 {
            engine.crash(PeerIndex(index * 5 + 2));
        }
        engine.run_for(SECOND * 60);
        let peers: Vec<_> = engine.cores().map(|(peer, _)| peer).collect();
        let sizes: Vec<_> = peers.iter().map(|peer| mesh(&engine, *peer).len()).collect();
        assert!(sizes.iter().all(|size| (4..=12).contains(size)), "seed {seed}: {sizes:?}");
        for peer in peers {
            for other in mesh(&engine, peer) {
                assert!(mesh(&engine, other).contains(&peer), "seed {seed}: {peer:?} has {other:?}");
            }
        }
    }
}

/// A node in the middle of others.
fn star(points: u32, settings: &Settings) -> Engine<Member> {
    let links: Vec<_> = (1..=points).map(|point| (point, 0)).collect();
    wired(points + 1, &links, settings)
}

#[test]
fn a_full_mesh_takes_nobody_more() {
    // Every point wants the middle, as it has no other neighbour.
    let engine = star(30, &Settings::default());
    assert_eq!(mesh(&engine, PeerIndex(0)).len(), 12);
    let refused = (1..=30).filter(|point| !engine.core(PeerIndex(*point)).unwrap().prunes.is_empty()).count();
    assert_eq!(refused, 18);
}

#[test]
fn who_was_pruned_stays_away_for_the_backoff() {
    let settings = Settings { backoff: SECOND * 20, ..Settings::default() };
    let mut engine = star(30, &settings);
    engine.run_for(SECOND * 90);
    let middle = engine.core(PeerIndex(0)).unwrap();
    for point in (1..=30).map(PeerIndex) {
        let tries: Vec<_> = middle.grafts.iter().filter(|(_, from)| *from == point).map(|(time, _)| *time).collect();
        for pair in tries.windows(2) {
            let pause = pair[1].since(pair[0]);
            assert!((SECOND * 20..SECOND * 23).contains(&pause), "{point:?}: {pause:?}");
        }
    }
    assert!(middle.grafts.len() > 30 + 18, "they have tried again");
}

#[test]
fn a_mesh_that_has_grown_too_large_is_cut_back() {
    // The bound for taking somebody in is the same as the one for pruning, so it is exceeded by own grafts only.
    let settings = Settings { mesh: 6, mesh_low: 6, mesh_high: 5, ..Settings::default() };
    let mut engine = star(10, &settings);
    engine.run_for(SECOND * 30);
    assert!(mesh(&engine, PeerIndex(0)).len() <= 6);
    assert!((1..=10).any(|point| !engine.core(PeerIndex(point)).unwrap().prunes.is_empty()));
}

#[test]
fn a_neighbour_that_is_gone_is_in_no_mesh() {
    let mut engine = wired(2, &[(0, 1)], &Settings::default());
    assert_eq!(mesh(&engine, PeerIndex(0)), [PeerIndex(1)]);
    engine.leave(PeerIndex(1));
    engine.run_for(SECOND);
    assert_eq!(mesh(&engine, PeerIndex(0)), []);
}

#[test]
fn who_comes_back_too_early_is_refused_again() {
    let narrow = Settings { mesh: 1, mesh_low: 1, mesh_high: 1, backoff: SECOND * 20, ..Settings::default() };
    let hasty = Settings { backoff: SECOND, ..Settings::default() };
    let mut engine = Engine::new(1, Network::default());
    for settings in [&narrow, &hasty, &hasty] {
        engine.spawn(Clock::default(), |_| Member::new(None, settings));
    }
    for point in [1, 2] {
        engine.with(PeerIndex(point), |_, ctx| ctx.connect(PeerIndex(0)));
    }
    engine.run_for(SECOND * 10);
    let first = mesh(&engine, PeerIndex(0));
    assert_eq!(first.len(), 1);
    engine.leave(first[0]);
    engine.run_for(SECOND * 60);
    assert_eq!(
        mesh(&engine, PeerIndex(0)),
        [],
        "the other asks every other second, and each time begins a new backoff"
    );
}
