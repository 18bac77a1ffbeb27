//! Enough relays, apart from each other, and none for a node that needs none.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, prelude::*};

use super::*;

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

fn subnet(n: u8) -> Option<Subnet> {
    Some(Subnet::V4([8, 8, n]))
}

const SECOND: Duration = Duration::from_secs(1);

/// The machine, the time, and what the driver has been told.
struct World {
    relays: Relays,
    now: Time,
    /// Reserved or asked for, as the effects say.
    used: BTreeSet<NodeId>,
    renewed: usize,
}

impl World {
    fn new() -> Self {
        let relays = Relays::new(Wanted::default(), 1);
        Self { relays, now: Time(1_000), used: BTreeSet::new(), renewed: 0 }
    }

    /// Relays `n`, each in a subnet of the same number, at a round trip of `n` times ten milliseconds.
    fn with(relays: impl IntoIterator<Item = u8>) -> Self {
        let mut world = Self::new();
        for n in relays {
            world.offer(n, n);
        }
        world.decide();
        world
    }

    fn offer(&mut self, n: u8, subnet_of: u8) {
        self.relays.offered(node(n.into()), subnet(subnet_of));
        self.relays.measured(&node(n.into()), Duration::from_millis(10) * n.into());
    }

    fn decide(&mut self) {
        for effect in self.relays.decide(self.now, 3) {
            match effect {
                Effect::Reserve { relay } => assert!(self.used.insert(relay), "reserved twice"),
                Effect::Renew { relay } => {
                    assert!(self.used.contains(&relay));
                    self.renewed += 1;
                }
                Effect::Release { relay } => {
                    self.used.remove(&relay);
                }
            }
            assert!(self.used.len() <= 3);
        }
    }

    fn accept(&mut self) {
        for relay in self.used.clone() {
            self.relays.accepted(&relay, TERM, self.now);
        }
        self.decide();
    }

    fn fail(&mut self, n: u16) {
        self.used.remove(&node(n));
        self.relays.failed(&node(n), self.now, 3);
        self.decide();
    }

    fn wait(&mut self, wait: Duration) {
        self.now = self.now + wait;
        self.decide();
    }

    fn uses<const N: usize>(&self, expected: [u16; N]) {
        assert_eq!(self.used, expected.into_iter().map(node).collect());
    }
}

#[test]
fn the_three_nearest_in_different_subnets() {
    let mut world = World::with([5, 4, 3, 2, 1]);
    world.uses([1, 2, 3]);
    assert_eq!(world.relays.held().count(), 0);
    world.accept();
    assert_eq!(world.relays.held().count(), 3);
    world.decide();
    world.uses([1, 2, 3]);
}

#[test]
fn one_subnet_only_where_there_is_nothing_else() {
    let mut world = World::new();
    for n in 1..=4 {
        world.offer(n, 7);
    }
    world.decide();
    world.uses([1, 2]);
    world.accept();
    world.offer(9, 9);
    world.decide();
    world.uses([1, 2, 9]);
    world.accept();
    world.uses([1, 9]);
    world.decide();
    world.uses([1, 9]);
    assert_eq!(world.relays.next(world.now), Some(world.now + TERM * 3 / 4));
}

#[test]
fn where_no_third_may_be_one_takes_the_place_of_a_double() {
    let mut world = World::new();
    world.relays = Relays::new(Wanted { least: 2, most: 0 }, 1);
    world.offer(1, 7);
    world.offer(2, 7);
    world.decide();
    world.accept();
    world.offer(9, 9);
    world.decide();
    world.uses([1, 9]);
}

#[test]
fn at_home_subnets_do_not_count() {
    let mut world = World::new();
    for n in 1..=4 {
        world.relays.offered(node(n), None);
    }
    world.decide();
    assert_eq!(world.used.len(), 3);
}

#[test]
fn equal_relays_are_not_everybodys_first_choice() {
    let first = |seed| {
        let mut relays = Relays::new(Wanted { least: 1, most: 1 }, seed);
        (1..=8).for_each(|n| assert!(relays.offered(node(n), subnet(n as u8))));
        relays.decide(Time(0), 0)
    };
    let choices: std::collections::HashSet<Effect> = (0..64).flat_map(first).collect();
    assert_eq!(choices.len(), 8);
}

