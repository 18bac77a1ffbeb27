//! The discrete-event loop: many cores, one queue, virtual time.
//!
//! ```text
//!  scenario ── spawn, crash, divide, with ──►┌────────┐  start, handle, link_up, …  ┌──────┐
//!                                            │ Engine │────────────────────────────►│ Core │ × n
//!  ┌───────┐  next event, now := its time    │        │◄────────────────────────────│      │
//!  │ Queue │────────────────────────────────►└────────┘   send, connect, wake_at    └──────┘
//!  └───────┘                                      │
//!      ▲      message + distance + loss ┌───────┐ │
//!      └────────────────────────────────│ World │◄┘
//!                                       └───────┘
//! ```
//!
//! Time stands still while a core works and jumps to the next event afterwards. Everything that is decided at random
//! comes from streams that belong to one node each and are derived from the seed: the same seed gives the same run, and
//! a node more does not change what the others draw.
//!
//! It never opens a socket, reads a clock or the environment, or starts a thread.

use std::time::Duration;

pub use self::{
    core::{Context, Core},
    network::{Distance, Network},
    peer::PeerIndex,
    progress::Progress,
    random::Random,
    time::{Clock, EPOCH, Time},
    traffic::{Direction, Traffic, Volume},
    world::{Counts, Delivery},
};
use self::{
    random::Purpose,
    world::{Dialled, Event, World},
};

mod core;
mod network;
mod peer;
mod progress;
mod queue;
mod random;
#[cfg(test)]
mod tests;
mod time;
mod trace;
mod traffic;
mod world;

/// Cores in a network.
pub struct Engine<C: Core> {
    world: World<C::Message>,
    /// By index; none where the node has ended.
    cores: Vec<Option<C>>,
    /// What was on the disks of nodes that have ended.
    disks: Vec<Option<C::State>>,
    random: Random,
    progress: Progress,
}

impl<C: Core> Engine<C> {
    /// An empty network at the beginning of time.
    #[must_use]
    pub fn new(seed: u64, network: Network) -> Self {
        Self {
            world: World::new(seed, network),
            cores: Vec::new(),
            disks: Vec::new(),
            random: Random::new(seed, Purpose::Scenario, 0),
            progress: Progress::of_this_thread(),
        }
    }

    /// Starts a new node with what `make` gives for its index.
    pub fn spawn(&mut self, clock: Clock, make: impl FnOnce(PeerIndex) -> C) -> PeerIndex {
        let peer = self.world.add(clock);
        self.cores.push(Some(make(peer)));
        self.disks.push(None);
        self.with(peer, |core, ctx| core.start(ctx));
        peer
    }

    /// Starts a node that has ended again, with what `make` makes of its disk. False if it has not ended.
    pub fn restart(&mut self, peer: PeerIndex, make: impl FnOnce(C::State) -> C) -> bool {
        let Some(state) = self.disks.get_mut(peer.slot()).and_then(Option::take) else { return false };
        self.world.revive(peer);
        if let Some(core) = self.cores.get_mut(peer.slot()) {
            *core = Some(make(state));
        }
        self.with(peer, |core, ctx| core.start(ctx));
        true
    }

    /// Ends a node without a word: its neighbours notice by its silence. False if it has ended already.
    pub fn crash(&mut self, peer: PeerIndex) -> bool {
        let ended = self.end(peer);
        if ended {
            self.world.vanish(peer);
        }
        ended
    }

    /// Ends a node in order: it may say last words, then its links close. False if it has ended already.
    pub fn leave(&mut self, peer: PeerIndex) -> bool {
        self.with(peer, |core, ctx| core.stop(ctx));
        let ended = self.end(peer);
        if ended {
            self.world.leave(peer);
        }
        ended
    }

    fn end(&mut self, peer: PeerIndex) -> bool {
        let Some(core) = self.cores.get_mut(peer.slot()).and_then(Option::take) else { return false };
        if let Some(disk) = self.disks.get_mut(peer.slot()) {
            *disk = Some(core.persist());
        }
        true
    }

