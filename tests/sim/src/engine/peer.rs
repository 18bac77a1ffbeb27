//! Nodes and their ends of links.

use std::time::Duration;

use super::{
    network::Place,
    random::Random,
    time::{Monotonic, Time},
};

/// The number of a node, in the order in which nodes were spawned; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerIndex(pub u32);

impl PeerIndex {
    pub(crate) fn slot(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// One end of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) peer: PeerIndex,
    /// Both ends of one link carry the same number, and no other link does.
    pub(crate) link: u32,
    /// One-way delay in microseconds.
    pub(crate) one_way: u64,
    /// When the last reliable message sent from here arrives: a later one arrives after it.
    pub(crate) last_out: Time,
    /// Nothing comes in here before this time: what was cut off on its way is being sent again.
    pub(crate) held_in: Time,
}

/// What the engine knows of a node, beside its core.
pub(crate) struct Node {
    pub(crate) alive: bool,
    /// How often it has started.
    pub(crate) life: u32,
    /// Nodes on different islands cannot reach each other.
    pub(crate) island: u32,
    pub(crate) clock: Monotonic,
    pub(crate) place: Place,
    /// What its core draws from.
    pub(crate) random: Random,
    /// What decides on the fate of what it sends.
    pub(crate) weather: Random,
    /// When its core is to be woken; stale wake-ups are recognised by not being at this time.
    pub(crate) timer: Time,
    /// When everything that it has sent has left.
    sent: Time,
    /// Sorted by peer.
    ends: Vec<End>,
}

impl Node {
    pub(crate) fn new(clock: Monotonic, place: Place, random: Random, weather: Random) -> Self {
        Self {
            alive: true,
            life: 0,
            island: 0,
            clock,
            place,
            random,
            weather,
            timer: Time::NEVER,
            sent: Time::START,
            ends: Vec::new(),
        }
    }

    /// When a message of this size has left, on a line that carries so many bytes a second.
    pub(crate) fn departs(&mut self, now: Time, bytes: u32, uplink: Option<u64>) -> Time {
        let Some(rate) = uplink else { return now };
        let micros = u64::from(bytes) * 1_000_000 / rate.max(1);
        self.sent = self.sent.max(now) + Duration::from_micros(micros);
        self.sent
    }

    pub(crate) fn ends(&self) -> &[End] {
        &self.ends
    }

    pub(crate) fn end(&self, peer: PeerIndex) -> Option<&End> {
        let at = self.ends.binary_search_by_key(&peer, |end| end.peer).ok()?;
        self.ends.get(at)
    }

    pub(crate) fn end_mut(&mut self, peer: PeerIndex) -> Option<&mut End> {
        let at = self.ends.binary_search_by_key(&peer, |end| end.peer).ok()?;
        self.ends.get_mut(at)
    }

    /// Adds an end; the caller has seen to it that there is none to that peer.
    pub(crate) fn attach(&mut self, end: End) {
        if let Err(at) = self.ends.binary_search_by_key(&end.peer, |end| end.peer) {
            self.ends.insert(at, end);
        }
    }

    pub(crate) fn detach(&mut self, peer: PeerIndex) -> Option<End> {
        let at = self.ends.binary_search_by_key(&peer, |end| end.peer).ok()?;
        Some(self.ends.remove(at))
    }

    pub(crate) fn detach_all(&mut self) -> Vec<End> {
        std::mem::take(&mut self.ends)
    }
}
