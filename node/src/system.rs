//! The `system` service that every node offers: is it there, what is it, how is it doing.

use std::{collections::BTreeMap, sync::Arc};

use atoll_protocol::identity::NodeId;
use atoll_registry::peers::conduct::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Context, ServiceBuilder, Serving,
    clock::Clock,
    error::RegisterError,
    net::{Counters, relay::figures::RelayFigures},
    rpc::Rpc,
};

/// The service's name.
pub(crate) const NAME: &str = "system";

/// A request without arguments.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
struct Nothing {}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Pong {
    /// The node that answers.
    node: String,
}

/// What a node says of itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Info {
    /// The node's identity.
    pub(crate) node: String,
    /// The network that it is on.
    pub(crate) network: String,
    /// Program and version.
    pub(crate) agent: String,
    /// Time since it was started, in milliseconds.
    pub(crate) uptime_ms: u64,
    /// Where it can be dialled.
    pub(crate) addresses: Vec<String>,
    /// The peers that it is connected to, with the measured round trip.
    pub(crate) peers: Vec<PeerInfo>,
}

/// A connected peer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PeerInfo {
    /// The peer.
    pub(crate) node: String,
    /// Measured round trip in milliseconds, once measured.
    pub(crate) rtt_ms: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Stats {
    /// Peers connected.
    pub(crate) peers: usize,
    /// Nodes known.
    pub(crate) nodes: usize,
    /// Service instances known.
    pub(crate) instances: usize,
    /// Calls made to other nodes.
    pub(crate) calls_made: u64,
    /// Calls served.
    pub(crate) calls_served: u64,
    /// Substreams refused because too many waited.
    pub(crate) refused_streams: u64,
    /// Announcements dropped because the directory was busy.
    pub(crate) dropped_gossip: u64,
    /// Announcements of topics dropped because the broker was busy; what they said is found by comparing.
    pub(crate) dropped_topics: u64,
    /// Records and messages that were not taken in through a fault of those who sent them: the sum of `faults`.
    pub(crate) refused_records: u64,
    /// Nodes that were listed again after the last start, since they were known before.
    pub(crate) restored_sets: u64,
    /// What was stored of nodes and was left out then: damaged, forged, of another network or format, or too much.
    pub(crate) useless_sets: u64,
    /// How many of each kind.
    pub(crate) faults: BTreeMap<String, u32>,
    /// Peers that nothing is to do with at present.
    pub(crate) barred_peers: usize,
    /// What it holds of the DHT, and what it has refused.
    pub(crate) dht: DhtStats,
    /// Schemas asked for, here and elsewhere.
    pub(crate) schemas: SchemaStats,
    /// Streams closed because their frames broke the protocol.
    pub(crate) broken_frames: u64,
    /// What it has done as a relay for others, and refused.
    pub(crate) relay: RelayFigures,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SchemaStats {
    /// Schemas at hand, of its own services and of others.
    pub(crate) held: usize,
    /// Requests for schemas that it has sent.
    pub(crate) requests: u64,
    /// Schemas that others have given.
    pub(crate) fetched: u64,
    /// Schemas given to others.
    pub(crate) served: u64,
    /// Answers refused because something in them was not what was asked for.
    pub(crate) refused: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DhtStats {
    /// Peers in the routing table of the DHT.
    pub(crate) peers: usize,
    /// Peers kept out of it because it had enough of their subnet.
    pub(crate) refused_peers: u64,
    /// Provider records of other nodes that are kept for the DHT.
    pub(crate) providers: usize,
    /// Provider records refused because of their form, or at a bound.
    pub(crate) refused_providers: u64,
    /// Provider records dropped to make room for others.
    pub(crate) evicted_providers: u64,
    /// Values that others wanted to store here.
    pub(crate) refused_values: u64,
    /// Look-ups in the DHT that were not begun because too many were under way.
    pub(crate) refused_searches: u64,
    /// Stored provider records that could not be read at the start.
    pub(crate) damaged_records: u64,
}

/// Begins to offer the service.
pub(crate) async fn register(rpc: &Arc<Rpc>, clock: Clock) -> Result<Serving, RegisterError> {
    // The service must not keep the node alive, which owns it.
    let weak = Arc::downgrade(rpc);
    let of = move || weak.upgrade().ok_or_else(|| crate::Status::unavailable("this node is stopping"));
    let (for_info, for_stats) = (of.clone(), of);
    ServiceBuilder::new(Arc::clone(rpc), NAME, env!("CARGO_PKG_VERSION"))?
        .doc("What every node says of itself.")
        .method(
            "ping",
            |context: Context, _: Option<Nothing>| async move { Ok(Pong { node: context.node().to_string() }) },
        )
        .documented("ping", "Answers with the node's id.")
        .idempotent("ping")
        .method("info", move |_: Context, _: Option<Nothing>| {
            let rpc = for_info();
            async move { Ok(info(&*rpc?, clock)) }
        })
        .documented("info", "Who the node is, where it can be dialled, and whom it is connected to.")
        .idempotent("info")
        .method("stats", move |_: Context, _: Option<Nothing>| {
            let rpc = for_stats();
            async move { Ok(stats(&*rpc?)) }
        })
        .documented("stats", "How much the node has done, and which of its limits were reached.")
        .idempotent("stats")
        .register()
        .await
}

fn info(rpc: &Rpc, clock: Clock) -> Info {
    let net = &rpc.net;
    let peer = |peer: NodeId| PeerInfo {
        node: peer.to_string(),
        rtt_ms: net.connections.best(&peer).and_then(|c| c.rtt()).map(crate::control::as_millis),
    };
    Info {
        node: net.me.to_string(),
        network: rpc.directory.network().as_str().to_owned(),
        agent: crate::AGENT.to_owned(),
        uptime_ms: clock.now().0,
        addresses: net.addresses().iter().map(|a| crate::net::with_peer(a, &net.me).to_string()).collect(),
        peers: net.connections.peers().into_iter().map(peer).collect(),
    }
}

/// How much the node has done.
pub(crate) fn stats(rpc: &Rpc) -> Stats {
    let Counters {
        refused_streams,
        dropped_gossip,
        dropped_topics,
        restored_sets,
        useless_sets,
        broken_frames,
        dht,
        schemas,
        calls_served,
        calls_made,
    } = &*rpc.net.counters;
    let faults = rpc.net.conduct.totals();
    let view = rpc.directory.view();
    Stats {
        peers: rpc.net.connections.len(),
        nodes: view.nodes().count(),
        instances: view.len(),
        calls_made: calls_made.count(),
        calls_served: calls_served.count(),
        refused_streams: refused_streams.count(),
        dropped_gossip: dropped_gossip.count(),
        dropped_topics: dropped_topics.count(),
        restored_sets: restored_sets.count(),
        useless_sets: useless_sets.count(),
        refused_records: faults.total().into(),
        faults: Fault::ALL.into_iter().map(|kind| (kind.name().to_owned(), faults.count(kind))).collect(),
        barred_peers: rpc.net.conduct.barred().len(),
        dht: DhtStats {
            peers: dht.peers.value(),
            refused_peers: dht.refused_peers.count(),
            providers: dht.providers.value(),
            refused_providers: dht.refused_providers.count(),
            evicted_providers: dht.evicted_providers.count(),
            refused_values: dht.refused_values.count(),
            refused_searches: dht.refused_searches.count(),
            damaged_records: dht.damaged_records.count(),
        },
        schemas: SchemaStats {
            held: rpc.directory.schemas().len(),
            requests: schemas.requests.count(),
            fetched: schemas.fetched.count(),
            served: schemas.served.count(),
            refused: schemas.refused.count(),
        },
        broken_frames: broken_frames.count(),
        relay: rpc.net.relay.figures().report(),
    }
}
