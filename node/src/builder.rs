//! Setting a node up.

use std::{fmt, net::SocketAddr, path::PathBuf};

use atoll_protocol::names::NameError;
use libp2p::Multiaddr;

use crate::{
    Node, NodeEvent,
    config::{Config, PublicRange},
    error::SpawnError,
};

/// Sets a node up; see [`Node::builder`].
#[must_use = "a node exists once it is spawned"]
#[derive(Default)]
pub struct Builder {
    pub(crate) config: Config,
    pub(crate) listener: Option<Box<dyn Fn(NodeEvent) + Send + Sync>>,
    /// The first name that was wrong, reported by `spawn`, so that building reads in one line.
    pub(crate) error: Option<NameError>,
    /// A store in place of that in the data directory.
    #[cfg(test)]
    pub(crate) store: Option<std::sync::Arc<dyn atoll_registry::store::Store>>,
}

impl Builder {
    /// Takes everything from a configuration. Later calls patch it.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The network to join, `main` by default.
    pub fn network(mut self, name: &str) -> Self {
        match name.parse() {
            Ok(name) => self.config.network = name,
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// Where identity and state are kept. Without it the node is a new one each time, and remembers nothing.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.data_dir = Some(dir.into());
        self
    }

    /// Nodes to join through.
    pub fn bootstrap(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.config.bootstrap = addresses.into_iter().collect();
        self
    }

    /// Addresses to listen on, instead of QUIC and TCP on all interfaces and one stable port.
    pub fn listen(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.config.net.listen = addresses.into_iter().collect();
        self
    }

    /// Whether to find nodes on the local network, which is the default.
    pub fn mdns(mut self, on: bool) -> Self {
        self.config.net.mdns = on;
        self
    }

    /// How many streams each peer may have open here over QUIC; see
    /// [`NetConfig::streams_over_quic`](crate::config::NetConfig::streams_over_quic).
    pub fn streams_over_quic(mut self, streams: u32) -> Self {
        self.config.net.streams_over_quic = streams;
        self
    }

    /// Addresses that are public in this network beside those that are so everywhere; see
    /// [`NetConfig::public_ranges`](crate::config::NetConfig::public_ranges).
    pub fn public_ranges(mut self, ranges: impl IntoIterator<Item = PublicRange>) -> Self {
        self.config.net.public_ranges = ranges.into_iter().collect();
        self
    }

    /// Whether to offer the service `bench`, which lets others measure calls to this node; by default not.
    pub fn bench(mut self, on: bool) -> Self {
        self.config.bench = on;
        self
    }

    /// Serves HTTP there, for browsers and programs in any language; port 0 for one of the system's choice. By default nowhere. What
    /// others than this machine can reach takes a token; see [`GatewayConfig`](crate::config::GatewayConfig).
    pub fn gateway(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.config.gateway.listen = addresses.into_iter().collect();
        self
    }

    /// Is told what happens, in order, in a task of its own: it may block, but then misses what does not fit a queue
    /// of 1 024 events.
    pub fn on_event(mut self, listener: impl Fn(NodeEvent) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Starts the node. It listens when this returns, and goes on to join in the background; see [`Node::joined`].
    ///
    /// # Errors
    /// [`SpawnError`] names what cannot be used and the way out.
    pub async fn spawn(self) -> Result<Node, SpawnError> {
        Node::spawn(self).await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}
