//! Whatever members do, at whatever time.

use std::collections::BTreeSet;

use proptest::{collection, prelude::*};

use super::*;

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    Offer(u8, Option<u64>),
    /// To the lease of this number of those that are live, counted round.
    Ack(usize),
    Nack(usize, Option<u64>),
    Reject(usize),
    Extend(usize),
    /// Under a lease that has ended.
    Stale(usize),
    /// The dead letter of this number of those that are not published, counted round.
    Bury(usize),
    Join(u8, u32),
    Leave(u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let nth = || 0..16_usize;
    prop_oneof![
        4 => (1..4_u8, prop::option::of(0..3_u64)).prop_map(|(author, key)| Step::Offer(author, key)),
        4 => nth().prop_map(Step::Ack),
        2 => (nth(), prop::option::of(0..400_000_u64)).prop_map(|(nth, delay)| Step::Nack(nth, delay)),
        1 => nth().prop_map(Step::Reject),
        1 => nth().prop_map(Step::Extend),
        1 => nth().prop_map(Step::Stale),
        2 => nth().prop_map(Step::Bury),
        1 => (1..4_u8, 0..4_u32).prop_map(|(member, room)| Step::Join(member, room)),
        1 => (1..4_u8).prop_map(Step::Leave),
        2 => (0..60_000_u64).prop_map(Step::Pass),
    ]
}

/// Watches a group from outside.
#[derive(Default)]
struct Watcher {
    now: u64,
    offered: BTreeMap<EntryId, Option<u64>>,
    /// The order in which they were offered.
    order: Vec<EntryId>,
    live: BTreeMap<LeaseId, (EntryId, MemberId, u64)>,
    over: Vec<LeaseId>,
    ended: BTreeSet<EntryId>,
    members: BTreeMap<MemberId, u32>,
    dead: BTreeSet<EntryId>,
    next: BTreeMap<u8, u64>,
}

impl Watcher {
    fn look(&mut self, group: &mut Group) {
        for effect in group.take_effects() {
            match effect {
                Effect::Deliver { member, entry, lease, attempt } => self.delivered(member, entry, lease, attempt),
                Effect::DeadLetter { entry, attempts, .. } => {
                    assert!((1..=3).contains(&attempts));
                    assert!(self.dead.insert(entry), "given up twice");
                }
                Effect::Done { entry } => self.end(entry),
            }
        }
        for entry in self.offered.keys() {
            let standing = group.standing((entry.author, entry.epoch)).unwrap();
            assert_eq!(standing.is_done(entry.seq), self.ended.contains(entry), "{entry:?} in {standing:?}");
        }
        assert_eq!(group.leased(), self.live.len());
        assert_eq!(group.pending(), self.offered.len() - self.ended.len());
    }

    fn delivered(&mut self, member: MemberId, entry: EntryId, lease: LeaseId, attempt: u32) {
        assert!(!self.ended.contains(&entry), "given though it is done");
        assert!((1..=3).contains(&attempt));
        assert!(self.live.values().all(|(other, ..)| *other != entry), "two live leases for one entry");
        if let Some(key) = self.offered[&entry] {
            let earlier = self.order.iter().take_while(|other| **other != entry);
            let mut same = earlier.filter(|other| self.offered[*other] == Some(key));
            let is_over = |other: &EntryId| self.ended.contains(other) || self.dead.contains(other);
            assert!(same.all(is_over), "out of the order of its key");
        }
        assert!(self.live.insert(lease, (entry, member, self.now + 30_000)).is_none(), "a lease given twice");
        let in_hand = self.live.values().filter(|(_, by, _)| *by == member).count();
        assert!(in_hand <= self.members[&member] as usize, "more than it has room for");
    }

    fn end(&mut self, entry: EntryId) {
        assert!(self.ended.insert(entry), "it ends twice");
        self.dead.remove(&entry);
    }

    /// Leases end, as far as is known outside.
    fn ends(&mut self, over: impl Fn(&(EntryId, MemberId, u64)) -> bool) {
        let ended: Vec<_> = self.live.iter().filter(|(_, held)| over(held)).map(|(lease, _)| *lease).collect();
        for lease in ended {
            self.live.remove(&lease);
            self.over.push(lease);
        }
    }

