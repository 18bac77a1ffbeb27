//! How links come and go.

use super::{Event, World, later, pair};
use crate::engine::{
    peer::{End, PeerIndex},
    time::Time,
};

/// One-way delays until a dial is through: a handshake, and saying who one is.
pub(super) const DIAL_LEGS: u32 = 4;
/// The size of what a handshake sends; it is not booked.
const HANDSHAKE: u32 = 1_200;

/// What came of a dial.
pub(crate) enum Dialled {
    /// There is a new link. The flags say whose old end of an earlier link is gone with that: the dialler's, and that
    /// of the node dialled.
    Linked(bool, bool),
    /// Nothing anybody needs to hear now.
    Nothing,
}

impl<M> World<M> {
    pub(crate) fn dial(&mut self, from: PeerIndex, to: PeerIndex) {
        if from == to || self.node(from).is_none_or(|node| node.end(to).is_some()) {
            return;
        }
        let one_way = self.one_way(from, to);
        let Some(node) = self.nodes.get_mut(from.slot()) else { return };
        let legs = (0..DIAL_LEGS).map(|_| self.network.reliable(one_way, HANDSHAKE, &mut node.weather));
        let delay = legs.sum();
        let life = node.life;
        self.queue.push(later(self.now, delay), Event::Dialled { from, to, life });
    }

    pub(crate) fn dialled(&mut self, from: PeerIndex, to: PeerIndex, life: u32) -> Dialled {
        self.trace.record(self.now, 1, pair(from, to), u64::from(life));
        if !self.is_life(from, life) {
            return Dialled::Nothing;
        }
        if !self.is_alive(to) || self.is_cut(from, to) {
            self.queue.push(self.now + self.network.dial_timeout, Event::DialFailed { from, to, life });
            return Dialled::Nothing;
        }
        let link_of = |at: PeerIndex, peer| self.node(at).and_then(|node| node.end(peer)).map(|end| end.link);
        let (here, there) = (link_of(from, to), link_of(to, from));
        if here.is_some() && here == there {
            // The other has dialled at the same time and was quicker.
            return Dialled::Nothing;
        }
        let link = self.next_link;
        self.next_link = self.next_link.wrapping_add(1);
        let one_way = self.one_way(from, to);
        for (at, peer) in [(from, to), (to, from)] {
            if let Some(node) = self.nodes.get_mut(at.slot()) {
                node.detach(peer);
                node.attach(End { peer, link, one_way, last_out: self.now, held_in: Time::START });
            }
        }
        Dialled::Linked(here.is_some(), there.is_some())
    }

    /// Whether the dialler is still there to hear that nobody answered.
    pub(crate) fn dial_failed(&mut self, from: PeerIndex, to: PeerIndex, life: u32) -> bool {
        self.trace.record(self.now, 2, pair(from, to), u64::from(life));
        self.is_life(from, life) && self.node(from).is_some_and(|node| node.end(to).is_none())
    }

    pub(crate) fn close(&mut self, at: PeerIndex, peer: PeerIndex) {
        let Some(node) = self.nodes.get_mut(at.slot()) else { return };
        let Some(end) = node.detach(peer) else { return };
        self.queue.push(self.now, Event::Ended { at, peer, life: node.life });
        self.say_closed(at, end);
    }

    /// Whether the node that has closed a link is still there to be told.
    pub(crate) fn ended(&mut self, at: PeerIndex, peer: PeerIndex, life: u32) -> bool {
        self.trace.record(self.now, 6, pair(at, peer), u64::from(life));
        self.is_life(at, life) && self.node(at).is_some_and(|node| node.end(peer).is_none())
    }

    /// Tells the other end, after all that was sent before.
    fn say_closed(&mut self, at: PeerIndex, end: End) {
        let Some(node) = self.nodes.get_mut(at.slot()) else { return };
        let delay = self.network.reliable(end.one_way, 1, &mut node.weather);
        let arrives = later(self.now, delay).max(later(end.last_out, 1));
        self.queue.push(arrives, Event::Closed { at: end.peer, peer: at, link: end.link });
    }

    /// Whether `at` has lost its link by this.
    pub(crate) fn closed(&mut self, at: PeerIndex, peer: PeerIndex, link: u32) -> bool {
        self.trace.record(self.now, 3, pair(at, peer), u64::from(link));
        let Some(end) = self.end_of(at, peer, link) else { return false };
        if self.is_cut(at, peer) {
            // It will notice by the silence.
            return false;
        }
        if end.held_in > self.now {
            self.queue.push(end.held_in, Event::Closed { at, peer, link });
            return false;
        }
        self.nodes.get_mut(at.slot()).and_then(|node| node.detach(peer)).is_some()
    }

    /// Whether `at` has lost its link by this.
    pub(crate) fn silent(&mut self, at: PeerIndex, peer: PeerIndex, link: u32, cut: u32) -> bool {
        self.trace.record(self.now, 4, pair(at, peer), u64::from(link));
        if self.end_of(at, peer, link).is_none() {
            return false;
        }
        let other = self.end_of(peer, at, link).is_some();
        let same_cut = cut == self.cut && self.is_cut(at, peer);
        if other && !same_cut {
            return false;
        }
        self.parked.remove(&(peer, at));
        self.nodes.get_mut(at.slot()).and_then(|node| node.detach(peer)).is_some()
    }

    /// Ends a node's life in order: its neighbours hear of it at once.
    pub(crate) fn leave(&mut self, peer: PeerIndex) {
        for end in self.end_life(peer) {
            self.say_closed(peer, end);
        }
    }

    /// Ends a node's life: its neighbours hear nothing more.
    pub(crate) fn vanish(&mut self, peer: PeerIndex) {
        for end in self.end_life(peer) {
            self.falls_silent(end.peer, peer, end.link);
        }
    }

    fn end_life(&mut self, peer: PeerIndex) -> Vec<End> {
        self.traffic.ended(peer, self.now);
        let Some(node) = self.nodes.get_mut(peer.slot()) else { return Vec::new() };
        node.alive = false;
        node.timer = Time::NEVER;
        node.detach_all()
    }

    /// From now on `at` hears nothing from `peer`.
    pub(super) fn falls_silent(&mut self, at: PeerIndex, peer: PeerIndex, link: u32) {
        let Some(node) = self.nodes.get_mut(at.slot()) else { return };
        let noticed = self.now + node.weather.within(&self.network.detection);
        self.queue.push(noticed, Event::Silent { at, peer, link, cut: self.cut });
    }

    pub(super) fn end_of(&self, at: PeerIndex, peer: PeerIndex, link: u32) -> Option<End> {
        self.node(at)?.end(peer).filter(|end| end.link == link).copied()
    }

    fn is_life(&self, peer: PeerIndex, life: u32) -> bool {
        self.node(peer).is_some_and(|node| node.alive && node.life == life)
    }

    pub(super) fn one_way(&self, a: PeerIndex, b: PeerIndex) -> u64 {
        match (self.node(a), self.node(b)) {
            (Some(at), Some(bt)) => self.network.one_way((a, at.place), (b, bt.place)),
            _ => 0,
        }
    }
}
