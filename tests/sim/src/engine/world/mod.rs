//! Everything but the cores: nodes, their links, what is under way, and the rules for it.
//!
//! A link has two ends, which learn of its end separately. A message belongs to a link, not to a pair of nodes: what
//! was sent on a link that its receiver has given up is never delivered, not even if the two have a new link.
//!
//! It never calls a core: that is the engine's part.

use std::collections::{BTreeMap, HashMap};

use super::{
    network::{Fate, Network, Place},
    peer::{End, Node, PeerIndex},
    queue::Queue,
    random::{Purpose, Random},
    time::{Clock, Monotonic, Time},
    trace::Trace,
    traffic::Traffic,
};

mod cut;
mod links;
mod visit;

pub(crate) use self::links::Dialled;

/// A node's monotonic clock starts below this many microseconds, 2³⁶ or 19 hours.
const CLOCK_BASE: u64 = 1 << 36;

/// What sending promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives once and in order, or the link breaks. Lost packets are sent again: loss is delay.
    Reliable,
    /// It arrives at most once, in any order. Lost packets are lost.
    Datagram,
    /// Over a connection that is made for it and given up afterwards, unless there is a link: no part of a core hears of the
    /// connection. It arrives if the other is there; whoever waits for an answer needs patience of its own.
    Visit,
    /// The answer to a visit.
    Return,
}

/// A message under way.
pub(crate) struct Parcel<M> {
    pub(crate) from: PeerIndex,
    pub(crate) to: PeerIndex,
    pub(crate) link: u32,
    bytes: u32,
    class: u16,
    delivery: Delivery,
    pub(crate) message: M,
}

/// What can happen.
pub(crate) enum Event<M> {
    /// A message reaches its receiver's machine.
    Arrives(Parcel<M>),
    /// A dial is through, if the other is there. `life` is the dialler's.
    Dialled { from: PeerIndex, to: PeerIndex, life: u32 },
    /// A dialler gives up.
    DialFailed { from: PeerIndex, to: PeerIndex, life: u32 },
    /// `at` has closed its link to `peer` itself, and all its parts are to know.
    Ended { at: PeerIndex, peer: PeerIndex, life: u32 },
    /// `at` hears that `peer` has closed the link.
    Closed { at: PeerIndex, peer: PeerIndex, link: u32 },
    /// `at` has heard nothing from `peer` for too long, if what began with this cut still lasts.
    Silent { at: PeerIndex, peer: PeerIndex, link: u32, cut: u32 },
    /// A node's timer.
    Wake { peer: PeerIndex },
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Handed to a core.
    pub delivered: u64,
    /// Datagrams that the network lost.
    pub lost: u64,
    /// Arrived where nobody was, or not on that link any more.
    pub undeliverable: u64,
    /// Sent by a core to a node that it has no link to.
    pub unsent: u64,
}

/// See the module.
pub(crate) struct World<M> {
    seed: u64,
    pub(crate) now: Time,
    pub(crate) queue: Queue<Event<M>>,
    pub(crate) network: Network,
    pub(crate) traffic: Traffic,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    nodes: Vec<Node>,
    /// Numbers of names. It is never iterated over.
    numbers: HashMap<[u8; 20], u32>,
    next_link: u32,
    /// The number of the latest change to the islands, and when that was.
    cut: u32,
    cut_at: Time,
    /// Whether there is more than one island.
    divided: bool,
    /// What is being sent again and again to the other side of a cut, by sender and receiver.
    parked: BTreeMap<(PeerIndex, PeerIndex), Vec<Parcel<M>>>,
}

impl<M> World<M> {
    pub(crate) fn new(seed: u64, network: Network) -> Self {
        Self {
            seed,
            now: Time::START,
            queue: Queue::new(),
            network,
            traffic: Traffic::default(),
            trace: Trace::new(seed),
            counts: Counts::default(),
            nodes: Vec::new(),
            numbers: HashMap::new(),
            next_link: 0,
            cut: 0,
            cut_at: Time::START,
            divided: false,
            parked: BTreeMap::new(),
        }
    }

    /// Adds a node that is alive.
    pub(crate) fn add(&mut self, clock: Clock) -> PeerIndex {
        let peer = PeerIndex(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let stream = |purpose| Random::new(self.seed, purpose, u64::from(peer.0));
        let mut place = stream(Purpose::Place);
        let base = Time::from_micros(place.below(CLOCK_BASE));
        let clock = Monotonic::new(clock, self.now, base);
        let node = Node::new(clock, Place::new(&mut place), stream(Purpose::Core), stream(Purpose::Weather));
        self.nodes.push(node);
        self.traffic.started(peer, self.now);
        peer
    }

    /// Lets a node that has ended live again, with another monotonic clock.
    pub(crate) fn revive(&mut self, peer: PeerIndex) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(peer.slot()) else { return };
        node.alive = true;
        node.life += 1;
        let base = Time::from_micros(node.weather.below(CLOCK_BASE));
        node.clock = node.clock.restarted(now, base);
        self.traffic.started(peer, now);
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, peer: PeerIndex) -> Option<&Node> {
        self.nodes.get(peer.slot())
    }

