//! Partitions: nodes on different islands cannot reach each other.
//!
//! A link across a cut breaks when its ends notice the silence. If the cut heals before that, what was sent meanwhile
//! arrives after all, as the probes of a reliable transport get through again.

use std::mem;

use super::{Event, World, later};
use crate::engine::peer::PeerIndex;

impl<M> World<M> {
    pub(crate) fn is_cut(&self, a: PeerIndex, b: PeerIndex) -> bool {
        // Asked for every message, and nearly never so: spares a look at the sender.
        self.divided && self.island(a) != self.island(b)
    }

    fn island(&self, peer: PeerIndex) -> Option<u32> {
        self.node(peer).map(|node| node.island)
    }

    /// Puts one node on an island, without a word about its links.
    pub(crate) fn place_on(&mut self, peer: PeerIndex, island: u32) {
        if let Some(node) = self.nodes.get_mut(peer.slot()) {
            node.island = island;
            self.divided = true;
        }
    }

    /// Puts every node on the island of this number.
    pub(crate) fn divide(&mut self, island: impl Fn(PeerIndex) -> u32) {
        let outage = self.now.micros().saturating_sub(self.cut_at.micros());
        self.cut = self.cut.wrapping_add(1);
        self.cut_at = self.now;
        for (index, node) in (0..).zip(&mut self.nodes) {
            node.island = island(PeerIndex(index));
        }
        let first = self.island(PeerIndex(0));
        self.divided = self.nodes.iter().any(|node| Some(node.island) != first);
        for index in (0..).map(PeerIndex).take(self.nodes.len()) {
            let ends: Vec<_> = self.node(index).into_iter().flat_map(|node| node.ends()).copied().collect();
            for end in ends {
                if self.is_cut(index, end.peer) {
                    self.falls_silent(index, end.peer, end.link);
                }
            }
        }
        self.release(outage);
    }

    /// Sends on what was held back by a cut that is no more and has lasted for `outage` microseconds.
    fn release(&mut self, outage: u64) {
        for ((from, to), parcels) in mem::take(&mut self.parked) {
            if self.is_cut(from, to) {
                self.parked.insert((from, to), parcels);
                continue;
            }
            let Some(link) = parcels.first().map(|parcel| parcel.link) else { continue };
            let both = self.end_of(from, to, link).is_some() && self.end_of(to, from, link).is_some();
            let Some(sender) = self.nodes.get_mut(from.slot()) else { continue };
            // Probes are sent after ever doubled times: the next one goes out within as long as the silence has lasted.
            let wait = sender.weather.below(outage.saturating_add(1));
            let Some(end) = sender.end_mut(to).filter(|_| both) else { continue };
            let arrives = later(self.now, wait + end.one_way);
            end.last_out = end.last_out.max(arrives);
            if let Some(end) = self.nodes.get_mut(to.slot()).and_then(|node| node.end_mut(from)) {
                end.held_in = arrives;
            }
            for parcel in parcels {
                self.queue.push(arrives, Event::Arrives(parcel));
            }
        }
    }
}