#[test]
fn reservations_are_renewed_before_they_end() {
    let mut world = World::with([1, 2]);
    world.accept();
    world.wait(TERM * 3 / 4 - SECOND);
    assert_eq!(world.renewed, 0);
    world.wait(SECOND);
    assert_eq!(world.renewed, 2);
    world.decide();
    assert_eq!(world.renewed, 2, "not again at once");
    world.wait(TERM / 8);
    assert_eq!(world.renewed, 4, "again after half of what is left");
    world.accept();
    world.wait(TERM / 2);
    assert_eq!((world.renewed, world.relays.held().count()), (4, 2));
}

#[test]
fn what_is_not_renewed_is_replaced() {
    let mut world = World::with([1, 2, 3, 4]);
    world.accept();
    for _ in 0..40 {
        world.wait(TERM / 40);
        for n in [2, 3, 4] {
            world.relays.accepted(&node(n), TERM, world.now);
        }
    }
    world.uses([2, 3, 4]);
}

#[test]
fn lost_and_refused_ones_are_replaced_and_come_back_later() {
    let mut world = World::with([1, 2, 3, 4]);
    world.accept();
    world.fail(1);
    world.uses([2, 3, 4]);
    world.accept();
    world.fail(2);
    world.uses([3, 4]);
    let again = world.relays.next(world.now).unwrap();
    assert!(again <= world.now + BACKOFF * 5 / 4 && again >= world.now + BACKOFF * 3 / 4);
    world.wait(again.since(world.now));
    assert_eq!(world.used.len(), 3);
}

#[test]
fn waits_double_until_a_relay_is_steady() {
    let mut world = World::with([1]);
    let mut waits = Vec::new();
    let mut failure = |world: &mut World| {
        world.fail(1);
        let retry = world.relays.next(world.now).unwrap();
        let wait = retry.since(world.now);
        world.wait(wait);
        waits.push(wait.as_secs());
    };
    for _ in 0..9 {
        failure(&mut world);
    }
    world.accept();
    world.wait(SECOND);
    failure(&mut world);
    world.accept();
    world.wait(STEADY);
    failure(&mut world);
    let expected = [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 5];
    for (wait, expected) in waits.into_iter().zip(expected) {
        assert!(wait >= expected * 3 / 4 - 1 && wait <= expected * 5 / 4, "{wait} is not about {expected}");
    }
}

#[test]
fn silence_is_a_failure() {
    let mut world = World::with([1, 2, 3, 4]);
    world.wait(ANSWER - SECOND);
    world.uses([1, 2, 3]);
    world.wait(SECOND);
    world.uses([4]);
    world.relays.accepted(&node(1), TERM, world.now);
    assert_eq!(world.relays.held().count(), 0, "too late");
}

#[test]
fn who_can_be_dialled_needs_no_relay() {
    let mut world = World::with([1, 2, 3]);
    world.relays.accepted(&node(1), TERM, world.now);
    world.relays.set_public(true);
    world.decide();
    world.uses([]);
    world.wait(TERM);
    world.uses([]);
    assert_eq!(world.relays.next(world.now), None);
    world.relays.set_public(false);
    world.decide();
    world.uses([1, 2, 3]);
}

#[test]
fn a_new_network_means_new_reservations() {
    let mut world = World::with([1, 2, 3]);
    world.accept();
    world.fail(3);
    world.relays.network_changed();
    let effects = world.relays.decide(world.now, 0);
    let (released, reserved) = effects.split_at(2);
    assert!(released.iter().all(|effect| matches!(effect, Effect::Release { .. })), "{effects:?}");
    assert_eq!(reserved.iter().filter(|effect| matches!(effect, Effect::Reserve { .. })).count(), 3);
}

#[test]
fn a_relay_that_withdraws_is_released() {
    let mut world = World::with([1, 2, 3, 4]);
    world.accept();
    world.relays.withdrawn(&node(2));
    world.decide();
    world.uses([1, 3, 4]);
}

#[test]
fn a_nearer_relay_is_worth_a_change_and_a_little_nearer_one_is_not() {
    let mut world = World::with([10, 11, 12]);
    world.accept();
    world.offer(9, 9);
    world.wait(CHANGE_GAP);
    world.uses([10, 11, 12]);
    world.offer(2, 2);
    world.offer(3, 3);
    world.decide();
    world.uses([2, 10, 11]);
    world.decide();
    world.accept();
    world.uses([2, 10, 11]);
    world.wait(CHANGE_GAP);
    world.uses([2, 3, 10]);
    // Refused, and not tried again for being near.
    world.fail(3);
    world.accept();
    for _ in 0..5 {
        world.wait(CHANGE_GAP);
    }
    world.uses([2, 9, 10]);
}

