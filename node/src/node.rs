//! The running node.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::{NameError, ServiceQuery},
};
use atoll_registry::services::{Instance, Search, SearchQuery};
use libp2p::Multiaddr;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    Builder, Client, ServiceBuilder, Serving, Subscribe, Topic, Watch, bench,
    broker::{self, Broker},
    clock::Clock,
    config::Config,
    control::{self, api::ServiceDescription},
    data_dir::DataDir,
    directory::{self, Directory},
    error::{ConnectError, DescribeError, RegisterError, SpawnError},
    event::{Events, NodeEvent},
    gateway,
    net::{
        self, Net,
        streams::{self, Gate, Inbound},
    },
    rpc::{self, Rpc},
    standing::{self, Trust},
    storage::Storage,
    system,
    tunnel::{self, Tunnels},
};

/// A node of the network. Cheap to clone; the node stops when the last clone is dropped or
/// [`shutdown`](Node::shutdown) is called, which is kinder to the others.
#[derive(Clone)]
pub struct Node(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) broker: Broker,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) tunnels: Tunnels,
    events: Events,
    storage: Storage,
    data_dir: Option<DataDir>,
    /// Owns the swarm. It is asked to stop rather than aborted: substreams that are open would keep their QUIC
    /// connections alive, and with them the port.
    overlay: JoinHandle<()>,
    /// End when the node's last clone is dropped.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Where programs and people can use the node over HTTP.
    gateway: Option<String>,
    /// The node's own services.
    own: Mutex<Vec<Serving>>,
}