    /// Lets the scenario act on a node, as its user would. None if it has ended.
    pub fn with<R>(
        &mut self,
        peer: PeerIndex,
        act: impl FnOnce(&mut C, &mut Context<'_, C::Message>) -> R,
    ) -> Option<R> {
        let core = self.cores.get_mut(peer.slot())?.as_mut()?;
        Some(act(core, &mut Context { world: &mut self.world, me: peer }))
    }

    /// Cuts the network: nothing passes between nodes for which `island` gives different numbers. Nodes spawned later
    /// are on island 0.
    pub fn divide(&mut self, island: impl Fn(PeerIndex) -> u32) {
        self.world.divide(island);
    }

    /// Puts a node that was just spawned into a divided network on an island.
    pub fn place_on(&mut self, peer: PeerIndex, island: u32) {
        self.world.place_on(peer, island);
    }

    /// Ends every partition.
    pub fn heal(&mut self) {
        self.world.divide(|_| 0);
    }

    /// Changes the probability that a packet is lost.
    pub fn set_loss(&mut self, loss: f64) {
        self.world.network.loss = loss;
    }

    /// Runs until `time`, which it then is.
    pub fn run_until(&mut self, time: Time) {
        while let Some((now, event)) = self.world.queue.pop_until(time) {
            self.world.now = self.world.now.max(now);
            self.progress.reached(self.world.now);
            self.happen(event);
        }
        self.world.now = self.world.now.max(time);
    }

    /// Runs for so long.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now() + duration);
    }

    /// Runs until `done`, which is asked every `step`; at most for `limit`. Says how long it took, or none.
    pub fn run_until_done(
        &mut self,
        limit: Duration,
        step: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let began = self.now();
        loop {
            if done(self) {
                return Some(self.now().since(began));
            }
            if self.now() >= began + limit {
                return None;
            }
            self.run_for(step.max(Duration::from_micros(1)));
        }
    }

    fn happen(&mut self, event: Event<C::Message>) {
        match event {
            Event::Arrives(parcel) => {
                if let Some(parcel) = self.world.arrived(parcel) {
                    self.with(parcel.to, |core, ctx| core.handle(parcel.from, parcel.message, ctx));
                }
            }
            Event::Wake { peer } => {
                if self.world.timer_fires(peer) {
                    self.with(peer, |core, ctx| core.wake(ctx));
                }
            }
            Event::Dialled { from, to, life } => {
                if let Dialled::Linked(here, there) = self.world.dialled(from, to, life) {
                    self.linked(from, to, here);
                    self.linked(to, from, there);
                }
            }
            Event::DialFailed { from, to, life } => {
                if self.world.dial_failed(from, to, life) {
                    self.unlinked(from, to, true);
                }
            }
            Event::Ended { at, peer, life } => {
                if self.world.ended(at, peer, life) {
                    self.unlinked(at, peer, false);
                }
            }
            Event::Closed { at, peer, link } => {
                if self.world.closed(at, peer, link) {
                    self.unlinked(at, peer, false);
                }
            }
            Event::Silent { at, peer, link, cut } => {
                if self.world.silent(at, peer, link, cut) {
                    self.unlinked(at, peer, true);
                }
            }
        }
    }

    fn linked(&mut self, at: PeerIndex, peer: PeerIndex, instead: bool) {
        if instead {
            self.unlinked(at, peer, true);
        }
        self.with(at, |core, ctx| core.link_up(peer, ctx));
    }

    fn unlinked(&mut self, at: PeerIndex, peer: PeerIndex, failed: bool) {
        self.with(at, |core, ctx| core.link_down(peer, failed, ctx));
    }
}

/// Looking on.
impl<C: Core> Engine<C> {
    /// Virtual time since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        self.world.now
    }

    /// A node's core, while it is alive.
    #[must_use]
    pub fn core(&self, peer: PeerIndex) -> Option<&C> {
        self.cores.get(peer.slot())?.as_ref()
    }

    /// All nodes that are alive, in the order of their indices.
    pub fn cores(&self) -> impl Iterator<Item = (PeerIndex, &C)> {
        (0..).map(PeerIndex).zip(&self.cores).filter_map(|(peer, core)| Some((peer, core.as_ref()?)))
    }

    /// How many nodes there have ever been: the index of the next one.
    #[must_use]
    pub fn spawned(&self) -> usize {
        self.world.len()
    }

    /// The neighbours of a node.
    pub fn links(&self, peer: PeerIndex) -> impl Iterator<Item = PeerIndex> {
        self.world.node(peer).into_iter().flat_map(|node| node.ends()).map(|end| end.peer)
    }

    /// The one-way delay of a link, before jitter; none if there is none.
    #[must_use]
    pub fn one_way(&self, at: PeerIndex, peer: PeerIndex) -> Option<Duration> {
        Some(Duration::from_micros(self.world.node(at)?.end(peer)?.one_way))
    }

    /// A node's own monotonic time; none if it has ended.
    #[must_use]
    pub fn local(&self, peer: PeerIndex) -> Option<Time> {
        self.core(peer).map(|_| self.world.local(peer))
    }

    /// The scenario's own random numbers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// All traffic so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.world.traffic.snapshot(self.world.now)
    }

    /// What became of messages so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.world.counts
    }

    /// A hash of everything that has happened.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.world.trace.digest()
    }

    /// How many events have happened.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.world.trace.events()
    }
}
