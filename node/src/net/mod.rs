//! The overlay: one task that owns the libp2p swarm, and the handle through which everything else speaks to it.
//!
//! Only control traffic passes through the swarm task: dialling, gossip, Kademlia, identification. Substreams are
//! opened and driven outside it (see [`streams`]), so a busy data plane does not slow the overlay, nor the reverse.

mod addresses;
pub(crate) mod autonat;
mod bars;
mod behaviour;
pub(crate) mod conduct;
pub(crate) mod connections;
mod counters;
mod delimited;
mod driver;
pub(crate) mod framed;
mod joining;
mod listen;
mod patient;
mod portmap;
mod protocols;
pub(crate) mod punch;
pub(crate) mod reach;
mod records;
pub(crate) mod relay;
pub(crate) mod streams;
#[cfg(test)]
mod tests;
mod tls;

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::NetworkName,
};
use atoll_registry::{
    exchange::Verdict,
    peers::{PublicRanges, Subnet},
};
use libp2p::{Multiaddr, PeerId, gossipsub, swarm::ConnectionId};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use self::{
    autonat::{Asker, DialBackError, Nonces},
    conduct::Conduct,
    connections::{Connection, Connections},
    protocols::IDENTIFY_PREFIX,
    punch::Agreed,
    reach::Reach,
    relay::Relay,
    streams::Inbound,
};
use crate::{
    clock::Clock,
    config::NetConfig,
    error::ConnectError,
    event::Events,
    standing::{Accusation, Trust},
    storage::Storage,
};

/// Commands that may wait for the swarm task.
const COMMANDS: usize = 256;
/// Events that may wait for the directory.
const EVENTS: usize = 512;
/// Events that may wait for the broker.
const TOPIC_EVENTS: usize = 1024;
/// Proofs of fraud that may wait to be looked at.
const ACCUSATIONS: usize = 64;
/// How long a dial may take until the peer has identified itself.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait until a peer that has fallen silent is dialled once more.
const REDIAL: Duration = Duration::from_secs(1);
/// How long a peer that was dialled back may take to confirm the nonce.
const NONCE_PATIENCE: Duration = Duration::from_secs(5);

/// What the overlay tells the broker. What there is no room for is found by comparing with others.
#[derive(Debug)]
pub(crate) enum TopicEvent {
    /// An announcement has arrived. Its verdict is to be given within five seconds.
    Gossip { message: gossipsub::MessageId, source: PeerId, data: Vec<u8> },
    /// A peer of this network is connected and identified.
    Ready { peer: NodeId },
    /// The last connection to a peer is gone.
    Lost { peer: NodeId },
}

/// What the overlay tells the directory.
#[derive(Debug)]
pub(crate) enum NetEvent {
    /// An announcement has arrived. Its verdict is to be given within five seconds.
    Gossip { message: gossipsub::MessageId, source: PeerId, data: Vec<u8> },
    /// A peer of this network is connected and identified; `subnet` is where it counts, a relay's if there is one between.
    Ready { peer: NodeId, subnet: Option<Subnet> },
    /// A peer has begun to listen to announcements.
    Listens,
    /// The last connection to a peer is gone; `failed` if it broke rather than was closed.
    Lost { peer: NodeId, failed: bool },
    /// The addresses that this node can be dialled at have changed.
    Addresses,
}

/// Providers that a look-up gives at most.
const PROVIDERS: usize = 32;

/// How much a look-up for providers is to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LookUp {
    /// A few, those that are named first.
    Quick,
    /// All that are to be found.
    Thorough,
}

