//! What is exposed and forwarded, and how much of it.

use std::collections::BTreeSet;

use atoll_protocol::{identity::NodeId, names::ServiceName, ticket::TicketWord};
use serde::{Deserialize, Serialize};

use crate::{
    error::SpawnError,
    tunnel::{Access, AppAddress, LocalAddress, Target},
};

/// What is exposed and forwarded, and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelsConfig {
    /// Connections to exposed applications that are served at a time, and connections that one forwarded port has open.
    pub connections: usize,
    /// How many of the former one peer may have.
    pub connections_per_peer: usize,
    /// Seconds that an application may take to take a connection.
    pub connect_secs: u64,
    /// Seconds after which a connection over which nothing goes is ended.
    pub idle_secs: u64,
    /// Applications that are exposed for as long as the node runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<ExposeConfig>,
    /// Ports that are forwarded for as long as the node runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forward: Vec<ForwardConfig>,
}

impl Default for TunnelsConfig {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_peer: 256,
            connect_secs: 10,
            idle_secs: 3600,
            expose: Vec::new(),
            forward: Vec::new(),
        }
    }
}

impl TunnelsConfig {
    /// Whether these settings can be.
    pub(crate) fn check(&self) -> Result<(), SpawnError> {
        let amounts = [
            ("tunnels.connections", self.connections as u64),
            ("tunnels.connections_per_peer", self.connections_per_peer as u64),
            ("tunnels.connect_secs", self.connect_secs),
            ("tunnels.idle_secs", self.idle_secs),
        ];
        if let Some((setting, _)) = amounts.into_iter().find(|(_, amount)| *amount == 0) {
            let rule = "it takes a number above 0".to_owned();
            return Err(SpawnError::Setting { setting, value: "0".to_owned(), rule });
        }
        let wrong = |exposed: &ExposeConfig| exposed.target().err().map(|rule| (exposed.name.to_string(), rule));
        match self.expose.iter().find_map(wrong) {
            Some((value, rule)) => Err(SpawnError::Setting { setting: "tunnels.expose", value, rule }),
            None => Ok(()),
        }
    }
}

/// One exposed application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposeConfig {
    /// The name under which others find it.
    pub name: ServiceName,
    /// Where the application is, if it is a web application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<AppAddress>,
    /// Where the application is, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<AppAddress>,
    /// Nodes that may use it; with none, and if it is not private, all may.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allow: BTreeSet<NodeId>,
    /// Whether the network is not told of it.
    #[serde(default)]
    pub private: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
}

impl ExposeConfig {
    pub(crate) fn new(name: ServiceName, target: &Target, access: &Access, doc: Option<String>) -> Self {
        let (http, tcp) = match target {
            Target::Http(address) => (Some(address.clone()), None),
            Target::Tcp(address) => (None, Some(address.clone())),
            // Files are kept with their tickets.
            Target::Files(_) => (None, None),
        };
        let Access { peers: allow, private } = access.clone();
        Self { name, http, tcp, allow, private, doc }
    }

    /// What is exposed.
    ///
    /// # Errors
    /// What it takes, in words, if not exactly one application is named.
    pub(crate) fn target(&self) -> Result<Target, String> {
        match (&self.http, &self.tcp) {
            (Some(address), None) => Ok(Target::Http(address.clone())),
            (None, Some(address)) => Ok(Target::Tcp(address.clone())),
            _ => Err("it takes either http or tcp, with the application's address".to_owned()),
        }
    }
}

/// One forwarded port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {
    /// The service, as `name` or `name@requirement`.
    pub service: String,
    /// Where connections are taken: a port, or an address of this machine and a port.
    pub local: LocalAddress,
    /// The only node that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<NodeId>,
    /// A ticket for the service, which names the node by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketWord>,
}
