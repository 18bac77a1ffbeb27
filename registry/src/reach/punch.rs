//! When to try for a direct path to a peer that is reached through a relay.
//!
//! A hole punch costs some packets at three machines and may fail for a reason that passes: a lost packet, candidates that
//! were out of date, a NAT under load. So it is tried again, as long as it would be of use:
//!
//! - **at once** when the first relayed connection to a peer is there;
//! - after a failure again **while relayed traffic flows**, first after [`FIRST`], then twice as long each time, up to [`LONGEST`],
//!   give or take a quarter so that peers do not fall into step. A peer with which nothing is exchanged needs no better path;
//! - **afresh** after this node's network has changed, and when a direct connection was lost.
//!
//! Where the two NATs leave no hope it is tried all the same, every [`LONGEST`] while traffic flows: what is known of NATs is a
//! guess, boxes are replaced, and an attempt costs less than a page that is relayed.
//!
//! An attempt of which nothing is heard for [`LIMIT`] has failed. Success is a direct connection, by whatever way it came, and
//! nothing else: what the protocols report of themselves is not relied upon.
//!
//! At most [`PEERS`] peers are remembered, those with traffic rather than others, and [`AT_ONCE`] attempts are under way at a time.

mod counts;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::identity::NodeId;

pub use self::counts::{Counts, Failure};
use crate::time::Time;

/// The first wait after a failure.
pub const FIRST: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
pub const LONGEST: Duration = Duration::from_secs(5 * 60);
/// So long after the last byte relayed traffic still counts as flowing: a caller that thinks between two calls is not idle.
pub const FLOWING: Duration = Duration::from_secs(10);
/// How long an attempt may take: three rounds of the protocol with a dial each, on a slow line.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Peers that are remembered.
pub const PEERS: usize = 1024;
/// Attempts under way at a time.
pub const AT_ONCE: usize = 16;

/// How it stands with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Attempts since it was begun afresh.
    pub attempts: u32,
    /// Why the last attempt failed, and when.
    pub failed: Option<(Failure, Time)>,
    /// Whether an attempt is under way.
    pub under_way: bool,
}

/// See the [module docs](self).
#[derive(Debug, Clone, Default)]
pub struct Punches {
    /// The peers that are reached through a relay and not directly.
    peers: BTreeMap<NodeId, Peer>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Peer {
    /// Attempts since it was begun afresh.
    attempts: u32,
    failed: Option<(Failure, Time)>,
    state: State,
    /// The last relayed traffic.
    traffic: Time,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// To be tried from then on. `anyhow`: traffic or not.
    Waiting {
        until: Time,
        anyhow: bool,
    },
    UnderWay {
        since: Time,
    },
}

impl State {
    const fn at_once(now: Time) -> Self {
        Self::Waiting { until: now, anyhow: true }
    }
}

impl Punches {
    /// Nobody is reached through a relay.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// There is a relayed connection to a peer and no direct one: either it is new, or the direct one was lost. Said again
    /// of a peer that is known, it changes nothing.
    pub fn relayed(&mut self, peer: NodeId, now: Time) {
        if self.peers.contains_key(&peer) {
            return;
        }
        self.make_room();
        let state = State::at_once(now);
        self.peers.insert(peer, Peer { attempts: 0, failed: None, state, traffic: now });
    }

    /// There is a direct connection to a peer. If an attempt was under way, it has succeeded; returns whether one was.
    pub fn direct(&mut self, peer: &NodeId) -> bool {
        let under_way = self.peers.remove(peer).is_some_and(|peer| peer.is_under_way());
        if under_way {
            self.counts.succeeded = self.counts.succeeded.saturating_add(1);
        }
        under_way
    }

    /// The last relayed connection to a peer is gone, and there is no direct one.
    pub fn gone(&mut self, peer: &NodeId) {
        if self.peers.remove(peer).is_some_and(|peer| peer.is_under_way()) {
            self.counts.fail(Failure::RelayLost);
        }
    }