/// What the swarm task is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Dial {
        peer: Option<NodeId>,
        addresses: Vec<Multiaddr>,
        reply: oneshot::Sender<Result<NodeId, ConnectError>>,
    },
    /// Dial a peer whose connections have fallen silent.
    DialBeside {
        peer: NodeId,
        addresses: Vec<Multiaddr>,
    },
    Publish {
        data: Vec<u8>,
    },
    /// Gossip a proof of fraud.
    Accuse {
        data: Vec<u8>,
    },
    /// Gossip about a topic.
    Announce {
        channel: Channel,
        data: Vec<u8>,
    },
    /// Begin or cease to hear what is gossiped there.
    Listen {
        channel: Channel,
        on: bool,
    },
    Verdict {
        message: gossipsub::MessageId,
        source: PeerId,
        verdict: Verdict,
    },
    Provide {
        key: Vec<u8>,
    },
    Unprovide {
        key: Vec<u8>,
    },
    Providers {
        key: Vec<u8>,
        look_up: LookUp,
        reply: mpsc::Sender<NodeId>,
    },
    /// Dial a peer behind a NAT at this very moment, which it knows of.
    Punch {
        peer: NodeId,
        agreed: Agreed,
    },
    /// Dial a peer that is connected once more, from another port than others know.
    DialAnew {
        peer: NodeId,
        address: Multiaddr,
        reply: oneshot::Sender<Result<Arc<Connection>, String>>,
    },
    Close {
        connection: ConnectionId,
    },
    /// How is this node reached?
    Reach {
        reply: oneshot::Sender<Reach>,
    },
    Shutdown {
        reply: oneshot::Sender<()>,
    },
}

/// What the overlay needs to start.
pub(crate) struct Setup {
    pub(crate) key: SecretKey,
    pub(crate) network: NetworkName,
    pub(crate) config: NetConfig,
    pub(crate) bootstrap: Vec<Multiaddr>,
    /// What was kept over the restart: peers, the port, provider records.
    pub(crate) storage: Storage,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    pub(crate) trust: Trust,
}

/// What a started overlay hands out besides its handle.
pub(crate) struct Started {
    pub(crate) net: Net,
    pub(crate) events: mpsc::Receiver<NetEvent>,
    pub(crate) topics: mpsc::Receiver<TopicEvent>,
    /// Proofs of fraud that were gossiped.
    pub(crate) accusations: mpsc::Receiver<Accusation>,
    pub(crate) inbound: mpsc::Receiver<Inbound>,
    /// The one port that the node listens on, where it chose one.
    pub(crate) port: Option<u16>,
    pub(crate) task: JoinHandle<()>,
}

/// Handle to the overlay; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Net {
    pub(crate) me: NodeId,
    pub(crate) protocols: Arc<Protocols>,
    pub(crate) connections: Connections,
    pub(crate) counters: Arc<Counters>,
    pub(crate) conduct: Conduct,
    pub(crate) relay: Relay,
    commands: mpsc::Sender<Command>,
    addresses: watch::Receiver<Vec<Multiaddr>>,
    dht_server: watch::Receiver<bool>,
    candidates: watch::Receiver<Vec<Multiaddr>>,
    nonces: Nonces,
    tests: autonat::Limits,
    public: PublicRanges,
}

impl Net {
    /// Where this node can be dialled, without `/p2p`.
    pub(crate) fn addresses(&self) -> Vec<Multiaddr> {
        self.addresses.borrow().clone()
    }

    /// The same, each with `/p2p/<id>`.
    pub(crate) fn listening(&self) -> Vec<Multiaddr> {
        self.addresses().iter().map(|address| with_peer(address, &self.me)).collect()
    }

    /// The subnet that counts for an address, if it is a public one.
    pub(crate) fn subnet(&self, address: &Multiaddr) -> Option<Subnet> {
        self.public.subnet(ip(address)?)
    }

    /// Whether this node answers Kademlia queries.
    pub(crate) fn is_dht_server(&self) -> bool {
        *self.dht_server.borrow()
    }

    /// Dials and waits until the peer has identified itself as a node of this network. Without `peer`, whoever
    /// answers at the addresses will do.
    pub(crate) async fn dial(&self, peer: Option<NodeId>, addresses: Vec<Multiaddr>) -> Result<NodeId, ConnectError> {
        let (reply, done) = oneshot::channel();
        self.commands.send(Command::Dial { peer, addresses, reply }).await.map_err(|_| ConnectError::Stopped)?;
        tokio::time::timeout(DIAL_TIMEOUT, done)
            .await
            .map_err(|_| ConnectError::Timeout { after: DIAL_TIMEOUT })?
            .map_err(|_| ConnectError::Stopped)?
    }

