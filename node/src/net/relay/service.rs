//! What the parts of the relay service share, and its handle from outside.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atoll_protocol::identity::NodeId;
use atoll_registry::{
    peers::Subnet,
    reach::capacity::{Capacity, CircuitId, RelayLimits},
    time::Time,
};
use libp2p::{Multiaddr, swarm::ConnectionId};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    ADDRESSES,
    figures::{Figures, Refusal},
};
use crate::net::{addresses::is_circuit, streams::Substream, with_peer};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// A reservation holds, unless it is renewed.
    pub(super) reservation: Duration,
    /// A peer says what it wants on a hop substream.
    pub(super) request: Duration,
    /// A target accepts a circuit on one of its connections. Two are tried, and sources wait for about ten seconds.
    pub(super) stop: Duration,
    /// A peer lets an answer be written.
    pub(super) answer: Duration,
    /// A circuit has no byte to pass on. Connections inside circuits ping each other every few seconds.
    pub(super) idle: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            reservation: seconds(60 * 60),
            request: seconds(10),
            stop: seconds(4),
            answer: seconds(5),
            idle: seconds(10 * 60),
        }
    }
}

/// Where a hop substream comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) peer: NodeId,
    pub(super) connection: ConnectionId,
    /// The peer's; `None` if it is not counted.
    pub(super) subnet: Option<Subnet>,
    /// Whether there is no relay between.
    pub(super) direct: bool,
}

/// A stop substream, or why there is none.
pub(super) type Opened = Result<Substream, String>;

/// What a connection's handler is asked to do.
#[derive(Debug)]
pub(super) enum Ask {
    /// Open a stop substream.
    Open(oneshot::Sender<Opened>),
    /// See whether the service is on.
    Look,
}

/// A direct connection.
#[derive(Debug)]
struct Link {
    peer: NodeId,
    quic: bool,
    /// Whether its peer has reserved over it.
    reserved: bool,
    asks: mpsc::Sender<Ask>,
}

/// The addresses at which this node can be reached, for others to reach its peers through it.
type Addresses = Box<dyn Fn() -> Vec<Multiaddr> + Send + Sync>;

struct Inner {
    me: NodeId,
    on: AtomicBool,
    times: Times,
    started: Instant,
    addresses: Addresses,
    links: Mutex<HashMap<ConnectionId, Link>>,
    capacity: Mutex<Capacity>,
    figures: Figures,
}

/// Handle to the relay service; cheap to clone.
#[derive(Clone)]
pub(crate) struct Relay(Arc<Inner>);

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("on", &self.is_enabled()).finish_non_exhaustive()
    }
}

impl Relay {
    /// A service of the node `me` that is off until it is switched on.
    ///
    /// `addresses` gives those that this node can be dialled at from afar, configured or confirmed, with or without its
    /// peer id. It is asked at every reservation; if it gives none, reservations are refused.
    pub(crate) fn new(
        me: NodeId,
        limits: RelayLimits,
        addresses: impl Fn() -> Vec<Multiaddr> + Send + Sync + 'static,
    ) -> Self {
        Self::with_times(me, limits, Times::default(), addresses)
    }

