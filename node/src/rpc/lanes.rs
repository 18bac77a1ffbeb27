//! Which lane a call to a peer takes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::available_parallelism,
    time::{Duration, Instant},
};

use atoll_protocol::{identity::NodeId, limits};
use libp2p::Multiaddr;
use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};

use super::lane::{Failure, Lane};
use crate::net::{Net, connections::Connection};

/// Peers whose lanes are remembered; idle ones go when there are more.
const PEERS: usize = 4096;
/// Calls under way on a lane, above which another one is opened. Fewer are better off sharing their writes; more keep one
/// reader busier than one core can be.
const SHARED_BY: usize = 256;
/// How often lanes with calls under way are looked after, and those without.
const BUSY: Duration = Duration::from_millis(100);
const QUIET: Duration = Duration::from_secs(10);

/// The lanes to one node.
#[derive(Debug)]
pub(super) struct Peer {
    node: NodeId,
    lanes: RwLock<Vec<Arc<Lane>>>,
    /// The state of the connections in which the lanes were found to be on the best one.
    checked: AtomicU64,
    turn: AtomicUsize,
    /// Held while a lane is being opened, so that a burst of first calls opens one lane and not many.
    opening: Mutex<()>,
}

impl Peer {
    fn new(node: NodeId) -> Self {
        Self {
            node,
            lanes: RwLock::default(),
            checked: AtomicU64::new(0),
            turn: AtomicUsize::new(0),
            opening: Mutex::default(),
        }
    }

    /// A lane that is alive, unless a much better connection has appeared.
    fn usable(&self, net: &Net) -> Option<Arc<Lane>> {
        let generation = net.connections.generation();
        if self.checked.load(Ordering::Relaxed) == generation
            && let Some(lane) = self.next()
            && !lane.is_closed()
        {
            return Some(lane);
        }
        // One that has fallen silent is used only by the calls that are on it already.
        let best = net.connections.best(&self.node).filter(|best| !best.is_silent())?;
        // Calls on a lane that goes keep it alive until they are over.
        self.lanes.write().retain(|lane| is_good(lane, &best));
        self.checked.store(generation, Ordering::Relaxed);
        self.next()
    }

    fn next(&self) -> Option<Arc<Lane>> {
        let lanes = self.lanes.read();
        let turn = if lanes.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) % lanes.len() } else { 0 };
        lanes.get(turn).cloned()
    }

    /// Whether it says nothing although calls wait.
    pub(super) fn is_stalled(&self) -> bool {
        self.lanes.read().iter().any(|lane| lane.is_stalled())
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lanes.read().len()
    }

    fn is_idle(&self) -> bool {
        self.lanes.read().iter().all(|lane| lane.waiting() == 0)
    }

    /// A lane that can be used at once.
    pub(super) fn ready(self: &Arc<Self>, net: &Net) -> Option<Arc<Lane>> {
        let lane = self.usable(net)?;
        if lane.waiting() >= SHARED_BY {
            self.widen(net, &lane.connection);
        }
        Some(lane)
    }

    /// A lane, opened, and the node dialled at `addresses`, if need be.
    pub(super) async fn lane(
        self: &Arc<Self>,
        net: &Net,
        addresses: impl FnOnce() -> Vec<Multiaddr>,
    ) -> Result<Arc<Lane>, Failure> {
        let _opening = self.opening.lock().await;
        if let Some(lane) = self.usable(net) {
            return Ok(lane);
        }
        let connection = net.connect(self.node, addresses()).await.map_err(|e| Failure::unsent(e.to_string()))?;
        self.open(net, connection).await
    }

    async fn open(&self, net: &Net, connection: Arc<Connection>) -> Result<Arc<Lane>, Failure> {
        let stream = connection.open(net.protocols.rpc.clone()).await;
        let stream = stream.map_err(|e| Failure::unsent(format!("cannot open a lane to {}: {e}", self.node)))?;
        let lane = Arc::new(Lane::start(stream, connection, net));
        self.lanes.write().push(Arc::clone(&lane));
        Ok(lane)
    }

    /// Opens another lane, unless there are as many as can be of use.
    fn widen(self: &Arc<Self>, net: &Net, connection: &Arc<Connection>) {
        let useful = available_parallelism().map_or(1, usize::from).min(limits::LANES_PER_PEER);
        if self.lanes.read().len() >= useful || self.opening.try_lock().is_err() {
            return;
        }
        let (peer, net, connection) = (Arc::clone(self), net.clone(), Arc::clone(connection));
        tokio::spawn(async move {
            let _opening = peer.opening.lock().await;
            if peer.lanes.read().len() < useful
                && let Err(failure) = peer.open(&net, connection).await
            {
                tracing::debug!("{}", failure.status);
            }
        });
    }

    fn look_after(&self, net: &Net, now: Instant) -> bool {
        // Leaves a connection that a better one has replaced even if there is nothing to call: as long as a lane is open on it,
        // it is in use, and is not closed.
        self.usable(net);
        let lanes: Vec<_> = self.lanes.read().iter().filter(|lane| !lane.is_closed()).cloned().collect();
        // Each of them, whatever the first says.
        lanes.iter().filter(|lane| lane.look_after(&net.connections, now)).count() > 0
    }
}

fn is_good(lane: &Lane, best: &Connection) -> bool {
    !lane.is_closed() && (best.id == lane.connection.id || !lane.connection.is_outdone_by(best))
}

/// The lanes to every node that this one calls.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    peers: RwLock<HashMap<NodeId, Arc<Peer>>>,
    /// Whether lanes are being looked after closely, and what wakes whoever does.
    watched: AtomicBool,
    busy: Notify,
}

impl Lanes {
    pub(super) fn peer(&self, node: &NodeId) -> Arc<Peer> {
        if let Some(peer) = self.peers.read().get(node) {
            return Arc::clone(peer);
        }
        let mut all = self.peers.write();
        if all.len() >= PEERS {
            all.retain(|_, peer| !peer.is_idle());
        }
        Arc::clone(all.entry(*node).or_insert_with(|| Arc::new(Peer::new(*node))))
    }

    /// A call has been begun.
    pub(super) fn called(&self) {
        // Sequentially consistent, as is the other side: either this sees that nobody watches, or who stops watching sees
        // the call.
        if !self.watched.load(Ordering::SeqCst) && !self.watched.swap(true, Ordering::SeqCst) {
            self.busy.notify_one();
        }
    }

    /// Looks after the lanes: closely while calls are under way, now and then otherwise.
    pub(super) async fn look_after(&self, net: &Net) {
        loop {
            if self.look(net) {
                tokio::time::sleep(BUSY).await;
                continue;
            }
            self.watched.store(false, Ordering::SeqCst);
            if !self.look(net) {
                let _ = tokio::time::timeout(QUIET, self.busy.notified()).await;
            }
            self.watched.store(true, Ordering::SeqCst);
        }
    }

    fn look(&self, net: &Net) -> bool {
        let peers: Vec<_> = self.peers.read().values().cloned().collect();
        let now = Instant::now();
        peers.iter().filter(|peer| peer.look_after(net, now)).count() > 0
    }
}
