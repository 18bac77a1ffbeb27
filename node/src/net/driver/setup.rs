//! Building and starting the swarm.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::Path,
    sync::Arc,
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, Transport,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    gossipsub,
    identity::Keypair,
    noise, quic, relay, tcp, websocket, yamux,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{Dht, Dials, Driver, Reach, Routing};
use crate::{
    config::MOST_STREAMS_OVER_QUIC,
    error::SpawnError,
    event::NodeEvent,
    net::{
        ACCUSATIONS, COMMANDS, Counters, EVENTS, Net, Protocols, Setup, Started, TOPIC_EVENTS,
        autonat::{self, Nonces},
        behaviour::{Behaviour, Shared},
        conduct::Conduct,
        connections::Connections,
        joining::Joining,
        listen,
        patient::Patient,
        portmap::PortMap,
        punch,
        relay::Relay,
        split_peer,
        streams::{self, Accepted, INBOUND_QUEUE, NEGOTIATING, SUBSTREAMS_OVER_TCP},
        tls::Tls,
    },
};

/// How long a connection that nobody uses stays open.
const IDLE: Duration = Duration::from_secs(90);

/// How long a node waits on a silent QUIC connection until it asks whether the peer is still there, in milliseconds: somewhere
/// in there. NATs forget after half a minute.
const KEEP_ALIVE_MS: std::ops::Range<u64> = 4_200..4_900;

/// Streams over QUIC without which a connection is of no use.
const FEWEST_STREAMS: u32 = 64;

/// Starts the overlay: listens, begins to join, and leaves the swarm to a task of its own.
pub(crate) async fn start(setup: Setup) -> Result<Started, SpawnError> {
    let me = setup.key.node_id();
    let protocols = Arc::new(Protocols::new(&setup.network));
    let connections = Connections::default();
    let counters = Arc::new(Counters::default());
    let conduct = Conduct::new(setup.clock, setup.events.clone(), setup.trust.clone());
    setup.bootstrap.iter().filter_map(|a| split_peer(a).1).for_each(|peer| conduct.name(peer));
    let (addresses, known_addresses) = watch::channel(Vec::new());
    let (inbound, streams) = mpsc::channel(INBOUND_QUEUE);
    let public = setup.config.public_ranges.clone();

    let relay_limits = setup.config.relay_limits;
    relay_limits.check().map_err(|nothing| failed(format!("net.relay_limits.{nothing}")))?;
    let key = Keypair::ed25519_from_bytes(*setup.key.seed()).map_err(failed)?;
    let service = {
        let addresses = known_addresses.clone();
        Relay::new(me, relay_limits, move || addresses.borrow().clone())
    };
    let accepted = Accepted::new(
        [
            protocols.rpc.clone(),
            protocols.bulk.clone(),
            protocols.describe.clone(),
            protocols.topic.clone(),
            protocols.standing.clone(),
            punch::PROTOCOL,
            autonat::DIAL_BACK,
        ],
        [autonat::DIAL_REQUEST],
    );
    let over_quic = streams_over_quic(setup.config.streams_over_quic)?;
    let nonces = Nonces::default();
    let shared = Shared {
        accepted: accepted.clone(),
        relay: service.clone(),
        connections: connections.clone(),
        inbound,
        counters: Arc::clone(&counters),
        conduct: conduct.clone(),
        storage: setup.storage.clone(),
        public: public.clone(),
        over_quic: streams::of_services(over_quic),
    };
    let behaviour = |relay| Behaviour::new(&key, &protocols, setup.config.mdns, relay, shared);
    let routing = Routing::new(key.public().to_peer_id(), public.clone(), Arc::clone(&counters));
    let mut swarm = build(key.clone(), over_quic, behaviour).await?;
    let port = listen(&mut swarm, &setup)?;

    let (commands, requests) = mpsc::channel(COMMANDS);
    let (events, reported) = mpsc::channel(EVENTS);
    let (topics, told) = mpsc::channel(TOPIC_EVENTS);
    let (accusations, accused) = mpsc::channel(ACCUSATIONS);
    let (dht_server, is_dht_server) = watch::channel(false);
    let (offered, candidates) = watch::channel(Vec::new());
    let driver = Driver {
        swarm,
        me,
        network: setup.network,
        topic: gossipsub::IdentTopic::new(&protocols.announcements),
        topics,
        frauds: gossipsub::IdentTopic::new(&protocols.frauds),
        accusations,
        public: public.clone(),
        protocols: Arc::clone(&protocols),
        connections: connections.clone(),
        counters: Arc::clone(&counters),
        conduct: conduct.clone(),
        trust: setup.trust,
        commands: requests,
        events,
        outbox: VecDeque::new(),
        reports: setup.events,
        addresses,
        dht_server,
        ready: HashSet::new(),
        strangers: HashMap::new(),
        dials: Dials::default(),
        dht: Dht::new(Arc::clone(&counters)),
        routing,
        reach: Reach::new(
            setup.clock,
            setup.config.public_ranges,
            nonces.clone(),
            PortMap::new(port.filter(|_| setup.config.port_mapping)),
            offered,
        ),
        accepted,
        relay: service.clone(),
        relays: setup.config.relay,
        joining: Joining::new(setup.storage.remembered(), setup.bootstrap, setup.config.mdns),
        next_round: Instant::now(),
        next_sweep: Instant::now(),
    };
    let net = Net {
        me,
        protocols,
        connections,
        counters,
        conduct,
        relay: service,
        commands,
        addresses: known_addresses,
        dht_server: is_dht_server,
        candidates,
        nonces,
        tests: autonat::Limits::new(public.clone()),
        public,
    };
    Ok(Started {
        net,
        events: reported,
        topics: told,
        accusations: accused,
        inbound: streams,
        port,
        task: tokio::spawn(driver.run()),
    })
}

