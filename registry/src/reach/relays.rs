//! Which relays this node has reservations at.
//!
//! A node that nobody can dial is reached through relays that have reserved it a place. One is not enough: when it goes, the
//! node is gone until it has found another one and told everybody. So [`Wanted::least`] are held, two by default, at different
//! operators as far as that can be told: at different nodes in different subnets. Only where there is nothing else may
//! two be in one subnet. Up to [`Wanted::most`], three by default, are held where each is in a subnet of its own. Private and
//! loopback addresses have no subnet here, as in [`crate::peers::Diversity`].
//!
//! - **Chosen** is who failed least, then who has the shortest round trip, then by a hash that differs from node to node, so that not
//!   everybody picks the same one.
//! - **Renewed** at three quarters of the term; again after half of what is left, until it ends.
//! - **Replaced** at once when lost or refused; the relay itself is asked again after a wait that doubles, from
//!   [`BACKOFF`] to [`BACKOFF_LONGEST`]. One that has held for [`STEADY`] starts from the beginning.
//! - **Changed for a nearer one** only if that is worth it: a round trip shorter by three tenths and by [`NEARER`], once in
//!   [`CHANGE_GAP`], and never for one that has failed before. The other reservations bridge the change.
//! - **Released** when the node is publicly reachable: whoever can be dialled needs no relay.
//!
//! At most [`CANDIDATES`] relays are known, [`PER_SUBNET`] of one subnet; a newcomer displaces only one that has failed.

mod choice;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::identity::NodeId;

use crate::{mix::mix, peers::Subnet, time::Time};

/// The first wait after a relay has failed.
pub const BACKOFF: Duration = Duration::from_secs(5);
/// The longest wait after a relay has failed.
pub const BACKOFF_LONGEST: Duration = Duration::from_secs(10 * 60);
/// How long a relay may take to answer: a dial, a handshake and a round trip, on a slow line.
pub const ANSWER: Duration = Duration::from_secs(15);
/// A reservation that was held for so long makes earlier failures forgotten.
pub const STEADY: Duration = Duration::from_secs(60);
/// A nearer relay is nearer by at least so much.
pub const NEARER: Duration = Duration::from_millis(10);
/// How long after a change for a nearer relay the next one may be.
pub const CHANGE_GAP: Duration = Duration::from_secs(5 * 60);
/// The longest term that is believed; the usual one of libp2p's relays.
pub const TERM: Duration = Duration::from_secs(3600);
/// Relays that are known.
pub const CANDIDATES: usize = 256;
/// Relays of one subnet that are known.
pub const PER_SUBNET: usize = 8;

/// The least wait between two renewals.
const RENEWAL_GAP: Duration = Duration::from_secs(5);

/// How many reservations to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// So many, in one subnet if need be.
    pub least: usize,
    /// Up to so many, if each is in another subnet. Not below `least`.
    pub most: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { least: 2, most: 3 }
    }
}

/// What the driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Ask this relay for a reservation, and report what it says.
    Reserve {
        /// The relay.
        relay: NodeId,
    },
    /// Ask this relay to renew its reservation, unless that happens by itself, and report what it says.
    Renew {
        /// The relay.
        relay: NodeId,
    },
    /// Give up the reservation at this relay, or the attempt to get one. What is reported of it afterwards is ignored.
    Release {
        /// The relay.
        relay: NodeId,
    },
}

/// How it stands with a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is not used, and not to be asked before `retry`.
    Idle {
        /// From then on it may be asked.
        retry: Time,
    },
    /// It was asked.
    Asked {
        /// When.
        since: Time,
    },
    /// This node has a reservation there.
    Held {
        /// Since when.
        since: Time,
        /// When it is to be renewed.
        renew: Time,
        /// When it ends.
        expires: Time,
    },
}

/// What is known of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay {
    /// The subnet that it was reached in, if that is counted.
    pub subnet: Option<Subnet>,
    /// The measured round trip.
    pub rtt: Option<Duration>,
    /// Failures since it last was steady.
    pub failures: u32,
    /// How it stands with it.
    pub state: State,
}

impl Relay {
    const fn is_used(&self) -> bool {
        !matches!(self.state, State::Idle { .. })
    }

    const fn is_held(&self) -> bool {
        matches!(self.state, State::Held { .. })
    }

    fn fail(&mut self, now: Time, draw: u64) {
        if matches!(self.state, State::Held { since, .. } if now.since(since) >= STEADY) {
            self.failures = 0;
        }
        let wait = super::doubled(BACKOFF, self.failures, BACKOFF_LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Idle { retry: now + super::jittered(wait, draw) };
    }
}

/// See the [module docs](self).
#[derive(Debug, Clone)]
pub struct Relays {
    wanted: Wanted,
    /// Differs from node to node.
    seed: u64,
    relays: BTreeMap<NodeId, Relay>,
    public: bool,
    /// Used until something was said that ended it; to be released. No more than were used.
    ended: Vec<NodeId>,
    /// When one was last changed for a nearer one.
    changed: Option<Time>,
}

impl Relays {
    /// No relay is known. `seed`: any number, another one in each node.
    #[must_use]
    pub fn new(wanted: Wanted, seed: u64) -> Self {
        let wanted = Wanted { most: wanted.most.max(wanted.least), ..wanted };
        Self { wanted, seed, relays: BTreeMap::new(), public: false, ended: Vec::new(), changed: None }
    }

