//! The thing under test, and what it may do.

use super::{
    peer::PeerIndex,
    random::Random,
    time::Time,
    world::{Delivery, World},
};

/// A protocol machine: it is told what happened, and answers with effects on its [`Context`].
///
/// It must be deterministic: no clock but the context's, no random numbers but the context's, and no iteration over a
/// `HashMap` with the standard library's random keys.
pub trait Core: Sized {
    /// What cores send each other. It is cloned for every receiver and kept until it arrives: keep what is large in an
    /// `Arc`, and the whole within a few words.
    type Message: Clone;
    /// What survives the end of a process: the contents of its disk.
    type State;

    /// The node has started. It has no links yet.
    fn start(&mut self, ctx: &mut Context<'_, Self::Message>);

    /// A message has come in from a neighbour.
    fn handle(&mut self, from: PeerIndex, message: Self::Message, ctx: &mut Context<'_, Self::Message>);

    /// There is a link to `peer` now, whoever dialled.
    fn link_up(&mut self, peer: PeerIndex, ctx: &mut Context<'_, Self::Message>);

    /// The link to `peer` is gone, or could not be made. `failed` says that nobody closed it: the peer has vanished,
    /// cannot be reached, or does not answer. Also called, right afterwards, for a link that the core has closed itself,
    /// so that all of its parts hear of it.
    fn link_down(&mut self, peer: PeerIndex, failed: bool, ctx: &mut Context<'_, Self::Message>);

    /// The time given to [`Context::wake_at`] has come. The timer is off now.
    fn wake(&mut self, ctx: &mut Context<'_, Self::Message>);

    /// The node is being stopped: last words. Its links close when this returns.
    fn stop(&mut self, _ctx: &mut Context<'_, Self::Message>) {}

    /// What is on the node's disk at this moment. Asked for when it ends, however it ends.
    fn persist(&self) -> Self::State;
}

/// What a core sees of the world, and how it acts on it.
pub struct Context<'a, M> {
    pub(crate) world: &'a mut World<M>,
    pub(crate) me: PeerIndex,
}

impl<M> Context<'_, M> {
    /// Which node this is.
    #[must_use]
    pub fn me(&self) -> PeerIndex {
        self.me
    }

    /// This node's monotonic time. It starts at another value on every node and after every restart.
    #[must_use]
    pub fn now(&self) -> Time {
        self.world.local(self.me)
    }

    /// What this node takes for the time of day, in milliseconds since 1970.
    #[must_use]
    pub fn wall(&self) -> u64 {
        self.world.wall(self.me)
    }

    /// The simulation's own time, for measurements. No node can know it: what a core does must not depend on it.
    #[must_use]
    pub fn true_time(&self) -> Time {
        self.world.now
    }

    /// This node's random numbers: they depend on the seed and the node's index alone.
    pub fn random(&mut self) -> &mut Random {
        self.world.random(self.me)
    }

    /// A short number that stands for a long name, the same on every node. Numbers follow each other in the order in which
    /// names are first mentioned. On the wire the name is what counts: a message costs as much as if it were in it.
    pub fn number_of(&mut self, name: [u8; 20]) -> u32 {
        self.world.number_of(name)
    }

    /// The neighbours, in the order of their indices.
    pub fn links(&self) -> impl Iterator<Item = PeerIndex> {
        self.world.node(self.me).into_iter().flat_map(|node| node.ends()).map(|end| end.peer)
    }

    /// Whether there is a link to `peer`.
    #[must_use]
    pub fn is_linked(&self, peer: PeerIndex) -> bool {
        self.world.node(self.me).is_some_and(|node| node.end(peer).is_some())
    }

    /// Sends to a neighbour: it arrives once, in order, or the link breaks. `class` is what the traffic is booked
    /// under, `bytes` its size on the wire with all overhead. Nothing happens if there is no link.
    pub fn send(&mut self, to: PeerIndex, class: &'static str, bytes: u32, message: M) {
        self.world.send(self.me, to, Delivery::Reliable, class, bytes, message);
    }

    /// Sends to a neighbour in the same way or another.
    pub fn send_as(&mut self, delivery: Delivery, to: PeerIndex, class: &'static str, bytes: u32, message: M) {
        self.world.send(self.me, to, delivery, class, bytes, message);
    }

    /// Dials. `link_up` or `link_down` with `failed` will tell; nothing happens if there is a link already.
    pub fn connect(&mut self, peer: PeerIndex) {
        self.world.dial(self.me, peer);
    }

    /// Closes the link. What was sent before still arrives; what is on its way here does not.
    /// `link_down` is called once the core has returned.
    pub fn disconnect(&mut self, peer: PeerIndex) {
        self.world.close(self.me, peer);
    }

    /// Asks to be woken at this time of [`Self::now`]. There is one timer: the earliest request counts, and all are
    /// forgotten when it fires.
    pub fn wake_at(&mut self, time: Time) {
        self.world.wake_at(self.me, time);
    }
}