    /// The best open connection to `peer`, dialling it at `addresses` (and what Kademlia knows) if there is none. Where there
    /// is one that has fallen silent, it is dialled beside that; whichever is heard first is given.
    pub(crate) async fn connect(
        &self,
        peer: NodeId,
        addresses: Vec<Multiaddr>,
    ) -> Result<Arc<Connection>, ConnectError> {
        match self.connections.best(&peer) {
            Some(silent) if silent.is_silent() => {
                let heard = tokio::time::timeout(DIAL_TIMEOUT, self.another_way(peer, &addresses)).await;
                if let Some(connection) = heard.map_err(|_| ConnectError::Timeout { after: DIAL_TIMEOUT })? {
                    return Ok(connection);
                }
            }
            Some(connection) => return Ok(connection),
            None => {}
        }
        self.dial(Some(peer), addresses).await?;
        self.connections.best(&peer).ok_or(ConnectError::Closed { peer })
    }

    /// Dials a peer beside its silent connections, again and again, until it is heard; `None` if they are all gone first.
    async fn another_way(&self, peer: NodeId, addresses: &[Multiaddr]) -> Option<Arc<Connection>> {
        loop {
            self.command(Command::DialBeside { peer, addresses: addresses.to_vec() }).await;
            // Both ends may just have lost a relay, and be about to find another one.
            if let Ok(heard) = tokio::time::timeout(REDIAL, self.connections.heard(&peer)).await {
                return heard;
            }
        }
    }

    /// Gossips an announcement. Having nobody to tell is no error: whoever connects later asks.
    pub(crate) async fn publish(&self, data: Vec<u8>) {
        self.command(Command::Publish { data }).await;
    }

    /// Gossips a proof of fraud.
    pub(crate) async fn accuse(&self, data: Vec<u8>) {
        self.command(Command::Accuse { data }).await;
    }

    /// Gossips about a topic.
    pub(crate) async fn announce(&self, channel: Channel, data: Vec<u8>) {
        self.command(Command::Announce { channel, data }).await;
    }

    /// Begins or ceases to hear what is gossiped there.
    pub(crate) async fn listen(&self, channel: Channel, on: bool) {
        self.command(Command::Listen { channel, on }).await;
    }

    /// Says what is to become of a gossip message.
    pub(crate) async fn verdict(&self, message: gossipsub::MessageId, source: PeerId, verdict: Verdict) {
        self.command(Command::Verdict { message, source, verdict }).await;
    }

    /// Begins to say in the DHT that this node provides `key`.
    pub(crate) async fn provide(&self, key: Vec<u8>) {
        self.command(Command::Provide { key }).await;
    }

    /// Stops saying so.
    pub(crate) async fn unprovide(&self, key: Vec<u8>) {
        self.command(Command::Unprovide { key }).await;
    }

    /// Asks the DHT who provides `key`. A quick look-up gives all at its end, a thorough one each as soon as it is named. Ends at
    /// once if there is nobody to ask.
    pub(crate) async fn named(&self, key: Vec<u8>, look_up: LookUp) -> mpsc::Receiver<NodeId> {
        let (reply, named) = mpsc::channel(PROVIDERS);
        self.command(Command::Providers { key, look_up, reply }).await;
        named
    }

    /// The same, all of them when the look-up has ended.
    pub(crate) async fn providers(&self, key: Vec<u8>, look_up: LookUp) -> Vec<NodeId> {
        let mut named = self.named(key, look_up).await;
        let mut all = Vec::new();
        while let Some(provider) = named.recv().await {
            all.push(provider);
        }
        all
    }

    /// Serves a substream of one of the protocols by which nodes reach each other; gives it back if it is none of them.
    pub(crate) async fn serve(&self, inbound: Inbound) -> Option<Inbound> {
        match &inbound.protocol {
            p if *p == punch::PROTOCOL => self.agree_to_punch(inbound).await,
            p if *p == autonat::DIAL_REQUEST => self.test(inbound).await,
            p if *p == autonat::DIAL_BACK => self.dialled_back(inbound).await,
            _ => return Some(inbound),
        }
        None
    }

    async fn agree_to_punch(&self, inbound: Inbound) {
        let own = self.candidates.borrow().clone();
        match punch::respond(inbound.stream, &own).await {
            Ok(agreed) => self.command(Command::Punch { peer: inbound.peer, agreed }).await,
            Err(why) => tracing::debug!(peer = %inbound.peer, "no hole punched: {why}"),
        }
    }

