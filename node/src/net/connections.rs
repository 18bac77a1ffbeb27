//! The connections that are open now: a shared, read-mostly table that the data plane consults on every call.
//!
//! The swarm task is the only writer. Readers never wait for it: opening a substream talks to the connection's own
//! task, not to the swarm.

use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

use atoll_protocol::identity::NodeId;
use atoll_registry::reach::Transport;
use libp2p::{Multiaddr, multiaddr::Protocol, swarm::ConnectionId};
use parking_lot::RwLock;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::streams::{OpenError, OpenRequest, SUBSTREAMS_OVER_TCP, Substream, Uses};

#[cfg(test)]
mod tests;

/// Substreams with streams that may be being opened on one connection.
const OPENING: usize = 128;
/// Substreams that this side may have open on one TCP connection: less than half of what yamux takes, which ends the
/// connection at one too many.
pub(super) const OPEN_OVER_TCP: usize = SUBSTREAMS_OVER_TCP / 2 - 128;

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Path {
    /// Straight to the peer.
    Direct,
    /// Through a relay.
    Relayed,
}

impl Path {
    fn of(address: &Multiaddr) -> Self {
        if address.iter().any(|p| matches!(p, Protocol::P2pCircuit)) { Self::Relayed } else { Self::Direct }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relayed => "relayed",
        }
    }
}

pub(super) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|p| matches!(p, Protocol::QuicV1))
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) peer: NodeId,
    pub(crate) address: Multiaddr,
    pub(crate) path: Path,
    pub(crate) outbound: bool,
    pub(crate) established: Instant,
    /// Smoothed round trip in microseconds; 0 until the first ping.
    rtt_micros: AtomicU32,
    /// Whether the peer says nothing on it although it was asked something. It takes ten seconds until a dead connection is
    /// closed: too long for calls that could go another way.
    silent: AtomicBool,
    opens: mpsc::Sender<OpenRequest>,
    /// Places for substreams that the other side has not taken up yet.
    opening: Arc<Semaphore>,
    /// Places for substreams that this side has open.
    places: Arc<Semaphore>,
    uses: Uses,
    /// Cancelled when the connection ends.
    gone: CancellationToken,
}

impl Connection {
    /// One on which this side may have as many as `places` substreams open.
    pub(super) fn new(
        id: ConnectionId,
        peer: NodeId,
        address: Multiaddr,
        outbound: bool,
        places: usize,
        opens: mpsc::Sender<OpenRequest>,
    ) -> Self {
        let (uses, gone) = (Uses::default(), CancellationToken::new());
        let path = Path::of(&address);
        let (established, rtt_micros, silent) = (Instant::now(), AtomicU32::new(0), AtomicBool::new(false));
        let opening = Arc::new(Semaphore::new(OPENING));
        let places = Arc::new(Semaphore::new(places));
        Self { id, peer, address, path, outbound, established, rtt_micros, silent, opens, opening, places, uses, gone }
    }

    /// Opens a substream of `protocol` on this very connection.
    pub(crate) async fn open(&self, protocol: libp2p::StreamProtocol) -> Result<Substream, OpenError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| OpenError::Full)?;
        let (reply, opened) = oneshot::channel();
        self.opens.send(OpenRequest { protocol, reply }).await.map_err(|_| OpenError::Closed)?;
        let stream = opened.await.map_err(|_| OpenError::Closed)??;
        Ok(Substream::new(stream, &self.gone, Some(self.uses.opened(place))))
    }

    /// A substream that the peer has opened on it.
    pub(super) fn taken_up(&self, stream: libp2p::Stream) -> Substream {
        Substream::new(stream, &self.gone, Some(self.uses.accepted()))
    }

    /// Ends the connection's substreams when dropped: for whoever ends together with the connection.
    pub(super) fn ending(&self) -> DropGuard {
        self.gone.clone().drop_guard()
    }

    /// A place among the substreams that are being opened: to be held until the other side has said something on the substream,
    /// so that a burst of them is not refused for want of room in its queues.
    pub(crate) async fn opening(&self) -> Result<OwnedSemaphorePermit, OpenError> {
        Arc::clone(&self.opening).acquire_owned().await.map_err(|_| OpenError::Closed)
    }

    /// Substreams open on it, of both sides: whatever calls and streams are under way.
    pub(crate) fn in_use(&self) -> usize {
        self.uses.count()
    }

    /// Whether any call or stream was heard of on it since this was last asked.
    pub(super) fn take_stirred(&self) -> bool {
        self.uses.take_stirred()
    }

    /// Whether the peer has fallen silent on it.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent.load(Relaxed)
    }

    /// Whether the connection is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.opens.is_closed()
    }

    /// Measured round trip.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        match self.rtt_micros.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }

    /// Takes in a measurement, smoothed as TCP does it (RFC 6298: an eighth of the new sample).
    pub(super) fn measured(&self, sample: Duration) {
        let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX).max(1);
        let smoothed = match self.rtt_micros.load(Relaxed) {
            0 => sample,
            old => old - old / 8 + sample / 8,
        };
        self.rtt_micros.store(smoothed.max(1), Relaxed);
    }

    /// What carries it; of a relayed one, what leads to the relay.
    pub(crate) fn transport(&self) -> Transport {
        super::addresses::transport(&self.address)
    }

    /// The relay that the bytes pass through: the last peer named before the circuit.
    pub(crate) fn relay(&self) -> Option<NodeId> {
        super::addresses::relay(&self.address)
    }

    /// Whether `other` is so much better that it is worth moving to: not silent, direct instead of relayed, or a round trip
    /// shorter by more than a quarter and a millisecond. Less is noise, and would make lanes wander.
    pub(crate) fn is_outdone_by(&self, other: &Self) -> bool {
        if self.is_silent() != other.is_silent() {
            return self.is_silent();
        }
        match (self.path.cmp(&other.path), self.rtt(), other.rtt()) {
            (Ordering::Greater, ..) => true,
            (Ordering::Equal, Some(mine), Some(theirs)) => mine > theirs + theirs / 4 + Duration::from_millis(1),
            _ => false,
        }
    }

    /// Smaller is better: not silent, direct before relayed, then the lower round trip, then the older connection.
    fn rank(&self) -> (bool, Path, Duration, Instant) {
        (self.is_silent(), self.path, self.rtt().unwrap_or(Duration::MAX), self.established)
    }
}

