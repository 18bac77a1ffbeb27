//! What is said of searching and watching.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, MethodName, ServiceName},
};
use serde::{Deserialize, Serialize};

/// Services that one search may ask for.
pub const SEARCH_LIMIT: usize = 1000;

/// "Look for services like this"; all that is given must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchRequest {
    /// Words, as [`SearchQuery`](crate::SearchQuery) looks for them.
    pub words: String,
    /// How the name begins.
    pub prefix: String,
    /// Metadata that an instance has.
    pub labels: BTreeMap<String, String>,
    /// The versions that will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many services to find, [`SEARCH_LIMIT`] at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchReply {
    /// The services, best first.
    pub found: Vec<FoundRow>,
    /// How many more there are.
    pub more: usize,
}

/// One version of a service that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundRow {
    /// The service's name.
    pub name: ServiceName,
    /// The version.
    pub version: String,
    /// What it is for.
    pub doc: String,
    /// The methods that one of the words was found in.
    pub methods: Vec<MethodName>,
    /// How many instances fit.
    pub instances: usize,
    /// The nodes that offer them.
    pub nodes: Vec<NodeId>,
    /// Whether contact with all of them has failed lately.
    pub suspect: bool,
    /// The shortest measured round trip to one of them, 0 on this node; `null` where none has been measured.
    pub rtt_ms: Option<f64>,
}

/// "Tell me of changes."
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchRequest {
    /// Of which services: a [`NamePattern`](crate::NamePattern); of all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// One line of what a watcher is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchEvent {
    /// When, by the node's clock.
    pub at_unix_ms: u64,
    /// What has happened.
    pub change: WatchedChange,
    /// Why an instance was removed: `withdrawn`, `expired`, `evicted`, `superseded` or `unconfirmed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which instance it has happened to.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<WatchedInstance>,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchedChange {
    /// Nothing: the instance was listed when watching began.
    Present,
    /// All that was listed has been told; from now on there are only changes.
    Ready,
    /// The instance was not listed and now is.
    Added,
    /// What is said of it has changed.
    Changed,
    /// Contact with its node has failed.
    Suspect,
    /// Contact with its node has been made again.
    Recovered,
    /// It is no longer listed.
    Removed,
    /// The node that was asked has gone; what follows, once it is back, begins anew with what is present. Said by the command
    /// line, not by the node.
    Lost,
}

/// The instance that something has happened to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedInstance {
    /// The service's name.
    pub service: ServiceName,
    /// The version.
    pub version: String,
    /// The instance.
    pub instance: InstanceId,
    /// The node it runs on.
    pub node: NodeId,
    /// Whether contact with it has failed since.
    pub suspect: bool,
}
