//! What is said of tunnels and tickets.

use std::{collections::BTreeSet, path::PathBuf};

use atoll_protocol::{
    identity::NodeId,
    ticket::{TicketId, TicketWord},
};
use serde::{Deserialize, Serialize};

use crate::tunnel::{AppAddress, LocalAddress};
pub use crate::tunnel::{
    ExposedApp, ForwardedPort, IssuedTicket, Origin, TunnelsReport,
    files::get::{Got, Progress},
};

/// "Expose this application." Unless it is kept, it is exposed for as long as the answer is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposeRequest {
    /// The name under which others find it.
    pub name: String,
    /// Where the application is, if it is a web application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<AppAddress>,
    /// Where the application is, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<AppAddress>,
    /// Nodes that may use it; with none, and if it is not private, all may.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allow: BTreeSet<NodeId>,
    /// Whether the network is not to be told of it.
    #[serde(default)]
    pub private: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// Whether it is to be exposed for as long as the node runs, and after a restart.
    #[serde(default)]
    pub keep: bool,
}

/// "Take connections for this service, or for what this ticket is for." Unless it is kept, they are taken for as long as the
/// answer is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardRequest {
    /// The service, as `name` or `name@requirement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Ask this node's instance and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<NodeId>,
    /// A ticket, in place of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketWord>,
    /// Where to take connections; any free port of the loopback address unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalAddress>,
    /// Whether it is to be forwarded for as long as the node runs, and after a restart.
    #[serde(default)]
    pub keep: bool,
}

/// What happens to what was asked for, one a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TunnelEvent {
    /// The application is exposed.
    Exposed {
        /// What there is to say of it.
        app: ExposedApp,
        /// Why it does not answer now, if it does not.
        trouble: Option<String>,
    },
    /// Connections are taken.
    Forwarded {
        /// What there is to say of it.
        port: ForwardedPort,
        /// Why nothing can be reached through it now, if that is so.
        trouble: Option<String>,
    },
    /// A connection has failed.
    Failed {
        /// Why.
        error: String,
    },
    /// It was taken away; nothing follows.
    Ended,
}

/// "Take this away, and forget it."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveRequest {
    /// The name of what is exposed, or the port or address that is forwarded.
    pub what: String,
}

/// "Issue a ticket for this."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketRequest {
    /// What this node exposes.
    pub service: String,
    /// How long it is to be good.
    pub for_secs: u64,
}

/// A ticket, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketReply {
    /// What is passed on.
    pub ticket: TicketWord,
    /// What it is revoked by, and the like.
    #[serde(flatten)]
    pub issued: IssuedTicket,
}

/// "Let nobody in with this any more."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevokeRequest {
    /// Which ticket.
    pub id: TicketId,
}

/// "Share these files, and issue a ticket for them."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareRequest {
    /// A file or a folder, by its full path.
    pub path: PathBuf,
    /// How long the ticket is to be good.
    pub for_secs: u64,
    /// Bytes that others may put into the folder in all, if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_bytes: Option<u64>,
}

/// "Fetch what this ticket is for."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetRequest {
    /// The ticket.
    pub ticket: TicketWord,
    /// The folder that it is to be in, by its full path.
    pub into: PathBuf,
}

/// How fetching goes on, one a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GetEvent {
    /// It has come so far.
    Progress(Progress),
    /// All is there; nothing follows.
    Got(Got),
    /// It was given up; nothing follows. What was fetched stays for the next time.
    Failed {
        /// Why.
        error: String,
    },
}
