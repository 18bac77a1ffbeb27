//! Peers with real swarms: relays, clients of libp2p's, and raw ones that do what a test makes them do.

use std::{collections::HashMap, sync::Arc, time::Duration};

use atoll_protocol::identity::NodeId;
use atoll_registry::peers::PublicRanges;
use atoll_registry::reach::capacity::RelayLimits;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    core::upgrade::Version,
    identify,
    multiaddr::Protocol,
    noise, relay as upstream,
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle, dial_opts::DialOpts},
    tcp, yamux,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{
    net::{
        Counters,
        connections::{Connection, Connections},
        node_id,
        relay::{
            Behaviour, HOP, Relay, STOP,
            messages::{self, HopKind, HopMessage, Peer as Named, Status, StopMessage},
        },
        streams::{self, Accepted, Inbound, Substream},
    },
    testing::{eventually, within},
};

/// What the tests speak over circuits.
pub(super) const TALK: StreamProtocol = StreamProtocol::new("/test/talk/1");

#[derive(NetworkBehaviour)]
pub(super) struct Parts {
    streams: streams::Behaviour,
    identify: identify::Behaviour,
    relay: Behaviour,
    client: Toggle<upstream::client::Behaviour>,
}

type Order = Box<dyn FnOnce(&mut Swarm<Parts>) + Send>;

/// What a peer has been told by its swarm.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Where it listens, circuits included.
    pub(super) listening: Vec<Multiaddr>,
    /// Why it does not listen somewhere any more.
    pub(super) closed: Vec<String>,
    /// Why it could not dial.
    pub(super) failed: Vec<String>,
    /// What others speak.
    pub(super) protocols: HashMap<PeerId, Vec<StreamProtocol>>,
    /// Reservations that it was granted, and whether it had one.
    pub(super) renewals: Vec<bool>,
}

/// One peer; its swarm stops when it is dropped.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) node: NodeId,
    pub(super) relay: Relay,
    pub(super) connections: Connections,
    pub(super) seen: Arc<Mutex<Seen>>,
    inbound: tokio::sync::Mutex<mpsc::Receiver<Inbound>>,
    orders: mpsc::Sender<Order>,
}

/// What a peer is made of.
pub(super) struct Kind {
    pub(super) limits: RelayLimits,
    /// Whether it is a client of libp2p's; else it takes stop substreams itself.
    pub(super) client: bool,
    /// How long an unused connection stays open.
    pub(super) idle: Duration,
}

impl Default for Kind {
    fn default() -> Self {
        Self { limits: RelayLimits::default(), client: true, idle: Duration::from_secs(60) }
    }
}

impl Peer {
    /// A relay that is on.
    pub(super) async fn relay(limits: RelayLimits) -> Self {
        let peer = Self::start(Kind { limits, ..Kind::default() }).await;
        peer.relay.set_enabled(true);
        peer
    }

    /// A peer with libp2p's client.
    pub(super) async fn client() -> Self {
        Self::start(Kind::default()).await
    }

    /// A peer that takes stop substreams itself.
    pub(super) async fn raw() -> Self {
        Self::start(Kind { client: false, ..Kind::default() }).await
    }

    pub(super) async fn start(kind: Kind) -> Self {
        let (inbound_to, inbound) = mpsc::channel(64);
        let (orders, ordered) = mpsc::channel(16);
        let (connections, seen) = (Connections::default(), Arc::<Mutex<Seen>>::default());
        let parts = (connections.clone(), inbound_to, Arc::clone(&seen));
        let (swarm, relay) = swarm(&kind, parts);
        let id = *swarm.local_peer_id();
        tokio::spawn(run(swarm, ordered, Arc::clone(&seen)));
        let inbound = tokio::sync::Mutex::new(inbound);
        let peer = Self { id, node: node_id(&id).unwrap(), relay, connections, seen, inbound, orders };
        peer.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).await;
        peer.listen("/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()).await;
        eventually("it listens", || peer.seen.lock().listening.len() == 2).await;
        peer
    }

    pub(super) async fn order(&self, order: impl FnOnce(&mut Swarm<Parts>) + Send + 'static) {
        assert!(self.orders.send(Box::new(order)).await.is_ok());
    }

    async fn listen(&self, address: Multiaddr) {
        self.order(|swarm| {
            swarm.listen_on(address).unwrap();
        })
        .await;
    }

    /// Its own address over `transport`, `tcp` or `quic-v1`, with its id.
    pub(super) fn address(&self, transport: &str) -> Multiaddr {
        let seen = self.seen.lock();
        let mut direct = seen.listening.iter().filter(|a| !circuit(a));
        let address = direct.find(|a| a.to_string().contains(transport)).cloned().unwrap();
        address.with(Protocol::P2p(self.id))
    }

    /// The address of `target` through this relay.
    pub(super) fn through(&self, transport: &str, target: &Self) -> Multiaddr {
        self.address(transport).with(Protocol::P2pCircuit).with(Protocol::P2p(target.id))
    }

    pub(super) async fn dial(&self, address: Multiaddr) {
        let opts = DialOpts::unknown_peer_id().address(address).build();
        self.order(|swarm| swarm.dial(opts).unwrap()).await;
    }

    /// Connects to `other` directly and gives that connection.
    pub(super) async fn join(&self, other: &Self, transport: &str) -> Arc<Connection> {
        let before = self.connections.all().len();
        self.dial(other.address(transport)).await;
        eventually("they are connected", || self.connections.all().len() > before).await;
        let connections = self.connections.all();
        connections.into_iter().filter(|c| c.peer == other.node).max_by_key(|c| c.established).unwrap()
    }

