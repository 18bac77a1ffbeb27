//! What there is to say of tunnels, here and at the control socket.

use std::{collections::BTreeSet, net::SocketAddr};

use atoll_protocol::{identity::NodeId, names::ServiceName, service::Protocol};
use serde::{Deserialize, Serialize};

/// Why something is exposed or forwarded, and so for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Somebody asked for it, and has it as long as they are there.
    Session,
    /// Somebody asked for it to be kept, also over restarts.
    Kept,
    /// The configuration says so.
    Config,
}

/// An exposed application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExposedApp {
    /// The name under which it is exposed.
    pub name: ServiceName,
    /// `http` or `tcp`.
    pub protocol: Protocol,
    /// Where the application is.
    pub target: String,
    /// Whether the network is not told of it.
    pub private: bool,
    /// The nodes that may use it; with none, and if it is not private, all may.
    pub allow: BTreeSet<NodeId>,
    /// Why it is exposed.
    pub origin: Origin,
    /// Connections that are open.
    pub connections: u64,
    /// All connections so far.
    pub connections_total: u64,
    /// Bytes to the application.
    pub bytes_in: u64,
    /// Bytes from the application.
    pub bytes_out: u64,
}

/// A port that leads to an application elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardedPort {
    /// The service, as `name` or `name@requirement`.
    pub service: String,
    /// Where connections are taken.
    pub local: SocketAddr,
    /// The only node that is asked, if there is one.
    pub peer: Option<NodeId>,
    /// Whether a ticket is shown.
    pub by_ticket: bool,
    /// What to open in a browser, if it is a web application as far as is known.
    pub url: Option<String>,
    /// Why it is forwarded.
    pub origin: Origin,
    /// Connections that are open.
    pub connections: u64,
    /// All connections so far.
    pub connections_total: u64,
    /// Bytes to the application.
    pub bytes_out: u64,
    /// Bytes from the application.
    pub bytes_in: u64,
}

/// All that a node exposes and forwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunnelsReport {
    /// Applications, by name.
    pub exposed: Vec<ExposedApp>,
    /// Ports, in the order in which they came.
    pub forwarded: Vec<ForwardedPort>,
}