    /// A server says the nonce of a test that this node has asked for. Over a connection that this node has dialled itself
    /// it proves nothing.
    async fn dialled_back(&self, inbound: Inbound) {
        let Inbound { peer, connection, stream, .. } = inbound;
        if connection.outbound {
            tracing::debug!(%peer, "a test of this node's address is void: it came over a connection dialled from here");
            return;
        }
        if let Err(why) = autonat::accept_dial_back(stream, connection.established, &self.nonces).await {
            tracing::debug!(%peer, "a test of this node's address is void: {why}");
        }
    }

    /// Tries whether a peer can be dialled at one of the addresses that it names.
    async fn test(&self, inbound: Inbound) {
        let Inbound { peer, connection, stream, .. } = inbound;
        let from = connection.address.clone();
        let public = |ip| self.public.contains(ip);
        let dial_back = async |address, nonce| self.dial_back(peer, address, nonce).await;
        let served = autonat::serve(stream, &Asker { peer, from }, &self.tests, public, dial_back).await;
        tracing::debug!(%peer, ?served, "tried whether a peer can be dialled");
    }

    /// Dials a peer over a connection of its own, and says the nonce there. In a task of its own: whoever gives up waiting
    /// must not leave the connection behind.
    async fn dial_back(&self, peer: NodeId, address: Multiaddr, nonce: u64) -> Result<(), DialBackError> {
        let net = self.clone();
        let dialling = tokio::spawn(async move {
            let (reply, dialled) = oneshot::channel();
            net.command(Command::DialAnew { peer, address, reply }).await;
            let connection = dialled.await.map_err(|_| DialBackError::Unable)?;
            let connection = connection.map_err(|_| DialBackError::Unreachable)?;
            let confirmed = tokio::time::timeout(NONCE_PATIENCE, say_nonce(&connection, nonce)).await;
            net.command(Command::Close { connection: connection.id }).await;
            confirmed.unwrap_or(Err(DialBackError::Unconfirmed))
        });
        dialling.await.unwrap_or(Err(DialBackError::Unable))
    }

    /// How this node is reached, and reaches those that cannot be dialled; `None` if it is stopping.
    pub(crate) async fn reach(&self) -> Option<Reach> {
        let (reply, report) = oneshot::channel();
        self.command(Command::Reach { reply }).await;
        report.await.ok()
    }

    /// Begins to close all connections and to stop, without waiting for it; `false` if that is too much to ask now.
    pub(crate) fn close(&self) -> bool {
        let (reply, _) = oneshot::channel();
        self.commands.try_send(Command::Shutdown { reply }).is_ok()
    }

    /// Whether the overlay has stopped: nobody can be reached any more.
    pub(crate) fn has_stopped(&self) -> bool {
        self.commands.is_closed()
    }

    /// Closes all connections and stops.
    pub(crate) async fn shutdown(&self) {
        let (reply, done) = oneshot::channel();
        self.command(Command::Shutdown { reply }).await;
        let _ = done.await;
    }

    /// A command to a task that has stopped is void: the node is going down, and its callers with it.
    async fn command(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }
}

/// Says a nonce on this very connection.
async fn say_nonce(connection: &Connection, nonce: u64) -> Result<(), DialBackError> {
    let stream = connection.open(autonat::DIAL_BACK).await.map_err(|_| DialBackError::Unconfirmed)?;
    autonat::say_nonce(stream, nonce).await
}

/// The libp2p form of a node's identity.
pub(crate) fn peer_id(node: &NodeId) -> Option<PeerId> {
    PeerId::from_bytes(&node.to_peer_id_bytes()).ok()
}

/// The Atoll form of a libp2p identity; `None` if its key is not Ed25519.
pub(crate) fn node_id(peer: &PeerId) -> Option<NodeId> {
    NodeId::from_peer_id_bytes(&peer.to_bytes()).ok()
}

pub(crate) use addresses::{bare, ip, parse_address, split_peer, with_peer};
#[cfg(test)]
pub(crate) use counters::SchemaCounters;
pub(crate) use counters::{Counter, Counters, Gauge};
pub(crate) use driver::start;
pub(crate) use protocols::{Channel, Protocols};
pub(crate) use records::multihash;