#[test]
fn what_strangers_offer_is_bounded() {
    let mut relays = Relays::new(Wanted::default(), 0);
    for n in 0..100 {
        assert_eq!(relays.offered(node(n), subnet(1)), usize::from(n) < PER_SUBNET);
    }
    for n in 100..2_000 {
        relays.offered(node(n), subnet((n % 97) as u8 + 2));
    }
    assert_eq!(relays.all().count(), CANDIDATES);
    assert!(!relays.offered(node(5_000), subnet(200)), "none has failed");
    let Some(Effect::Reserve { relay }) = relays.decide(Time(0), 0).first().copied() else { panic!("none") };
    relays.failed(&relay, Time(0), 0);
    assert!(relays.offered(node(5_000), subnet(200)));
    assert!(relays.all().all(|(known, _)| known != relay), "it has taken the place of the one that failed");
}

#[derive(Debug, Clone)]
enum Step {
    Offered(u16, u8),
    Withdrawn(u16),
    Measured(u16, u64),
    Accepted(u16, u64),
    Failed(u16),
    Public(bool),
    Changed,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let relay = || 0_u16..10;
    prop_oneof![
        4 => (relay(), 0_u8..5).prop_map(|(relay, subnet)| Step::Offered(relay, subnet)),
        1 => relay().prop_map(Step::Withdrawn),
        2 => (relay(), 1_u64..400).prop_map(|(relay, rtt)| Step::Measured(relay, rtt)),
        6 => (relay(), 0_u64..4_000).prop_map(|(relay, term)| Step::Accepted(relay, term)),
        2 => relay().prop_map(Step::Failed),
        1 => prop::bool::weighted(0.2).prop_map(Step::Public),
        1 => Just(Step::Changed),
        4 => (0_u64..700_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn never_too_many_and_never_two_of_a_subnet_without_need(
        steps in collection::vec(step(), 1..120),
        least in 1_usize..4,
        more in 0_usize..3,
    ) {
        let wanted = Wanted { least, most: least + more };
        let mut relays = Relays::new(wanted, 5);
        let mut used = BTreeSet::new();
        let mut now = Time(0);
        let mut public = false;
        for step in steps {
            match step {
                // Subnet 0 stands for none.
                Step::Offered(n, s) => { relays.offered(node(n), (s > 0).then(|| subnet(s)).flatten()); }
                Step::Withdrawn(n) => relays.withdrawn(&node(n)),
                Step::Measured(n, rtt) => relays.measured(&node(n), Duration::from_millis(rtt)),
                Step::Accepted(n, term) => relays.accepted(&node(n), Duration::from_secs(term), now),
                Step::Failed(n) => {
                    relays.failed(&node(n), now, 9);
                    used.remove(&node(n));
                }
                Step::Public(is) => { public = is; relays.set_public(is); }
                Step::Changed => relays.network_changed(),
                Step::Wait(millis) => now = now + Duration::from_millis(millis),
            }
            for effect in relays.decide(now, 11) {
                match effect {
                    Effect::Reserve { relay } => prop_assert!(used.insert(relay)),
                    Effect::Renew { relay } => prop_assert!(used.contains(&relay)),
                    Effect::Release { relay } => { used.remove(&relay); }
                }
                prop_assert!(used.len() <= wanted.most);
            }
            let all: BTreeMap<NodeId, Relay> = relays.all().collect();
            let in_use: BTreeSet<NodeId> = all.iter().filter(|(_, r)| r.is_used()).map(|(n, _)| *n).collect();
            prop_assert_eq!(&used, &in_use, "what the driver was told is what is believed here");
            prop_assert!(!public || used.is_empty());
            let taken: Vec<Subnet> = used.iter().filter_map(|relay| all[relay].subnet).collect();
            let double = taken.iter().collect::<BTreeSet<_>>().len() < taken.len();
            let free = |r: &Relay| matches!(r.state, State::Idle { retry } if retry <= now);
            let apart = |r: &Relay| r.subnet.is_none_or(|subnet| !taken.contains(&subnet));
            let choice = all.values().any(|relay| free(relay) && apart(relay));
            prop_assert!(public || !(double && choice), "two of a subnet, and another was there");
            prop_assert!(public || used.len() >= least || !all.values().any(free), "too few, and another was there");
            prop_assert!(relays.next(now).is_none_or(|next| next > now), "nothing is left to be done now");
        }
    }
}
