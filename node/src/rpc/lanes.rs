//! Which lane a call to a peer takes, and how busy each peer is.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use atoll_protocol::identity::NodeId;
use libp2p::Multiaddr;
use parking_lot::RwLock;

use super::lane::{Failure, Lane};
use crate::net::Net;

/// Peers whose lane and load are remembered; idle ones go when there are more.
const PEERS: usize = 4096;

/// How busy a peer is with this node's calls, and how fast it answers them.
#[derive(Debug, Default)]
pub(super) struct Load {
    in_flight: AtomicU32,
    /// Smoothed latency in microseconds; 0 until the first answer.
    latency: AtomicU32,
}

impl Load {
    /// Counts a call as under way for as long as the guard lives.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }

    /// Takes in how long an answer took (an eighth of the new sample, as TCP smooths round trips, RFC 6298).
    pub(super) fn answered(&self, took: Duration) {
        let sample = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let smoothed = match self.latency.load(Ordering::Relaxed) {
            0 => sample,
            old => (old - old / 8 + sample / 8).max(1),
        };
        self.latency.store(smoothed, Ordering::Relaxed);
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Load>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Peer {
    load: Arc<Load>,
    lane: RwLock<Option<Arc<Lane>>>,
    /// Held while a lane is being opened, so that a burst of first calls opens one lane and not many.
    opening: tokio::sync::Mutex<()>,
}

impl Peer {
    /// The lane, if it is alive and no much better connection has appeared.
    fn usable(&self, net: &Net, node: &NodeId) -> Option<Arc<Lane>> {
        let lane = self.lane.read().clone().filter(|lane| !lane.is_closed())?;
        let best = net.connections.best(node)?;
        (best.id == lane.connection.id || !lane.connection.is_outdone_by(&best)).then_some(lane)
    }
}

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Lanes(RwLock<HashMap<NodeId, Arc<Peer>>>);

impl Lanes {
    fn peer(&self, node: &NodeId) -> Arc<Peer> {
        if let Some(peer) = self.0.read().get(node) {
            return Arc::clone(peer);
        }
        let mut all = self.0.write();
        if all.len() >= PEERS {
            all.retain(|_, p| p.load.in_flight() > 0 || p.lane.read().as_ref().is_some_and(|l| !l.is_closed()));
        }
        Arc::clone(all.entry(*node).or_default())
    }

    /// How busy `node` is.
    pub(super) fn load(&self, node: &NodeId) -> Arc<Load> {
        Arc::clone(&self.peer(node).load)
    }

    /// A lane to `node`, opened, and the node dialled at `addresses`, if need be.
    pub(super) async fn to(
        &self,
        net: &Net,
        node: NodeId,
        addresses: impl FnOnce() -> Vec<Multiaddr>,
    ) -> Result<Arc<Lane>, Failure> {
        let peer = self.peer(&node);
        if let Some(lane) = peer.usable(net, &node) {
            return Ok(lane);
        }
        let _opening = peer.opening.lock().await;
        if let Some(lane) = peer.usable(net, &node) {
            return Ok(lane);
        }
        let connection = net.connect(node, addresses()).await.map_err(|e| Failure::unsent(e.to_string()))?;
        let stream = connection
            .open(net.protocols.rpc.clone())
            .await
            .map_err(|e| Failure::unsent(format!("cannot open a lane to {node}: {e}")))?;
        let lane = Arc::new(Lane::start(stream, connection, Arc::clone(&net.counters)));
        // Calls on the former lane keep it alive until they are done.
        *peer.lane.write() = Some(Arc::clone(&lane));
        Ok(lane)
    }
}
