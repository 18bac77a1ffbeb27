//! Tried at once, again while it is of use, and never without bound.

use proptest::{collection, prelude::*};

use super::*;

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

/// A peer that is reached through a relay since time 0, traffic flowing or not.
struct World {
    punches: Punches,
    now: Time,
}

impl World {
    fn new() -> Self {
        let mut punches = Punches::new();
        punches.relayed(node(1), Time(0));
        Self { punches, now: Time(0) }
    }

    fn wait(&mut self, wait: Duration) {
        self.now = self.now + wait;
    }

    /// Whether it is tried now.
    fn tried(&mut self) -> bool {
        self.punches.due(self.now, 7) == [node(1)]
    }

    fn fail(&mut self) {
        self.punches.failed(&node(1), Failure::Unreachable, self.now, 7);
    }

    /// How long it takes until the next attempt, traffic flowing all the time; gives up after an hour.
    fn next_attempt(&mut self) -> Duration {
        let start = self.now;
        for _ in 0..3_600_000 / 50 {
            self.punches.traffic(&node(1), self.now);
            if self.tried() {
                break;
            }
            self.wait(Duration::from_millis(50));
        }
        self.now.since(start)
    }
}

fn about(wait: Duration, expected: Duration) {
    let slack = Duration::from_millis(50);
    assert!(wait >= expected * 3 / 4 && wait <= expected * 5 / 4 + slack, "{wait:?} is not about {expected:?}");
}

#[test]
fn the_first_attempt_is_at_once() {
    let mut world = World::new();
    assert_eq!(world.punches.next(world.now), Some(Time(0)));
    assert!(world.tried());
    assert!(!world.tried(), "once");
    assert_eq!(world.punches.next(world.now), Some(Time(0) + LIMIT));
    assert!(world.punches.direct(&node(1)));
    assert_eq!((world.punches.counts().tried, world.punches.counts().succeeded), (1, 1));
    assert_eq!((world.punches.all().count(), world.punches.next(world.now)), (0, None));
    assert!(!world.punches.direct(&node(1)), "by another way");
    assert_eq!(world.punches.counts().succeeded, 1);
}

#[test]
fn waits_double_while_traffic_flows() {
    let mut world = World::new();
    assert!(world.tried());
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        world.fail();
        about(world.next_attempt(), Duration::from_secs(expected));
    }
    assert_eq!(world.punches.counts().failed(Failure::Unreachable), 11);
}

#[test]
fn nothing_is_tried_while_idle() {
    let mut world = World::new();
    assert!(world.tried());
    world.fail();
    world.wait(FLOWING);
    assert!(!world.tried());
    assert_eq!(world.punches.next(world.now), None);
    world.wait(Duration::from_secs(3600));
    assert!(!world.tried());
    world.punches.traffic(&node(1), world.now);
    assert!(world.punches.next(world.now).is_some_and(|at| at <= world.now));
    assert!(world.tried(), "as soon as it is of use");
}

#[test]
fn another_network_begins_afresh() {
    let mut world = World::new();
    assert!(world.tried());
    for _ in 0..6 {
        world.fail();
        world.next_attempt();
    }
    world.fail();
    world.punches.network_changed(world.now);
    assert!(world.tried(), "at once, without traffic too");
    world.fail();
    about(world.next_attempt(), FIRST);
}

#[test]
fn silence_is_a_failure() {
    let mut world = World::new();
    assert!(world.tried());
    world.wait(LIMIT);
    world.punches.traffic(&node(1), world.now);
    assert!(!world.tried());
    let (_, standing) = world.punches.all().next().unwrap();
    assert_eq!(standing.failed, Some((Failure::Silent, world.now)));
    assert_eq!(world.punches.counts().failures().collect::<Vec<_>>(), [(Failure::Silent, 1)]);
    world.fail();
    assert_eq!(world.punches.counts().failed(Failure::Unreachable), 0, "late reports are not counted");
    about(world.next_attempt(), FIRST);
}

#[test]
fn a_lost_relay_ends_the_attempt() {
    let mut world = World::new();
    assert!(world.tried());
    world.punches.gone(&node(1));
    assert_eq!(world.punches.counts().failed(Failure::RelayLost), 1);
    world.punches.relayed(node(1), world.now);
    assert!(world.tried(), "afresh on the next one");
    world.punches.relayed(node(1), world.now);
    assert!(!world.tried(), "another relayed connection changes nothing");
}

#[test]
fn the_table_and_the_attempts_are_bounded() {
    let mut punches = Punches::new();
    for n in 0..3_000 {
        punches.relayed(node(n), Time(u64::from(n)));
        punches.traffic(&node(0), Time(u64::from(n)));
    }
    assert_eq!(punches.all().count(), PEERS);
    assert!(punches.all().any(|(peer, _)| peer == node(0)), "those with traffic stay");
    assert_eq!(punches.due(Time(3_000), 0).len(), AT_ONCE);
    assert_eq!(punches.due(Time(3_000), 0).len(), 0);
    let under_way: Vec<NodeId> = punches.all().filter(|(_, s)| s.under_way).map(|(peer, _)| peer).collect();
    punches.failed(&under_way[0], Failure::Unsupported, Time(3_000), 0);
    assert_eq!(punches.due(Time(3_000), 0).len(), 1);
}

proptest! {
    #[test]
    fn counts_add_up(steps in collection::vec((0_u8..7, 0_u16..4, 0_u64..40_000), 0..200)) {
        let mut punches = Punches::new();
        let mut now = Time(0);
        for (step, peer, wait) in steps {
            let peer = node(peer);
            match step {
                0 => punches.relayed(peer, now),
                1 => { punches.direct(&peer); }
                2 => punches.gone(&peer),
                3 => punches.traffic(&peer, now),
                4 => punches.failed(&peer, Failure::Unreachable, now, wait),
                5 => punches.network_changed(now),
                _ => { punches.due(now, wait); }
            }
            now = now + Duration::from_millis(wait);
            let counts = punches.counts();
            let failed: u64 = counts.failures().map(|(_, count)| count).sum();
            let under_way = punches.all().filter(|(_, standing)| standing.under_way).count() as u64;
            prop_assert_eq!(counts.tried, counts.succeeded + failed + under_way);
        }
    }
}
