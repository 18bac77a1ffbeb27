//! Lost calls that are not the peer's fault.
//!
//! A lost call is charged half a minute later, and only if it was not one of many: where several others were lost in the same
//! half minute, it is this node's own way to the network that is broken. A node that counted those once barred itself from three
//! thousand peers.

use std::collections::{BTreeSet, VecDeque};

use atoll_protocol::{identity::NodeId, service::UnixMillis};

use super::{OUTAGE, OUTAGE_LOSSES, OUTAGE_PEERS};

/// Losses that are not charged yet, and those that they are compared with.
#[derive(Debug, Clone, Default)]
pub struct Outage {
    /// In the order in which they came.
    losses: VecDeque<Loss>,
}

#[derive(Debug, Clone, Copy)]
struct Loss {
    peer: NodeId,
    at: UnixMillis,
    settled: bool,
}

impl Outage {
    /// A call to this peer was lost. At the limit the oldest loss is let go of, uncharged: so many at a time are an outage.
    pub fn lost(&mut self, peer: NodeId, at: UnixMillis) {
        if self.losses.len() >= OUTAGE_LOSSES {
            self.losses.pop_front();
        }
        self.losses.push_back(Loss { peer, at, settled: false });
    }

    /// The node's own link was down: nothing that was lost lately is charged to anybody.
    pub fn link_down(&mut self) {
        self.losses.clear();
    }

    /// The losses that are to be charged by now: who, and when it was.
    pub fn due(&mut self, now: UnixMillis) -> Vec<(NodeId, UnixMillis)> {
        let window = u64::try_from(OUTAGE.as_millis()).unwrap_or(u64::MAX);
        let mut charged = Vec::new();
        for index in 0..self.losses.len() {
            let Some(&loss) = self.losses.get(index) else { break };
            if loss.settled || now.0.saturating_sub(loss.at.0) < window {
                continue;
            }
            if self.others(&loss, window) < OUTAGE_PEERS {
                charged.push((loss.peer, loss.at));
            }
            if let Some(loss) = self.losses.get_mut(index) {
                loss.settled = true;
            }
        }
        while self.losses.front().is_some_and(|loss| loss.settled && now.0.saturating_sub(loss.at.0) > 2 * window) {
            self.losses.pop_front();
        }
        charged
    }

    /// How many other peers lost a call at about the same time.
    fn others(&self, loss: &Loss, window: u64) -> usize {
        let near = self.losses.iter().filter(|other| other.at.0.abs_diff(loss.at.0) <= window);
        near.map(|other| other.peer).filter(|peer| *peer != loss.peer).collect::<BTreeSet<_>>().len()
    }
}
