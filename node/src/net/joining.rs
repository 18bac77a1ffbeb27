//! Finding the first neighbours: whom to dial, in which order, how often. Pure: the driver dials and tells the time.
//!
//! Peers remembered from the last run come first, since they cost the bootstrap nodes nothing; the configured
//! addresses follow half a second later if nobody has answered. As long as there is no neighbour at all, both are
//! tried again with a growing pause. Peers found on the local network are dialled by the driver as they show up.

use std::time::Duration;

use atoll_protocol::identity::NodeId;
use libp2p::Multiaddr;

#[cfg(test)]
mod tests;

/// How long remembered peers have before the bootstrap nodes are asked.
const HEAD_START: Duration = Duration::from_millis(500);
/// First and longest pause between rounds.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long to listen for neighbours on the LAN before calling oneself alone.
const LAN_PATIENCE: Duration = Duration::from_secs(2);

/// Someone to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) peer: Option<NodeId>,
    pub(super) addresses: Vec<Multiaddr>,
    /// The configured address, the first where there are several, if that is what it is.
    pub(super) configured: Option<Multiaddr>,
}

/// What a round brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) dial: Vec<Target>,
    /// There is nobody to dial, and there was time to find somebody: say so.
    pub(super) alone: bool,
    /// When to ask again.
    pub(super) again: Duration,
}

#[derive(Debug)]
pub(super) struct Joining {
    remembered: Vec<Target>,
    configured: Vec<Target>,
    looks_at_lan: bool,
    rounds: u32,
    said_alone: bool,
}

impl Joining {
    pub(super) fn new(
        remembered: Vec<(NodeId, Vec<Multiaddr>)>,
        configured: Vec<Multiaddr>,
        looks_at_lan: bool,
    ) -> Self {
        let remembered = remembered
            .into_iter()
            .map(|(peer, addresses)| Target { peer: Some(peer), addresses, configured: None })
            .collect();
        let mut targets: Vec<Target> = Vec::new();
        for address in configured {
            let (bare, peer) = super::addresses::split_peer(&address);
            // One dial for all addresses of a peer: a second one is not made while the first is under way, and a peer
            // whose first address leads nowhere would never be tried at its others.
            match targets.iter_mut().find(|t| peer.is_some() && t.peer == peer) {
                Some(target) => target.addresses.push(bare),
                None => targets.push(Target { peer, addresses: vec![bare], configured: Some(address) }),
            }
        }
        Self { remembered, configured: targets, looks_at_lan, rounds: 0, said_alone: false }
    }

    /// The next round, to be called at the start, whenever `again` has passed, and when the last neighbour is lost.
    /// Being `connected` stops the dialling, and resets the pause for when it ends.
    pub(super) fn round(&mut self, connected: usize) -> Round {
        if connected > 0 {
            self.rounds = 1;
            return Round { again: LONGEST_PAUSE, ..Round::default() };
        }
        let round = self.rounds;
        self.rounds = round.saturating_add(1);
        if round == 0 && !self.remembered.is_empty() {
            return Round { dial: self.remembered.clone(), again: HEAD_START, ..Round::default() };
        }
        let mut dial = self.configured.clone();
        if round > 0 {
            dial.extend(self.remembered.iter().cloned());
        }
        let nobody = dial.is_empty();
        if nobody && round == 0 && self.looks_at_lan {
            return Round { again: LAN_PATIENCE, ..Round::default() };
        }
        let alone = nobody && !self.said_alone;
        self.said_alone |= alone;
        let again = FIRST_PAUSE.saturating_mul(1 << round.min(6)).min(LONGEST_PAUSE);
        Round { dial, alone, again }
    }
}