    /// A peer that was reached in this subnet says that it relays. Returns whether it is known now: there may be no room.
    pub fn offered(&mut self, relay: NodeId, subnet: Option<Subnet>) -> bool {
        if let Some(known) = self.relays.get_mut(&relay) {
            known.subnet = subnet;
            return true;
        }
        let of_subnet = |other: &Relay| subnet.is_some() && other.subnet == subnet;
        let crowded = self.relays.values().filter(|other| of_subnet(other)).count() >= PER_SUBNET;
        if crowded || self.relays.len() >= CANDIDATES {
            let failed = self.relays.iter().filter(|(_, other)| !other.is_used() && other.failures > 0);
            let worst = failed.filter(|(_, other)| !crowded || of_subnet(other)).max_by_key(|(_, r)| r.failures);
            let Some((&worst, _)) = worst else { return false };
            self.relays.remove(&worst);
        }
        let state = State::Idle { retry: Time::default() };
        self.relays.insert(relay, Relay { subnet, rtt: None, failures: 0, state });
        true
    }

    /// A peer does not relay any more, or there is no address of it.
    pub fn withdrawn(&mut self, relay: &NodeId) {
        if self.relays.remove(relay).is_some_and(|known| known.is_used()) {
            self.ended.push(*relay);
        }
    }

    /// The smoothed round trip to a relay.
    pub fn measured(&mut self, relay: &NodeId, rtt: Duration) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.rtt = Some(rtt);
        }
    }

    /// A relay has reserved this node a place, or renewed that, for so long.
    pub fn accepted(&mut self, relay: &NodeId, term: Duration, now: Time) {
        let Some(relay) = self.relays.get_mut(relay) else { return };
        let since = match relay.state {
            State::Idle { .. } => return,
            State::Asked { .. } => now,
            State::Held { since, .. } => since,
        };
        let term = term.min(TERM);
        relay.state = State::Held { since, renew: now + term * 3 / 4, expires: now + term };
    }

    /// A relay has refused to reserve or to renew, could not be reached, or the reservation was lost with its connection.
    /// `draw`: any number, for the wait.
    pub fn failed(&mut self, relay: &NodeId, now: Time, draw: u64) {
        if let Some(relay) = self.relays.get_mut(relay)
            && relay.is_used()
        {
            relay.fail(now, draw);
        }
    }

    /// Whether this node is publicly reachable.
    pub fn set_public(&mut self, public: bool) {
        self.public = public;
    }

    /// This node's network has changed: reservations are reserved anew, and what was learnt of relays is void.
    pub fn network_changed(&mut self) {
        for (node, relay) in &mut self.relays {
            if relay.is_used() {
                self.ended.push(*node);
            }
            *relay = Relay { rtt: None, failures: 0, state: State::Idle { retry: Time::default() }, ..*relay };
        }
        self.changed = None;
    }

    /// What to do now. To be asked after whatever was said here, and at [`Relays::next`]. `draw`: any number, for the waits of
    /// those that did not answer.
    pub fn decide(&mut self, now: Time, draw: u64) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.ended.drain(..).map(|relay| Effect::Release { relay }).collect();
        self.end(now, draw, &mut effects);
        if self.public {
            self.release_all(now, &mut effects);
        } else {
            self.renew(now, &mut effects);
            self.fill(now, &mut effects);
            self.thin(now, &mut effects);
            self.draw_nearer(now, &mut effects);
        }
        effects
    }

    /// When [`Relays::decide`] may have something to do, if nothing is said before.
    #[must_use]
    pub fn next(&self, now: Time) -> Option<Time> {
        let at = |relay: &Relay| match relay.state {
            State::Idle { retry } => (retry > now && !self.public).then_some(retry),
            State::Asked { since } => Some(since + ANSWER),
            State::Held { renew, expires, .. } => Some(renew.min(expires)),
        };
        self.relays.values().filter_map(at).min()
    }

    /// The relays that this node has reservations at.
    pub fn held(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.relays.iter().filter(|(_, relay)| relay.is_held()).map(|(node, _)| *node)
    }

    /// Every relay that is known.
    pub fn all(&self) -> impl Iterator<Item = (NodeId, Relay)> + '_ {
        self.relays.iter().map(|(node, relay)| (*node, *relay))
    }

    /// Ends what has run out.
    fn end(&mut self, now: Time, draw: u64, effects: &mut Vec<Effect>) {
        for ((node, relay), n) in self.relays.iter_mut().zip(0..) {
            let ended = match relay.state {
                State::Idle { .. } => false,
                State::Asked { since } => now >= since + ANSWER,
                State::Held { expires, .. } => now >= expires,
            };
            if ended {
                relay.fail(now, draw.wrapping_add(n));
                effects.push(Effect::Release { relay: *node });
            }
        }
    }

    fn release_all(&mut self, now: Time, effects: &mut Vec<Effect>) {
        for (node, relay) in self.relays.iter_mut().filter(|(_, relay)| relay.is_used()) {
            relay.state = State::Idle { retry: now };
            effects.push(Effect::Release { relay: *node });
        }
    }

    fn renew(&mut self, now: Time, effects: &mut Vec<Effect>) {
        for (node, relay) in &mut self.relays {
            if let State::Held { renew, expires, .. } = &mut relay.state
                && *renew <= now
            {
                *renew = now + (expires.since(now) / 2).max(RENEWAL_GAP);
                effects.push(Effect::Renew { relay: *node });
            }
        }
    }

    /// The order in which relays of equal merit are taken, another one in each node.
    fn lot(&self, relay: &NodeId) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *relay.public_key();
        mix(self.seed ^ u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }
}
