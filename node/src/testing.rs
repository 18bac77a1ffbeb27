//! What the tests of several modules share: nodes on loopback, bare peers that say what a test makes them say, and
//! waiting for a condition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use atoll_protocol::{
    adjacency::{Adjacencies, Adjacency, Neighbour, Passed},
    codec,
    directory::SyncRequest,
    identity::SecretKey,
    names::{InstanceId, NetworkName},
    sealed::Signed,
    service::{Extensions, Protocol, Seq, ServiceRecord, UnixMillis},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::StreamProtocol;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Builder, Multiaddr, Node, NodeId,
    clock::Clock,
    config::{NetConfig, StandingConfig},
    event::Events,
    net::{
        self, Net, NetEvent,
        connections::{Connection, Connections},
        streams::{Inbound, Substream},
    },
    rpc::Rpc,
    standing::{self, Trust},
    storage::Storage,
};

/// The network that tests run on.
pub(crate) const NETWORK: &str = "test";
/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn network() -> NetworkName {
    NETWORK.parse().unwrap()
}

/// QUIC and TCP on ports of the system's choice.
pub(crate) fn loopback() -> Vec<Multiaddr> {
    vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()]
}

pub(crate) fn builder() -> Builder {
    Node::builder().network(NETWORK).mdns(false).listen(loopback())
}

/// A node that has begun to listen.
pub(crate) async fn node(bootstrap: &[Multiaddr]) -> Node {
    listening(builder().bootstrap(bootstrap.iter().cloned())).await
}

pub(crate) async fn listening(builder: Builder) -> Node {
    let wanted = builder.config.net.listen.len();
    let node = builder.spawn().await.unwrap();
    eventually("the node listens", || node.addresses().len() >= wanted).await;
    node
}

/// Two nodes that are connected and know each other's services.
pub(crate) async fn pair() -> (Node, Node) {
    let first = node(&[]).await;
    let second = node(&first.addresses()).await;
    within("joining", async {
        first.joined().await;
        second.joined().await;
    })
    .await;
    (first, second)
}