    pub(crate) fn is_alive(&self, peer: PeerIndex) -> bool {
        self.node(peer).is_some_and(|node| node.alive)
    }

    pub(crate) fn local(&self, peer: PeerIndex) -> Time {
        self.node(peer).map_or(self.now, |node| node.clock.local(self.now))
    }

    pub(crate) fn wall(&self, peer: PeerIndex) -> u64 {
        self.node(peer).map_or(0, |node| node.clock.wall(self.now))
    }

    #[allow(clippy::indexing_slicing, reason = "contexts exist only for nodes that exist, and nodes are never removed")]
    pub(crate) fn random(&mut self, peer: PeerIndex) -> &mut Random {
        &mut self.nodes[peer.slot()].random
    }

    /// The number of a name, which is the next free one if it is new.
    pub(crate) fn number_of(&mut self, name: [u8; 20]) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(name).or_insert(next)
    }

    pub(crate) fn wake_at(&mut self, peer: PeerIndex, local: Time) {
        let Some(node) = self.nodes.get_mut(peer.slot()) else { return };
        let time = node.clock.when(local).max(self.now);
        if time < node.timer {
            node.timer = time;
            self.queue.push(time, Event::Wake { peer });
        }
    }

    /// Whether a timer that has come is still wanted; it is off afterwards.
    pub(crate) fn timer_fires(&mut self, peer: PeerIndex) -> bool {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(peer.slot()) else { return false };
        let fires = node.alive && node.timer == now;
        if fires {
            node.timer = Time::NEVER;
            self.trace.record(now, 5, u64::from(peer.0), 0);
        }
        fires
    }

    pub(crate) fn send(
        &mut self,
        from: PeerIndex,
        to: PeerIndex,
        delivery: Delivery,
        class: &'static str,
        bytes: u32,
        message: M,
    ) {
        if matches!(delivery, Delivery::Visit | Delivery::Return) {
            return self.visit(from, to, delivery, class, bytes, message);
        }
        let Some(node) = self.nodes.get_mut(from.slot()) else { return };
        let Some(&End { link, one_way, last_out, .. }) = node.end(to) else {
            self.counts.unsent += 1;
            return;
        };
        let class = self.traffic.class(class);
        self.traffic.sent(from, class, bytes);
        let departs = node.departs(self.now, bytes, self.network.uplink);
        let arrives = match delivery {
            Delivery::Reliable | Delivery::Visit | Delivery::Return => {
                let delay = self.network.reliable(one_way, bytes, &mut node.weather);
                let arrives = later(departs, delay).max(later(last_out, 1));
                if let Some(end) = node.end_mut(to) {
                    end.last_out = arrives;
                }
                arrives
            }
            Delivery::Datagram => match self.network.datagram(one_way, bytes, &mut node.weather) {
                Fate::Arrives(delay) => later(departs, delay),
                Fate::Lost => {
                    self.counts.lost += 1;
                    return;
                }
            },
        };
        self.queue.push(arrives, Event::Arrives(Parcel { from, to, link, bytes, class, delivery, message }));
    }

    /// What has arrived, if there is somebody to take it.
    pub(crate) fn arrived(&mut self, parcel: Parcel<M>) -> Option<Parcel<M>> {
        let Parcel { from, to, link, bytes, class, .. } = parcel;
        self.trace.record(self.now, 0, pair(from, to), u64::from(bytes) << 16 | u64::from(class));
        if matches!(parcel.delivery, Delivery::Visit | Delivery::Return) {
            return self.visited(parcel);
        }
        let end = self.node(to).and_then(|node| node.end(from)).filter(|end| end.link == link);
        let Some(end) = end.copied() else {
            self.counts.undeliverable += 1;
            return None;
        };
        if self.is_cut(from, to) {
            match parcel.delivery {
                Delivery::Datagram => self.counts.lost += 1,
                _ => self.parked.entry((from, to)).or_default().push(parcel),
            }
            return None;
        }
        if parcel.delivery == Delivery::Reliable && end.held_in > self.now {
            self.queue.push(end.held_in, Event::Arrives(parcel));
            return None;
        }
        self.counts.delivered += 1;
        self.traffic.received(to, class, bytes);
        Some(parcel)
    }
}

fn later(time: Time, micros: u64) -> Time {
    Time::from_micros(time.micros().saturating_add(micros))
}

fn pair(a: PeerIndex, b: PeerIndex) -> u64 {
    u64::from(a.0) << 32 | u64::from(b.0)
}
