//! Who is asked, and who is given up for another.

use std::time::Duration;

use atoll_protocol::identity::NodeId;

use super::{CHANGE_GAP, Effect, NEARER, Relay, Relays, State};
use crate::{peers::Subnet, time::Time};

/// Stands for a round trip that was not measured: behind all that were.
const UNMEASURED: Duration = Duration::MAX;

impl Relays {
    /// Asks relays until there are as many as wanted. One in a subnet of its own takes the place of one that shares its subnet.
    pub(super) fn fill(&mut self, now: Time, effects: &mut Vec<Effect>) {
        // Every round reserves one, or releases one whose place the next round takes.
        for _ in 0..2 * self.wanted.most {
            if let Some(apart) = self.best(now, |relay| self.is_apart(relay.subnet, None)) {
                if self.used() < self.wanted.most {
                    self.reserve(apart, now, effects);
                } else if let Some(double) = self.worst_double() {
                    self.release(double, now, effects);
                } else {
                    return;
                }
            } else if self.used() < self.wanted.least
                && let Some(any) = self.best(now, |_| true)
            {
                self.reserve(any, now, effects);
            } else {
                return;
            }
        }
    }

    /// Gives up those that share a subnet, as far as enough others are held.
    pub(super) fn thin(&mut self, now: Time, effects: &mut Vec<Effect>) {
        while let Some(double) = self.worst_double()
            && self.relays.iter().filter(|(node, relay)| **node != double && relay.is_held()).count()
                >= self.wanted.least
        {
            self.release(double, now, effects);
        }
    }

    /// Changes the furthest relay for one that is a good deal nearer, if all others are held to bridge that.
    pub(super) fn draw_nearer(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let steady = self.relays.values().filter(|relay| relay.is_used()).all(Relay::is_held);
        let recent = self.changed.is_some_and(|at| now < at + CHANGE_GAP);
        if !steady || recent || self.used() < self.wanted.least.max(2) {
            return;
        }
        let old_enough = |relay: &Relay| matches!(relay.state, State::Held { since, .. } if now >= since + CHANGE_GAP);
        let held = self.relays.iter().filter(|(_, relay)| old_enough(relay));
        let furthest = held.filter_map(|(node, relay)| relay.rtt.map(|rtt| (rtt, *node))).max();
        let Some((far, furthest)) = furthest else { return };
        let nearer = self.best(now, |relay| {
            let near = relay.rtt.is_some_and(|rtt| rtt < far * 7 / 10 && rtt + NEARER <= far);
            near && relay.failures == 0 && self.is_apart(relay.subnet, Some(&furthest))
        });
        if let Some(nearer) = nearer {
            self.release(furthest, now, effects);
            self.reserve(nearer, now, effects);
            self.changed = Some(now);
        }
    }

    fn used(&self) -> usize {
        self.relays.values().filter(|relay| relay.is_used()).count()
    }

    /// Whether no relay in use, but for `without`, is in this subnet.
    fn is_apart(&self, subnet: Option<Subnet>, without: Option<&NodeId>) -> bool {
        let mut used = self.relays.iter().filter(|(node, relay)| relay.is_used() && Some(*node) != without);
        subnet.is_none() || !used.any(|(_, relay)| relay.subnet == subnet)
    }

    /// The best one that may be asked now.
    fn best(&self, now: Time, suits: impl Fn(&Relay) -> bool) -> Option<NodeId> {
        let free = self.relays.iter().filter(|(_, r)| matches!(r.state, State::Idle { retry } if retry <= now));
        free.filter(|(_, relay)| suits(relay)).min_by_key(|(node, relay)| self.rank(node, relay)).map(|(node, _)| *node)
    }

    /// The worst one of those that share a subnet with a better one: of several, one that has not answered yet.
    fn worst_double(&self) -> Option<NodeId> {
        let used = || self.relays.iter().filter(|(_, relay)| relay.is_used());
        let rank = |node: &NodeId, relay: &Relay| (!relay.is_held(), self.rank(node, relay));
        let doubles = used().filter(|(node, relay)| {
            let mut others = used().filter(|(other, _)| other != node);
            relay.subnet.is_some() && others.any(|(_, other)| other.subnet == relay.subnet)
        });
        doubles.max_by_key(|(node, relay)| rank(node, relay)).map(|(node, _)| *node)
    }

    fn rank(&self, node: &NodeId, relay: &Relay) -> (u32, Duration, u64) {
        (relay.failures, relay.rtt.unwrap_or(UNMEASURED), self.lot(node))
    }

    fn reserve(&mut self, relay: NodeId, now: Time, effects: &mut Vec<Effect>) {
        if let Some(known) = self.relays.get_mut(&relay) {
            known.state = State::Asked { since: now };
            effects.push(Effect::Reserve { relay });
        }
    }

    fn release(&mut self, relay: NodeId, now: Time, effects: &mut Vec<Effect>) {
        if let Some(known) = self.relays.get_mut(&relay) {
            known.state = State::Idle { retry: now };
            effects.push(Effect::Release { relay });
        }
    }
}
