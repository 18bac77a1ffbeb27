//! The configuration: one tree, read from TOML, patched by flags, shown by `node config show`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use atoll_protocol::names::NetworkName;
pub use atoll_registry::{
    peers::{PublicRange, PublicRangeError, PublicRanges},
    reach::capacity::RelayLimits,
};
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};

mod gateway;
mod standing;
mod topics;
mod tunnels;

#[cfg(test)]
mod tests;

pub use gateway::{GATEWAY_CONNECTIONS, GATEWAY_PORT, GatewayConfig, Token};
pub use standing::StandingConfig;
pub use topics::TopicsConfig;
pub use tunnels::{ExposeConfig, ForwardConfig, TunnelsConfig};

/// The port that a node listens on unless told otherwise, or unless it is taken.
pub const DEFAULT_PORT: u16 = 4077;

/// The port that a seed listens on for WebSocket unless told otherwise.
pub const WEBSOCKET_PORT: u16 = 4078;

/// Streams that each peer may have open over QUIC unless told otherwise. QUIC's library keeps two tables with a place for each
/// from the beginning, which takes 60 to 90 bytes a stream and connection: as many as fit into 2 048 places, seven eighths of them,
/// so that one more would double the tables.
pub const STREAMS_OVER_QUIC: u32 = 1_792;

/// What it may be told at most.
pub const MOST_STREAMS_OVER_QUIC: u32 = 14 * 1024;

/// Everything a node can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The network to join.
    pub network: NetworkName,
    /// Where identity and state are kept; `None` keeps them in memory, for as long as the process lives.
    pub data_dir: Option<PathBuf>,
    /// Nodes to join through: multiaddrs, best ending in `/p2p/<id>`, which is then proved; or `/dnsaddr/<name>`.
    pub bootstrap: Vec<Multiaddr>,
    /// How to be reached.
    pub net: NetConfig,
    /// How programs and people use the node over HTTP.
    pub gateway: GatewayConfig,
    /// What is published and subscribed to.
    pub topics: TopicsConfig,
    /// Whom the owner trusts.
    pub standing: StandingConfig,
    /// What applications are exposed, and what ports forwarded.
    pub tunnels: TunnelsConfig,
    /// Whether to offer the service `bench`, which lets others measure calls to this node, and put it under load.
    pub bench: bool,
    /// What to log, in `tracing`'s filter syntax, such as `info` or `atoll_node=debug`.
    pub log: String,
}

/// How a node is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetConfig {
    /// Addresses to listen on. Empty for QUIC and TCP, IPv4 and IPv6, on one stable port.
    pub listen: Vec<Multiaddr>,
    /// A port to listen on for WebSocket, beside the addresses above: for peers in networks that let nothing else pass, best
    /// 443.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket_port: Option<u16>,
    /// Whether to find nodes on the local network by multicast DNS.
    pub mdns: bool,
    /// How many streams each peer may have open here over QUIC: 64 to 14 336. An eighth, and at least 24, is kept for gossip, the DHT
    /// and the like; the rest is for calls and streams. Room for all of them is taken for as long as a connection lasts, 60 to 90 bytes
    /// for each: a node with thousands of streams to one peer asks for more, on both sides; one that is short of memory and has many
    /// peers for less.
    pub streams_over_quic: u32,
    /// Ranges of addresses that are public in this network beside those that are so everywhere, such as `10.0.0.0/8` in a mesh
    /// that has no other internet.
    pub public_ranges: PublicRanges,
    /// Whether to ask the router to pass on what comes to this node's port, where others cannot dial it otherwise.
    pub port_mapping: bool,
    /// Whether to relay for nodes that cannot be dialled, as long as this one can be dialled by all of its peers.
    pub relay: bool,
    /// What is relayed at most, for each peer, for each subnet and in all.
    pub relay_limits: RelayLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            network: NetworkName::main(),
            data_dir: None,
            bootstrap: Vec::new(),
            net: NetConfig::default(),
            gateway: GatewayConfig::default(),
            topics: TopicsConfig::default(),
            standing: StandingConfig::default(),
            tunnels: TunnelsConfig::default(),
            bench: false,
            log: "warn,atoll_node=info,libp2p_kad=error,libp2p_gossipsub=error".to_owned(),
        }
    }
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            websocket_port: None,
            mdns: true,
            streams_over_quic: STREAMS_OVER_QUIC,
            public_ranges: PublicRanges::default(),
            port_mapping: true,
            relay: false,
            relay_limits: RelayLimits::default(),
        }
    }
}

/// Why a configuration file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a configuration.
    #[error("the configuration {path} is wrong: {reason}", path = .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected.
        reason: String,
    },
}

impl Config {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the place in it and what was expected there.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|e| ConfigError::Parse { path: path.to_owned(), reason: e.to_string() })
    }
}