impl Node {
    /// Begins to set up a node.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn spawn(builder: Builder) -> Result<Self, SpawnError> {
        #[cfg(test)]
        let store = builder.store.clone();
        let Builder { config, listener, error, .. } = builder;
        if let Some(error) = error {
            return Err(error.into());
        }
        config.topics.check()?;
        config.standing.check()?;
        config.tunnels.check()?;
        let clock = Clock::start();
        let data_dir = config.data_dir.as_deref().map(DataDir::hold).transpose()?;
        let path = data_dir.as_ref().map(|d| d.path().to_owned());
        let events = Events::new(listener);
        let key = standing::identity(path.as_deref(), &config, &events).await?;
        let storage = open_storage(path.clone()).await?;
        // Before anything is reported: whoever hears of this node may ask it something at once.
        let socket = path.as_deref().map(control::open).transpose()?;
        let door = gateway::open(&config.gateway)?;
        events.report(NodeEvent::Started { node: key.node_id(), data_dir: path.clone() });
        let trust = Trust::new(standing::Setup {
            key: &key,
            network: config.network.clone(),
            storage: storage.clone(),
            clock,
            seeds: config.bootstrap.iter().filter_map(|address| net::split_peer(address).1).collect(),
            friends: config.standing.trusted.clone(),
            bits: config.standing.bits(&config.network),
            only_here: standing::only_here(&config),
            limits: config.standing.limits(&config.network),
            capacity: config.standing.capacity(),
        });
        let started = net::start(net::Setup {
            key: key.clone(),
            network: config.network.clone(),
            config: config.net.clone(),
            bootstrap: config.bootstrap.clone(),
            storage: storage.clone(),
            clock,
            events: events.clone(),
            trust: trust.clone(),
        })
        .await?;
        if let Some(port) = started.port {
            storage.set_port(port);
        }
        let (directory, actor) = directory::start(directory::Setup {
            key: key.clone(),
            network: config.network.clone(),
            net: started.net.clone(),
            net_events: started.events,
            storage: storage.clone(),
            clock,
            events: events.clone(),
        });
        #[cfg(test)]
        let storage = match store {
            Some(store) => Storage::over(store)?,
            None => storage,
        };
        let stopped =
            || SpawnError::Network { reason: "the database was taken by another part of the node".to_owned() };
        let store = storage.take_store().ok_or_else(stopped)?;
        let rpc = Rpc::new(started.net, directory, trust);
        let tunnels = tunnel::start(tunnel::Setup {
            rpc: Arc::clone(&rpc),
            key: key.clone(),
            network: config.network.clone(),
            clock,
            config: config.tunnels.clone(),
            data_dir: path.as_deref(),
        })
        .await?;
        let broker = start_broker(broker::Setup {
            key,
            network: config.network.clone(),
            events: started.topics,
            rpc: Arc::clone(&rpc),
            store,
            mark: broker::Mark::running(path.as_deref()),
            clock,
            config: config.topics.clone(),
        })
        .await?;
        let gate = Arc::new(Gate::new(streams::of_services(config.net.streams_over_quic)));
        let streams = tokio::spawn(accept(Arc::clone(&rpc), broker.clone(), gate, started.inbound));
        let lanes = tokio::spawn(rpc::look_after_lanes(Arc::clone(&rpc)));
        let (trust, net) = (&rpc.trust, &rpc.net);
        let keeper = tokio::spawn(standing::keep(trust.clone(), net.clone()));
        let talker = tokio::spawn(standing::talk(trust.clone(), net.clone()));
        let hearer = tokio::spawn(standing::hear(trust.clone(), net.clone(), started.accusations));
        let node = Self(Arc::new(Inner {
            rpc,
            broker,
            config,
            clock,
            tunnels,
            events,
            storage,
            data_dir,
            overlay: started.task,
            tasks: Mutex::new(vec![actor, streams, lanes, keeper, talker, hearer]),
            gateway: door.as_ref().map(|door| door.url.clone()),
            own: Mutex::default(),
        }));
        let system = system::register(&node.0.rpc, clock).await?;
        node.0.own.lock().push(system);
        if node.0.config.bench {
            let bench = bench::register(&node.0.rpc).await?;
            node.0.own.lock().push(bench);
        }
        if node.0.config.topics.keep > 0 {
            let keeper = broker::offer_to_keep(&node.0.rpc, node.0.config.topics.keep).await?;
            node.0.own.lock().push(keeper);
        }
        if let Some(socket) = socket {
            let server = control::serve(socket, Arc::downgrade(&node.0));
            node.0.tasks.lock().push(server);
        }
        if let Some(door) = door {
            node.open_gateway(door);
        }
        Ok(node)
    }

    /// Serves the gateway, and says where it is.
    fn open_gateway(&self, door: gateway::Opened) {
        for (wanted, using) in &door.moved {
            self.0.events.report(NodeEvent::PortTaken { wanted: *wanted, using: *using });
        }
        if let Some(dir) = self.data_dir() {
            gateway::say_where(dir, &door.url);
        }
        self.0.events.report(NodeEvent::Gateway { url: door.url.clone() });
        let serving = tokio::spawn(gateway::serve(door, Arc::downgrade(&self.0)));
        self.0.tasks.lock().push(serving);
    }

    /// Where programs and people can use the node over HTTP, such as `http://127.0.0.1:4080/`, if it has a
    /// [gateway](crate::config::GatewayConfig).
    #[must_use]
    pub fn gateway(&self) -> Option<&str> {
        self.0.gateway.as_deref()
    }

    /// The node's identity.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.0.rpc.net.me
    }

    /// Where it keeps its state, unless only in memory.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        self.0.data_dir.as_ref().map(DataDir::path)
    }

    /// Where it can be dialled, each address with `/p2p/<id>`.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.0.addresses()
    }

    /// Resolves once the node is part of the network: connected, and knowing what its neighbours know.
    pub async fn joined(&self) {
        self.directory().joined().await;
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// [`ConnectError`] if nobody answers there, or a node of another network does.
    pub async fn connect(&self, address: &Multiaddr) -> Result<NodeId, ConnectError> {
        self.0.connect(address).await
    }

    /// Begins to describe a service that this node will offer, such as `("math.calc", "1.0.0")`.
    ///
    /// # Errors
    /// [`RegisterError`] if the name or the version is none.
    pub fn service(&self, name: &str, version: &str) -> Result<ServiceBuilder, RegisterError> {
        ServiceBuilder::new(Arc::clone(&self.0.rpc), name, version)
    }

    /// A client of a service: `name`, or `name@requirement` such as `math.calc@1` or `math.calc@^1.2`.
    ///
    /// # Errors
    /// [`NameError`] for anything else.
    pub fn client(&self, service: &str) -> Result<Client, NameError> {
        let query: ServiceQuery = service.parse()?;
        Ok(Client::new(Arc::clone(&self.0.rpc), query))
    }

    /// A topic, such as `rooms/lobby`: to publish on and to subscribe to. Nobody need make it.
    ///
    /// ```no_run
    /// # async fn example(node: &atoll_node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let lobby = node.topic("rooms/lobby")?;
    /// lobby.publish("hello").kept(2).await?;
    /// let mut messages = lobby.subscribe().from(atoll_node::From::Earliest).begin()?;
    /// while let Some(atoll_node::Delivery::Message(message)) = messages.next().await {
    ///     println!("{}: {}", message.author(), message.json::<String>()?);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NameError`] if that is no topic's name.
    pub fn topic(&self, name: &str) -> Result<Topic, NameError> {
        Ok(self.0.broker.topic(name.parse()?))
    }

    /// Begins to subscribe to all topics that a pattern stands for: `rooms/*` for one label in place of the star, `rooms/>` for all
    /// below rooms.
    ///
    /// # Errors
    /// [`NameError`] if that is no pattern.
    pub fn subscribe(&self, pattern: &str) -> Result<Subscribe, NameError> {
        Ok(self.0.broker.subscribe(pattern.parse()?))
    }

    /// Every service instance that the node knows, its own included, by name, newest version first.
    #[must_use]
    pub fn services(&self) -> Vec<Instance> {
        self.directory().view().instances().collect()
    }

    /// Looks for services among those that the node knows: by words, metadata and version, best first.
    ///
    /// ```no_run
    /// # fn example(node: &atoll_node::Node) -> Result<(), atoll_node::SearchError> {
    /// let query = atoll_node::SearchQuery::new("adds numbers")?.labelled("zone", "eu");
    /// for found in node.search(&query).found {
    ///     println!("{} {}: {} instances", found.name, found.version, found.instances.len());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn search(&self, query: &SearchQuery) -> Search {
        self.directory().search(query)
    }

    /// Describes a service in full, by `name` or `name@requirement`: every version that fits, with the JSON Schemas of what
    /// its methods take and give. Schemas that are not at hand are fetched, once, from those who offer the service; one that
    /// cannot be had within four seconds is left out, with the reason in its place.
    ///
    /// ```no_run
    /// # async fn example(node: &atoll_node::Node) -> Result<(), atoll_node::error::DescribeError> {
    /// for version in node.describe("math.calc@1").await?.versions {
    ///     for method in version.endpoints {
    ///         println!("{}: {}", method.name, method.request.unwrap_or_default());
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`DescribeError`] if that is no name, or nobody offers it.
    pub async fn describe(&self, service: &str) -> Result<ServiceDescription, DescribeError> {
        control::describe(&self.0, &service.parse()?).await
    }

    /// Watches services come and go; begins with those that are there.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.directory().watch()
    }

    /// Withdraws the node's services, says goodbye to its neighbours, closes all connections and writes what is to be
    /// remembered. Takes two seconds at most.
    pub async fn shutdown(&self) {
        self.0.events.report(NodeEvent::Stopping);
        self.0.broker.leave_groups().await;
        self.directory().shutdown().await;
        self.0.own.lock().clear();
        self.0.tunnels.close();
        self.0.rpc.net.shutdown().await;
        self.0.broker.close().await;
        // Lost calls of the last moments are nobody's fault: this node was leaving.
        self.0.rpc.trust.take_in(true);
        self.0.storage.close().await;
        for task in self.0.tasks.lock().drain(..) {
            task.abort();
        }
        if let Some(dir) = self.data_dir() {
            control::remove(dir);
            gateway::forget_where(dir);
        }
    }

    fn directory(&self) -> &Directory {
        &self.0.rpc.directory
    }
}