    pub(super) fn with_times(
        me: NodeId,
        limits: RelayLimits,
        times: Times,
        addresses: impl Fn() -> Vec<Multiaddr> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            me,
            on: AtomicBool::new(false),
            times,
            started: Instant::now(),
            addresses: Box::new(addresses),
            links: Mutex::default(),
            capacity: Mutex::new(Capacity::new(limits, Time::default())),
            figures: Figures::default(),
        }))
    }

    /// Switches the service on or off.
    ///
    /// On: every connection begins to speak the hop protocol, which identify then tells. Off: connections made from now on
    /// do not; nothing is reserved or renewed any more; reservations and circuits that there are last as long as they would.
    pub(crate) fn set_enabled(&self, on: bool) {
        if self.0.on.swap(on, Ordering::Relaxed) == on || !on {
            return;
        }
        for link in self.0.links.lock().values() {
            // A handler with a full queue looks anyway.
            let _ = link.asks.try_send(Ask::Look);
        }
    }

    /// Whether the service is on.
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// What has been done and refused; up to date when called.
    pub(crate) fn figures(&self) -> &Figures {
        self.count(&mut self.0.capacity.lock());
        &self.0.figures
    }

    fn now(&self) -> Time {
        Time::default() + self.0.started.elapsed()
    }

    fn count(&self, capacity: &mut Capacity) {
        capacity.expire(self.now());
        let held = capacity.figures();
        self.0.figures.reservations.set(held.reservations);
        self.0.figures.circuits.set(held.circuits);
    }

    /// The addresses for a reservation: this node's own, with its peer id.
    fn addresses(&self) -> Vec<Multiaddr> {
        let mut addresses: Vec<Multiaddr> = (self.0.addresses)()
            .into_iter()
            .filter(|address| !is_circuit(address))
            .map(|address| with_peer(&address, &self.0.me))
            .take(ADDRESSES)
            .collect();
        addresses.dedup();
        addresses
    }

    /// Reserves for a peer, or renews; gives the addresses to reach it through.
    pub(super) fn reserve(&self, from: &Origin) -> Result<Vec<Multiaddr>, Refusal> {
        if !from.direct {
            return Err(Refusal::Relayed);
        }
        if !self.is_enabled() {
            return Err(Refusal::Off);
        }
        let addresses = self.addresses();
        if addresses.is_empty() {
            return Err(Refusal::NoAddress);
        }
        // The lock is held until the reservation is made, so that the connection's end is not missed.
        let mut links = self.0.links.lock();
        let link = links.get_mut(&from.connection).ok_or(Refusal::Unanswered)?;
        let mut capacity = self.0.capacity.lock();
        let now = self.now();
        let new = !capacity.is_reserved(&from.peer, now);
        capacity.admit_reservation(from.peer, from.subnet, self.0.times.reservation, now)?;
        link.reserved = true;
        let figures = &self.0.figures;
        (if new { &figures.reserved } else { &figures.renewed }).add(1);
        self.count(&mut capacity);
        Ok(addresses)
    }

    /// Whether a reservation made over this connection holds.
    pub(super) fn reserved_over(&self, connection: ConnectionId) -> bool {
        let links = self.0.links.lock();
        let link = links.get(&connection).filter(|link| link.reserved);
        link.is_some_and(|link| self.0.capacity.lock().is_reserved(&link.peer, self.now()))
    }

    /// Takes in a direct connection.
    pub(super) fn connected(&self, connection: ConnectionId, peer: NodeId, quic: bool, asks: mpsc::Sender<Ask>) {
        self.0.links.lock().insert(connection, Link { peer, quic, reserved: false, asks });
    }

    /// Forgets a connection, and with a peer's last one its reservation.
    pub(super) fn disconnected(&self, connection: ConnectionId) {
        let mut links = self.0.links.lock();
        let Some(Link { peer, .. }) = links.remove(&connection) else { return };
        if !links.values().any(|link| link.peer == peer) {
            let mut capacity = self.0.capacity.lock();
            capacity.end_reservation(&peer);
            self.count(&mut capacity);
        }
    }

    /// The connections on which a circuit can be offered to `peer`, the best one first: those that it has reserved over,
    /// since clients decline it on others; then QUIC, where one circuit does not hold up another; then the newest, which is
    /// the least likely to be dead without our knowing.
    pub(super) fn links(&self, peer: &NodeId) -> Vec<(ConnectionId, mpsc::Sender<Ask>)> {
        let links = self.0.links.lock();
        let mut of_peer: Vec<_> = links.iter().filter(|(_, link)| link.peer == *peer).collect();
        of_peer.sort_by_key(|(id, link)| std::cmp::Reverse((link.reserved, link.quic, **id)));
        of_peer.into_iter().map(|(id, link)| (*id, link.asks.clone())).collect()
    }

    /// Lets a circuit in, for as long as the [`Place`] lives.
    pub(super) fn open(&self, from: &Origin, target: NodeId) -> Result<Place, Refusal> {
        if !from.direct {
            return Err(Refusal::Relayed);
        }
        let mut capacity = self.0.capacity.lock();
        let id = capacity.admit_circuit(from.peer, from.subnet, target, self.now())?;
        self.count(&mut capacity);
        Ok(Place { relay: self.clone(), id })
    }

    /// Counts a refusal.
    pub(super) fn refuse(&self, reason: Refusal) {
        self.0.figures.refuse(reason);
    }

    pub(super) fn times(&self) -> &Times {
        &self.0.times
    }
}

/// A circuit's place among the others, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    relay: Relay,
    id: CircuitId,
}

impl Place {
    /// Takes `bytes` from what may pass; they may after the time returned.
    pub(super) fn take(&self, bytes: usize) -> Duration {
        let now = self.relay.now();
        // A circuit that has its place is known.
        let at = self.relay.0.capacity.lock().spend(self.id, bytes as u64, now).unwrap_or(now);
        if at > now {
            self.counters().delayed.add(bytes as u64);
        }
        at.since(now)
    }

    pub(super) fn counters(&self) -> &Figures {
        &self.relay.0.figures
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut capacity = self.relay.0.capacity.lock();
        capacity.end_circuit(self.id, self.relay.now());
        self.relay.count(&mut capacity);
    }
}