fn failed(error: impl ToString) -> SpawnError {
    SpawnError::Network { reason: error.to_string() }
}

/// The streams that a peer may open over QUIC, if they are neither too few to work with nor more than there can be.
fn streams_over_quic(streams: u32) -> Result<u32, SpawnError> {
    if (FEWEST_STREAMS..=MOST_STREAMS_OVER_QUIC).contains(&streams) {
        return Ok(streams);
    }
    Err(failed(format!(
        "net.streams_over_quic is {streams}; it takes a number from {FEWEST_STREAMS} to {MOST_STREAMS_OVER_QUIC}"
    )))
}

/// The swarm with its transports, the relayed one included; `behaviour` gets the half of that which is a behaviour.
async fn build(
    key: Keypair,
    streams: u32,
    behaviour: impl FnOnce(relay::client::Behaviour) -> Result<Behaviour, SpawnError>,
) -> Result<Swarm<Behaviour>, SpawnError> {
    let builder = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), (Tls::new, noise::Config::new), multiplexer)
        .map_err(failed)?
        .with_other_transport(|key| {
            let mut config = quic::Config::new(key);
            // The bounds are set where substreams are taken up, for each kind and each peer.
            config.max_concurrent_stream_limit = streams;
            // Each end asks when it has heard nothing for so long. Two that ask at the same moment say everything twice; with
            // different waits the one with the shorter one asks, and the other hears it. Twice the wait is less than the ten
            // seconds after which a silent connection is dead, so one packet may be lost.
            config.keep_alive_interval = Duration::from_millis(rand::random_range(KEEP_ALIVE_MS));
            quic::tokio::Transport::new(config).map(|(peer, connection), _| (peer, Patient(connection)))
        })
        .map_err(failed)?;
    let config = |config: libp2p::swarm::Config| {
        config
            .with_idle_connection_timeout(IDLE)
            .with_max_negotiating_inbound_streams(NEGOTIATING)
            // A substream costs no extra round trip: its protocol is proposed together with the first data.
            .with_substream_upgrade_protocol_override(Version::V1Lazy)
    };
    // Without a resolver's configuration (a machine that was never online) names cannot be resolved; all else works.
    if Path::new("/etc/resolv.conf").exists() || cfg!(windows) {
        let builder = builder.with_dns().map_err(failed)?;
        let builder = builder.with_websocket((Tls::new, noise::Config::new), multiplexer).await.map_err(failed)?;
        let builder = builder.with_relay_client((Tls::new, noise::Config::new), multiplexer).map_err(failed)?;
        let builder = builder.with_behaviour(|_, relay| Ok(behaviour(relay)?)).map_err(failed)?;
        Ok(builder.with_swarm_config(config).build())
    } else {
        let builder = builder.with_other_transport(|key| Ok(websocket_by_address(key)?)).map_err(failed)?;
        let builder = builder.with_relay_client((Tls::new, noise::Config::new), multiplexer).map_err(failed)?;
        let builder = builder.with_behaviour(|_, relay| Ok(behaviour(relay)?)).map_err(failed)?;
        Ok(builder.with_swarm_config(config).build())
    }
}

/// TLS with AES is the faster of the two on today's machines; js-libp2p speaks only Noise.
fn multiplexer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(SUBSTREAMS_OVER_TCP);
    config
}

/// WebSocket for addresses without names. Noise alone will do: whoever listens offers it.
fn websocket_by_address(key: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let secured = websocket::Config::new(tcp).upgrade(Version::V1Lazy).authenticate(noise::Config::new(key)?);
    Ok(secured.multiplex(multiplexer()).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
}

/// Listens on every planned address that can be; an error only if none can. Gives the common port, if there is one.
fn listen(swarm: &mut Swarm<Behaviour>, setup: &Setup) -> Result<Option<u16>, SpawnError> {
    let plan = listen::plan(&setup.config.listen, setup.storage.port(), setup.config.websocket_port);
    for (wanted, using) in plan.moved {
        setup.events.report(NodeEvent::PortTaken { wanted, using });
    }
    let mut failures: Vec<(Multiaddr, String)> = Vec::new();
    let mut listening = 0_usize;
    for address in plan.addresses {
        match swarm.listen_on(address.clone()) {
            Ok(_) => listening += 1,
            Err(error) => failures.push((address, listen_failure(&error))),
        }
    }
    if listening == 0 {
        let reason: Vec<String> = failures.iter().map(|(address, reason)| format!("{address}: {reason}")).collect();
        return Err(SpawnError::Listen { reason: reason.join("; ") });
    }
    for (address, reason) in failures {
        setup.events.report(NodeEvent::ListenFailed { address, reason });
    }
    Ok(plan.port)
}

fn listen_failure(error: &libp2p::TransportError<std::io::Error>) -> String {
    match error {
        libp2p::TransportError::MultiaddrNotSupported(_) => {
            "not an address to listen on; use /ip4/…/udp/…/quic-v1 or /ip4/…/tcp/…".to_owned()
        }
        libp2p::TransportError::Other(e) => e.to_string(),
    }
}