/// A node on a directory that another one is just leaving.
pub(crate) async fn taking_over(dir: &Path) -> Node {
    within("the directory is free", async {
        loop {
            match builder().data_dir(dir).spawn().await {
                Ok(node) => return node,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

/// What is thought of others where nothing is kept and nobody is limited.
pub(crate) fn standing_setup(key: &SecretKey) -> standing::Setup<'_> {
    standing::Setup {
        key,
        network: network(),
        storage: Storage::open(None).unwrap(),
        clock: Clock::start(),
        seeds: Vec::new(),
        friends: BTreeSet::new(),
        bits: 0,
        only_here: true,
        limits: false,
        capacity: StandingConfig::default().capacity(),
    }
}

/// Waits until `check` holds.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    within(what, async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// What happens again and again, and is waited for once for each time: no time is lost, however late one asks.
pub(crate) struct Happening(Semaphore);

impl Default for Happening {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Happening {
    pub(crate) fn happens(&self) {
        self.0.add_permits(1);
    }

    /// The next time that nobody has waited for yet.
    pub(crate) async fn happened(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

/// Waits for what must happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("never happened: {what}"),
    }
}

pub(crate) fn rpc(node: &Node) -> &Arc<Rpc> {
    &node.0.rpc
}

/// How many `system` and other services a node lists, by name.
pub(crate) fn lists(node: &Node, name: &str) -> bool {
    node.services().iter().any(|i| i.record.value().name.as_str() == name)
}

/// An open connection to `peer`, waited for.
pub(crate) async fn connection(from: &Connections, peer: NodeId) -> Arc<Connection> {
    let mut found = None;
    eventually("a connection", || {
        found = from.best(&peer);
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// A service record as a publisher takes it; numbered and dated by the publisher.
pub(crate) fn record(name: &str, version: &str, instance: u64) -> ServiceRecord {
    ServiceRecord {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        instance: InstanceId(instance),
        endpoints: Vec::new(),
        topics: Vec::new(),
        doc: String::new(),
        metadata: std::collections::BTreeMap::new(),
        protocols: vec![Protocol::Rpc],
        issued: UnixMillis::default(),
        seq: Seq::default(),
        extensions: Extensions::new(),
    }
}

/// What `author` says of its connections, all of one millisecond.
pub(crate) fn adjacency(author: &SecretKey, network: &NetworkName, seq: u64, peers: &[NodeId]) -> Signed<Adjacency> {
    let mut peers = peers.to_vec();
    peers.sort_unstable();
    let told = |node| Neighbour { node, rtt_us: Some(1_000), relayed: false };
    let neighbours = peers.into_iter().map(told).collect();
    let issued = crate::clock::Clock::start().wall();
    let said = Adjacency { seq: Seq(seq), issued, ttl_secs: 60, neighbours, extensions: Extensions::new() };
    Signed::seal(author, network, said).unwrap().signed().clone()
}

/// A peer with the overlay of a node and nothing on top of it: it answers only what a test answers for it.
pub(crate) struct Bare {
    pub(crate) key: SecretKey,
    pub(crate) net: Net,
    pub(crate) events: mpsc::Receiver<NetEvent>,
    inbound: mpsc::Receiver<Inbound>,
}

impl Bare {
    /// A bare peer that is connected to `node`.
    pub(crate) async fn beside(node: &Node) -> Self {
        // Of two ways the faster one stays, and who is dialled sees the other one open and close: nothing is to be sent over that.
        let bare = Self::joining(node.addresses().get(..1).unwrap()).await;
        connection(&rpc(node).net.connections, bare.net.me).await;
        connection(&bare.net.connections, node.id()).await;
        bare
    }

    /// A bare peer that listens, and begins to join through those addresses.
    pub(crate) async fn joining(bootstrap: &[Multiaddr]) -> Self {
        let key = SecretKey::from_seed(&rand::random());
        let setup = standing_setup(&key);
        let (storage, clock) = (setup.storage.clone(), setup.clock);
        let trust = Trust::new(setup);
        let started = net::start(net::Setup {
            key: key.clone(),
            network: network(),
            config: NetConfig { listen: loopback(), mdns: false, ..NetConfig::default() },
            bootstrap: bootstrap.to_vec(),
            storage,
            clock,
            events: Events::new(None),
            trust,
        })
        .await
        .unwrap();
        let bare = Self { key, net: started.net, events: started.events, inbound: started.inbound };
        eventually("it listens", || bare.net.addresses().len() >= loopback().len()).await;
        bare
    }

    /// The next substream of `protocol` that the node opens; others are dropped.
    pub(crate) async fn accept(&mut self, protocol: &StreamProtocol) -> Substream {
        within("a substream is opened", async {
            loop {
                let inbound = self.inbound.recv().await.unwrap();
                if inbound.protocol == *protocol {
                    return inbound.stream;
                }
            }
        })
        .await
    }

    /// Answers what it is asked about connections with what `held` has for each number of hops, and everything else with nothing.
    pub(crate) async fn answer_adjacent(mut self, held: Arc<Mutex<Vec<Signed<Adjacency>>>>) {
        let describe = self.net.protocols.describe.clone();
        loop {
            let mut stream = self.accept(&describe).await;
            let mut bytes = Vec::new();
            let read = stream.read_to_end(&mut bytes).await;
            if let (Ok(4..), Ok(SyncRequest::Adjacent { question })) = (read, SyncRequest::decode(&bytes[4..])) {
                let count = usize::from(question.most).min(usize::from(question.hops) + 1);
                let passed = |adjacency| Passed { adjacency, remaining_ms: 60_000 };
                let held = held.lock().iter().take(count).cloned().map(passed).collect();
                let answer = codec::encode(&Adjacencies { held }).unwrap();
                let len = u32::try_from(answer.len()).unwrap().to_le_bytes();
                let _ = stream.write_all(&[&len[..], &answer].concat()).await;
            }
            let _ = stream.close().await;
        }
    }

    /// Opens a substream of `protocol` to `node`.
    pub(crate) async fn open(&self, node: &Node, protocol: &StreamProtocol) -> Substream {
        let connection = connection(&self.net.connections, node.id()).await;
        within("a substream", connection.open(protocol.clone())).await.unwrap()
    }

    /// Waits until `node` listens to gossip.
    pub(crate) async fn heard(&mut self) {
        within("gossip has a listener", async {
            while !matches!(self.events.recv().await.unwrap(), NetEvent::Listens) {}
        })
        .await;
    }
}