    /// Calls or streams were carried for a peer through a relay.
    pub fn traffic(&mut self, peer: &NodeId, now: Time) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.traffic = peer.traffic.max(now);
        }
    }

    /// This node's network has changed: what was learnt in the old one is void.
    pub fn network_changed(&mut self, now: Time) {
        for peer in self.peers.values_mut() {
            peer.afresh(now);
        }
    }

    /// An attempt has failed. `draw`: any number, for the wait.
    pub fn failed(&mut self, peer: &NodeId, why: Failure, now: Time, draw: u64) {
        if let Some(peer) = self.peers.get_mut(peer)
            && peer.is_under_way()
        {
            self.counts.fail(why);
            peer.fail(why, now, draw);
        }
    }

    /// The peers to try now; each is then under way, until a direct connection, a failure, or the end of its time. `draw`:
    /// any number, for the waits of those whose time has ended.
    pub fn due(&mut self, now: Time, draw: u64) -> Vec<NodeId> {
        self.give_up(now, draw);
        let mut room = AT_ONCE.saturating_sub(self.peers.values().filter(|peer| peer.is_under_way()).count());
        let mut due = Vec::new();
        for (node, peer) in &mut self.peers {
            if room > 0 && peer.due().is_some_and(|at| at <= now) && peer.wants(now) {
                peer.attempts = peer.attempts.saturating_add(1);
                peer.state = State::UnderWay { since: now };
                self.counts.tried = self.counts.tried.saturating_add(1);
                due.push(*node);
                room -= 1;
            }
        }
        due
    }

    /// When [`Punches::due`] has something to do; `None` until something is said here again. May be in the past, when as
    /// many attempts are under way as may be.
    #[must_use]
    pub fn next(&self, now: Time) -> Option<Time> {
        let at = |peer: &Peer| match peer.state {
            State::UnderWay { since } => Some(since + LIMIT),
            State::Waiting { until, .. } => peer.wants(now.max(until)).then_some(until),
        };
        self.peers.values().filter_map(at).min()
    }

    /// What was tried, and what came of it.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The peers that are reached through a relay, and how it stands with each.
    pub fn all(&self) -> impl Iterator<Item = (NodeId, Standing)> + '_ {
        self.peers.iter().map(|(node, peer)| {
            let Peer { attempts, failed, .. } = *peer;
            (*node, Standing { attempts, failed, under_way: peer.is_under_way() })
        })
    }

    fn give_up(&mut self, now: Time, draw: u64) {
        for (peer, n) in self.peers.values_mut().zip(0..) {
            if matches!(peer.state, State::UnderWay { since } if now >= since + LIMIT) {
                self.counts.fail(Failure::Silent);
                peer.fail(Failure::Silent, now, draw.wrapping_add(n));
            }
        }
    }

    /// Forgets the peer without traffic for the longest time, one that is not being tried if there is any.
    fn make_room(&mut self) {
        while self.peers.len() >= PEERS
            && let Some((&idle, _)) = self.peers.iter().min_by_key(|(_, peer)| (peer.is_under_way(), peer.traffic))
        {
            self.gone(&idle);
        }
    }
}

impl Peer {
    const fn is_under_way(&self) -> bool {
        matches!(self.state, State::UnderWay { .. })
    }

    const fn due(&self) -> Option<Time> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            State::UnderWay { .. } => None,
        }
    }

    /// Whether a direct path would be of use.
    fn wants(&self, now: Time) -> bool {
        matches!(self.state, State::Waiting { anyhow: true, .. }) || now.since(self.traffic) < FLOWING
    }

    fn afresh(&mut self, now: Time) {
        self.attempts = 0;
        if !self.is_under_way() {
            self.state = State::at_once(now);
        }
    }

    fn fail(&mut self, why: Failure, now: Time, draw: u64) {
        self.failed = Some((why, now));
        // `attempts` is nought if it was begun afresh meanwhile: then soon.
        let wait = super::doubled(FIRST, self.attempts.saturating_sub(1), LONGEST);
        self.state = State::Waiting { until: now + super::jittered(wait, draw), anyhow: false };
    }
}