impl Inner {
    pub(crate) fn net(&self) -> &Net {
        &self.rpc.net
    }

    pub(crate) fn addresses(&self) -> Vec<Multiaddr> {
        self.net().listening()
    }

    pub(crate) fn gateway_url(&self) -> Option<String> {
        self.gateway.clone()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.as_ref().map(|d| d.path().to_owned()).unwrap_or_default()
    }

    pub(crate) async fn connect(&self, address: &Multiaddr) -> Result<NodeId, ConnectError> {
        let (bare, peer) = net::split_peer(address);
        // The owner wants it, whatever it did.
        let conduct = &self.net().conduct;
        peer.into_iter().for_each(|peer| conduct.name(peer));
        let peer = self.net().dial(peer, vec![bare]).await?;
        conduct.name(peer);
        Ok(peer)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.broker.abandon();
        self.tunnels.close();
        if !self.rpc.net.close() {
            self.overlay.abort();
        }
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
        if let Some(dir) = &self.data_dir {
            control::remove(dir.path());
            gateway::forget_where(dir.path());
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Opening the database reads the disk: not on a thread that others need.
async fn open_storage(data_dir: Option<PathBuf>) -> Result<Storage, SpawnError> {
    let opened = tokio::task::spawn_blocking(move || Storage::open(data_dir.as_deref())).await;
    Ok(opened.map_err(|e| SpawnError::Network { reason: e.to_string() })??)
}

/// Taking up what is held of topics reads the disk, too.
async fn start_broker(setup: broker::Setup) -> Result<Broker, SpawnError> {
    let started = tokio::task::spawn_blocking(move || broker::start(setup)).await;
    Ok(started.map_err(|e| SpawnError::Network { reason: e.to_string() })??)
}

/// Takes up the substreams that peers open.
async fn accept(rpc: Arc<Rpc>, broker: Broker, gate: Arc<Gate>, mut inbound: mpsc::Receiver<Inbound>) {
    while let Some(stream) = inbound.recv().await {
        let Some(open) = gate.enter(stream.peer, rpc.net.protocols.share(&stream.protocol)) else {
            rpc.net.counters.refused_streams.add(1);
            continue;
        };
        let (rpc, broker) = (Arc::clone(&rpc), broker.clone());
        tokio::spawn(async move {
            match rpc.net.serve(stream).await {
                Some(stream) if stream.protocol == rpc.net.protocols.describe => {
                    directory::serve_stream(rpc.directory.clone(), stream).await;
                }
                Some(stream) if stream.protocol == rpc.net.protocols.standing => {
                    standing::serve_stream(rpc.trust.clone(), rpc.net.clone(), stream).await;
                }
                Some(stream) if stream.protocol == rpc.net.protocols.topic => {
                    broker::serve_stream(broker, stream).await;
                }
                Some(stream) => rpc::serve_stream(rpc, stream).await,
                None => {}
            }
            drop(open);
        });
    }
}