    /// Reserves at `relay` with libp2p's client, and waits until it may.
    pub(super) async fn reserve(&self, relay: &Self, transport: &str) {
        self.listen(relay.address(transport).with(Protocol::P2pCircuit)).await;
        eventually("it has a reservation", || self.seen.lock().listening.iter().any(circuit)).await;
    }

    /// Reserves at the other end of `connection` by hand.
    pub(super) async fn reserve_by_hand(&self, connection: &Connection) -> HopMessage {
        let reserve = HopMessage { kind: Some(HopKind::Reserve.into()), ..HopMessage::default() };
        self.hop(connection, &reserve).await.1
    }

    /// Asks for a circuit to `target` by hand.
    pub(super) async fn connect_by_hand(&self, connection: &Connection, target: NodeId) -> (Substream, Status) {
        let peer = Some(Named { id: target.to_peer_id_bytes() });
        let connect = HopMessage { kind: Some(HopKind::Connect.into()), peer, ..HopMessage::default() };
        let (stream, answer) = self.hop(connection, &connect).await;
        (stream, Status::try_from(answer.status.unwrap()).unwrap())
    }

    async fn hop(&self, connection: &Connection, message: &HopMessage) -> (Substream, HopMessage) {
        let mut stream = within("a hop substream", connection.open(HOP)).await.unwrap();
        messages::write(&mut stream, message).await.unwrap();
        let answer = within("an answer", messages::read(&mut stream)).await.unwrap();
        (stream, answer)
    }

    /// The next substream of `protocol` that somebody opens here.
    pub(super) async fn accept(&self, protocol: &StreamProtocol) -> (NodeId, Substream) {
        within("a substream is opened", async {
            loop {
                let inbound = self.inbound.lock().await.recv().await.unwrap();
                if inbound.protocol == *protocol {
                    return (inbound.peer, inbound.stream);
                }
            }
        })
        .await
    }

    /// Takes a circuit by hand: the offer, and its substream.
    pub(super) async fn offered(&self) -> (StopMessage, Substream) {
        let (_, mut stream) = self.accept(&STOP).await;
        let offer = within("an offer", messages::read(&mut stream)).await.unwrap();
        (offer, stream)
    }

    /// Dials `target` through `relay` and gives the relayed connection.
    pub(super) async fn circuit(&self, relay: &Self, transport: &str, target: &Self) -> Arc<Connection> {
        self.dial(relay.through(transport, target)).await;
        crate::testing::connection(&self.connections, target.node).await
    }
}

pub(super) fn circuit(address: &Multiaddr) -> bool {
    address.iter().any(|p| matches!(p, Protocol::P2pCircuit))
}

type Shared = (Connections, mpsc::Sender<Inbound>, Arc<Mutex<Seen>>);

fn swarm(kind: &Kind, (connections, inbound, seen): Shared) -> (Swarm<Parts>, Relay) {
    let (mut made, idle, is_client) = (None, kind.idle, kind.client);
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key, client| {
            let relay = Relay::new(node_id(&key.public().to_peer_id()).unwrap(), kind.limits, move || {
                let seen = seen.lock();
                seen.listening.iter().filter(|address| !circuit(address)).cloned().collect()
            });
            made = Some(relay.clone());
            let mut accepted = vec![TALK];
            if !is_client {
                accepted.push(STOP);
            }
            let counters = Arc::<Counters>::default();
            Parts {
                streams: streams::Behaviour::new(Accepted::new(accepted, []), 64, connections, inbound, counters),
                identify: identify::Behaviour::new(identify::Config::new("/test/1".to_owned(), key.public())),
                relay: Behaviour::new(relay, PublicRanges::default()),
                client: Toggle::from(is_client.then_some(client)),
            }
        })
        .unwrap()
        .with_swarm_config(|config| {
            config.with_idle_connection_timeout(idle).with_substream_upgrade_protocol_override(Version::V1Lazy)
        })
        .build();
    (swarm, made.unwrap())
}

async fn run(mut swarm: Swarm<Parts>, mut orders: mpsc::Receiver<Order>, seen: Arc<Mutex<Seen>>) {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => order(&mut swarm),
                None => return,
            },
            event = swarm.select_next_some() => seen.lock().take(event),
        }
    }
}

impl Seen {
    fn take(&mut self, event: SwarmEvent<PartsEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.listening.push(address),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                self.listening.retain(|a| !addresses.contains(a));
                self.closed.push(format!("{reason:?}"));
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => self.failed.push(format!("{error:?}")),
            SwarmEvent::Behaviour(PartsEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.protocols.insert(peer_id, info.protocols);
            }
            SwarmEvent::Behaviour(PartsEvent::Client(upstream::client::Event::ReservationReqAccepted {
                renewal,
                limit,
                ..
            })) => {
                assert!(limit.is_none(), "{limit:?}");
                self.renewals.push(renewal);
            }
            _ => {}
        }
    }
}

/// Bytes that are the same nowhere near each other.
pub(super) fn bytes(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Sends `said` and its end, while taking what the other side says to its end.
pub(super) async fn exchange(stream: Substream, said: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = stream.split();
    let mut heard = Vec::new();
    let speak = async {
        to.write_all(said).await.unwrap();
        to.close().await.unwrap();
    };
    within("everything is exchanged", async {
        let ((), read) = futures::future::join(speak, from.read_to_end(&mut heard)).await;
        read.unwrap();
    })
    .await;
    heard
}
