//! The libp2p protocols that a node speaks, each set up once, with the reason for every setting that is not the
//! default.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use atoll_registry::peers::PublicRanges;
use libp2p::{
    PeerId, connection_limits, gossipsub, identify,
    identity::Keypair,
    kad, mdns, ping,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{
    Counters, Protocols, bars,
    conduct::Conduct,
    connections::Connections,
    records::{self, Records},
    relay::{self, Relay},
    streams::{self, Accepted, Inbound},
};
use crate::{error::SpawnError, storage::Storage};

/// Largest gossip message; announcements stay below it.
const GOSSIP_MESSAGE: usize = 64 * 1024;
/// gossipsub closes a peer's stream over one oversize control message; its default of 16 KiB is soon reached.
const GOSSIP_CONTROL: usize = 64 * 1024;
/// Peers that a look-up asks at a time. One that is gone takes up a place until its dial's timeout: with Kademlia's three, a look-up
/// in a network that loses a node in a hundred a minute soon meets three of them, and waits for as long as its caller does.
const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);
/// Length of a gossip message id: short, since ids fill the control messages.
const GOSSIP_ID: usize = 20;
/// How often each connection's round trip is measured, and one over TCP found dead.
const PING: Duration = Duration::from_secs(25);
/// Connections in all, and to one peer (hole punching briefly needs several).
pub(super) const CONNECTIONS: u32 = 1024;
const CONNECTIONS_PER_PEER: u32 = 8;
/// Connections being set up, each way.
const PENDING: u32 = 256;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    bars: bars::Behaviour,
    pub(super) streams: streams::Behaviour,
    pub(super) identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) kad: kad::Behaviour<Records>,
    pub(super) gossip: gossipsub::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    relay_client: libp2p::relay::client::Behaviour,
    relay: relay::Behaviour,
}

/// What the protocols share with the rest of the node.
pub(super) struct Shared {
    pub(super) connections: Connections,
    pub(super) inbound: mpsc::Sender<Inbound>,
    pub(super) counters: Arc<Counters>,
    pub(super) conduct: Conduct,
    pub(super) storage: Storage,
    pub(super) public: PublicRanges,
    pub(super) relay: Relay,
    pub(super) accepted: Accepted,
    /// Streams of services that a peer may have open over QUIC.
    pub(super) over_quic: usize,
}

impl Behaviour {
    pub(super) fn new(
        key: &Keypair,
        protocols: &Protocols,
        use_mdns: bool,
        relay_client: libp2p::relay::client::Behaviour,
        shared: Shared,
    ) -> Result<Self, SpawnError> {
        let Shared { connections, inbound, counters, conduct, storage, public, relay, accepted, over_quic } = shared;
        let me = key.public().to_peer_id();
        let mdns = use_mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), me)).and_then(|started| {
            started.inspect_err(|e| tracing::warn!("cannot look for nodes on the local network: {e}")).ok()
        });
        let kad = kademlia(protocols, Records::new(me, storage, public.clone(), Arc::clone(&counters)), me);
        Ok(Self {
            limits: connection_limits::Behaviour::new(
                connection_limits::ConnectionLimits::default()
                    .with_max_established(Some(CONNECTIONS))
                    .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
                    .with_max_pending_incoming(Some(PENDING))
                    .with_max_pending_outgoing(Some(PENDING)),
            ),
            bars: bars::Behaviour::new(conduct),
            streams: streams::Behaviour::new(accepted, over_quic, connections, inbound, counters),
            identify: identify::Behaviour::new(
                identify::Config::new(protocols.identify.clone(), key.public())
                    .with_agent_version(crate::AGENT.to_owned())
                    // Longer than the idle timeout, or identify itself would keep every connection open.
                    .with_interval(Duration::from_secs(120))
                    .with_push_listen_addr_updates(true)
                    // What peers say of themselves is kept by the routing table and the directory, which know what can be
                    // dialled from here; identify would have their loopback addresses dialled, too.
                    .with_cache_size(0),
            ),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING)),
            kad,
            gossip: gossip(protocols)?,
            mdns: mdns.into(),
            relay_client,
            relay: relay::Behaviour::new(relay, public.clone()),
        })
    }
}

fn kademlia(protocols: &Protocols, records: Records, me: PeerId) -> kad::Behaviour<Records> {
    let mut config = kad::Config::new(protocols.kad.clone());
    config
        // Peers enter the routing table once they have said who they are and where they can be dialled, if they are not
        // too many of one subnet.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_query_timeout(Duration::from_secs(10))
        .set_parallelism(PARALLEL)
        .set_provider_record_ttl(Some(records::TTL))
        .set_provider_publication_interval(Some(records::RENEWAL))
        // There are no values to look after.
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_caching(kad::Caching::Disabled);
    kad::Behaviour::with_config(me, records, config)
}

/// Neighbours are judged by their standing alone. What gossipsub itself counts is left out: quiet topics would make honest peers look
/// bad, and many peers at one address are what a home looks like.
fn scoring() -> gossipsub::PeerScoreParams {
    gossipsub::PeerScoreParams {
        app_specific_weight: 1.0,
        topic_score_cap: 0.0,
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: 0.0,
        slow_peer_weight: 0.0,
        retain_score: Duration::ZERO,
        ..gossipsub::PeerScoreParams::default()
    }
}

/// What follows from a score, which is from −100 to 10.
fn thresholds() -> gossipsub::PeerScoreThresholds {
    gossipsub::PeerScoreThresholds {
        gossip_threshold: -10.0,
        publish_threshold: -50.0,
        graylist_threshold: -80.0,
        accept_px_threshold: 10.0,
        // The mesh has no need of peers beyond those that it is made of.
        opportunistic_graft_threshold: 0.0,
    }
}

fn gossip(protocols: &Protocols) -> Result<gossipsub::Behaviour, SpawnError> {
    let failed = |reason: String| SpawnError::Network { reason };
    let config = gossipsub::ConfigBuilder::default()
        // What is gossiped carries its own signature: the envelope needs no author, and may be passed on by anyone.
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| {
            gossipsub::MessageId::new(Sha256::digest(&message.data).get(..GOSSIP_ID).unwrap_or_default())
        })
        .max_transmit_size(GOSSIP_MESSAGE)
        .max_control_message_size(GOSSIP_CONTROL)
        // Many small messages: four copies of each instead of six, and fewer offers of what most have, as simulated
        // (`make sim SCENARIO=registry`).
        .mesh_n(4)
        .mesh_n_low(3)
        .mesh_n_high(6)
        .gossip_lazy(2)
        .gossip_factor(0.1)
        .history_gossip(2)
        .heartbeat_interval(Duration::from_millis(700))
        .duplicate_cache_time(Duration::from_secs(120))
        .build()
        .map_err(|e| failed(e.to_string()))?;
    let mut gossip = gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config)
        .map_err(|e| failed(e.to_owned()))?;
    gossip.with_peer_score(scoring(), thresholds()).map_err(failed)?;
    for topic in [&protocols.announcements, &protocols.frauds] {
        gossip.subscribe(&gossipsub::IdentTopic::new(topic)).map_err(|e| failed(e.to_string()))?;
    }
    Ok(gossip)
}