    fn nth(&mut self, nth: usize) -> Option<(LeaseId, EntryId)> {
        let (lease, (entry, ..)) = self.live.iter().nth(nth % self.live.len().max(1))?;
        Some((*lease, *entry))
    }

    fn end_lease(&mut self, lease: LeaseId) {
        self.live.remove(&lease);
        self.over.push(lease);
    }

    fn step(&mut self, group: &mut Group, step: Step) {
        let now = Time(self.now);
        match step {
            Step::Offer(author, key) => {
                let next = self.next.entry(author).or_insert(1);
                let id = entry(author, *next);
                // Now and then a position is left out.
                *next += 1 + u64::from(key == Some(2));
                self.offered.insert(id, key);
                self.order.push(id);
                if group.offer(id, key, now).is_err() {
                    self.offered.remove(&id);
                    self.order.pop();
                }
            }
            Step::Ack(nth) => {
                if let Some((lease, _)) = self.nth(nth) {
                    self.end_lease(lease);
                    group.ack(lease, now).unwrap();
                }
            }
            Step::Nack(nth, delay) => {
                if let Some((lease, _)) = self.nth(nth) {
                    self.end_lease(lease);
                    group.nack(lease, delay.map(Duration::from_millis), "no", now).unwrap();
                }
            }
            Step::Reject(nth) => {
                if let Some((lease, _)) = self.nth(nth) {
                    self.end_lease(lease);
                    group.reject(lease, "never", now).unwrap();
                }
            }
            Step::Extend(nth) => {
                if let Some((lease, _)) = self.nth(nth) {
                    group.extend(lease, now).unwrap();
                    self.live.get_mut(&lease).unwrap().2 = self.now + 30_000;
                }
            }
            Step::Stale(nth) => {
                if let Some(lease) = self.over.get(nth % self.over.len().max(1)).copied() {
                    assert!(group.ack(lease, now).is_err() && group.extend(lease, now).is_err());
                }
            }
            Step::Bury(nth) => {
                if let Some(entry) = self.dead.iter().nth(nth % self.dead.len().max(1)).copied() {
                    group.buried(&entry, now);
                }
            }
            Step::Join(number, room) => {
                if group.members() < 2 || self.members.contains_key(&member(number)) {
                    // Who has more in hand than it now has room for keeps that.
                    let in_hand = self.live.values().filter(|(_, by, _)| *by == member(number)).count();
                    self.members.insert(member(number), room.max(in_hand as u32));
                    assert!(group.join(member(number), room, now));
                }
            }
            Step::Leave(number) => {
                self.members.remove(&member(number));
                self.ends(|(_, by, _)| *by == member(number));
                group.leave(&member(number), now);
            }
            Step::Pass(millis) => {
                self.now += millis;
                let now = self.now;
                self.ends(|(_, _, until)| *until <= now);
                group.wake(Time(now));
            }
        }
        self.look(group);
    }
}

proptest! {
    #[test]
    fn every_entry_ends_once_and_in_order(steps in collection::vec(step(), 0..150)) {
        let (mut group, mut watcher) = (Group::new(settings(), 7), Watcher::default());
        for step in steps {
            watcher.step(&mut group, step);
        }
        // Members that go on working manage everything, or give it up.
        for number in 1..4 {
            watcher.step(&mut group, Step::Leave(number));
        }
        watcher.step(&mut group, Step::Join(1, 3));
        for turn in 0..1_000 {
            let step = match turn % 3 {
                0 => Step::Ack(turn),
                1 => Step::Bury(turn),
                _ => Step::Pass(300_000),
            };
            watcher.step(&mut group, step);
        }
        prop_assert_eq!(group.pending(), 0);
        prop_assert_eq!(watcher.ended.len(), watcher.offered.len());
        prop_assert!(group.waiting.is_empty() && group.keys.is_empty() && group.expiries.is_empty());
        for log in group.logs() {
            let last = watcher.offered.keys().filter(|entry| entry.author == log.0).map(|entry| entry.seq).max();
            prop_assert_eq!(Some(group.standing(log).unwrap()), last.map(Standing::all));
        }
    }
}