/// Every open connection, by peer.
#[derive(Debug, Default, Clone)]
pub(crate) struct Connections(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: RwLock<HashMap<NodeId, Vec<Arc<Connection>>>>,
    /// Counts what could change which connection is the best.
    changes: AtomicU64,
    /// Tells of each such change.
    changed: Notify,
}

impl Connections {
    /// Another number after every change: as long as it is the same, so is the best connection to each peer.
    pub(crate) fn generation(&self) -> u64 {
        self.0.changes.load(Acquire)
    }

    fn changed(&self) {
        self.0.changes.fetch_add(1, Release);
        self.0.changed.notify_waiters();
    }

    pub(super) fn insert(&self, connection: Arc<Connection>) {
        self.0.open.write().entry(connection.peer).or_default().push(connection);
        self.changed();
    }

    pub(super) fn remove(&self, peer: &NodeId, id: ConnectionId) {
        let mut all = self.0.open.write();
        if let Some(of_peer) = all.get_mut(peer) {
            of_peer.retain(|c| c.id != id);
            if of_peer.is_empty() {
                all.remove(peer);
            }
        }
        drop(all);
        self.changed();
    }

    pub(super) fn measured(&self, peer: &NodeId, id: ConnectionId, sample: Duration) {
        if let Some(connection) = self.0.open.read().get(peer).and_then(|all| all.iter().find(|c| c.id == id)) {
            connection.measured(sample);
            connection.silent.store(false, Relaxed);
        }
        self.changed();
    }

    /// The peer says nothing on a connection although it was asked something, or is heard again.
    pub(crate) fn set_silent(&self, connection: &Connection, silent: bool) {
        if connection.silent.swap(silent, Relaxed) != silent {
            self.changed();
        }
    }

    /// Waits until there is a connection to `peer` that is not silent, or none at all.
    pub(crate) async fn heard(&self, peer: &NodeId) -> Option<Arc<Connection>> {
        loop {
            // Before looking, or a change in between would be missed.
            let changed = self.0.changed.notified();
            match self.best(peer) {
                Some(connection) if connection.is_silent() => changed.await,
                found => return found,
            }
        }
    }

    /// The best open connection to `peer`.
    pub(crate) fn best(&self, peer: &NodeId) -> Option<Arc<Connection>> {
        let all = self.0.open.read();
        all.get(peer)?.iter().filter(|c| !c.is_closed()).min_by_key(|c| c.rank()).cloned()
    }

    /// Peers connected.
    pub(crate) fn peers(&self) -> Vec<NodeId> {
        self.0.open.read().keys().copied().collect()
    }

    /// Number of peers connected.
    pub(crate) fn len(&self) -> usize {
        self.0.open.read().len()
    }

    /// The connections to `peer`, the best one first.
    pub(super) fn of(&self, peer: &NodeId) -> Vec<Arc<Connection>> {
        let mut all = self.0.open.read().get(peer).cloned().unwrap_or_default();
        all.sort_by_key(|c| c.rank());
        all
    }

    /// All connections, by peer.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        let mut all: Vec<_> = self.0.open.read().values().flatten().cloned().collect();
        all.sort_by_key(|c| (c.peer, c.rank()));
        all
    }
}
