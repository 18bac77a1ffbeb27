//! What the control socket speaks: JSON over HTTP, the same types on both ends.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`StatusReport`] |
//! | `GET /v1/nodes` | list of [`NodeRow`] |
//! | `GET /v1/services` | list of [`ServiceRow`] |
//! | `GET /v1/services/{name}` | [`ServiceDescription`] |
//! | `GET /v1/routes` | list of [`RouteRow`] |
//! | `GET /v1/connections` | list of [`ConnectionRow`] |
//! | `GET /v1/doctor` | [`DoctorReport`] |
//! | `GET /v1/reputation` | list of [`Reputation`], best first |
//! | `GET /v1/reputation/{node}` | [`Reputation`] |
//! | `GET /v1/graph?radius=3` | [`GraphNode`] |
//! | `POST /v1/search` with [`SearchRequest`] | [`SearchReply`] |
//! | `POST /v1/watch` with [`WatchRequest`] | lines of [`WatchEvent`], as they come |
//! | `GET /v1/config` | [`Config`](crate::config::Config) |
//! | `POST /v1/connect` with [`ConnectRequest`] | [`ConnectReply`] |
//! | `POST /v1/call` with [`CallRequest`] | [`CallReply`] |
//! | `POST /v1/call/stream` with a [`CallRequest`] and messages, one a line | lines of [`StreamEvent`], as they come |
//! | `POST /v1/topics/publish` with lines of [`PublishRequest`] | lines of [`PublishEvent`], one for each, as they come |
//! | `POST /v1/topics/subscribe` with [`SubscribeRequest`] | lines of [`SubscribeEvent`], as they come |
//! | `GET /v1/topics` | list of [`TopicRow`] |
//! | `GET /v1/topics/{name}` | [`TopicDescription`] |
//! | `POST /v1/topics/retain` with [`RetainRequest`] | [`TopicPolicy`] |
//! | `GET /v1/outbox` | [`OutboxReport`] |
//! | `POST /v1/topics/work` with a [`WorkRequest`] and a [`WorkAnswer`] for each job, one a line | lines of [`WorkEvent`], as they come |
//! | `GET /v1/groups`, `GET /v1/groups/{topic}` | list of [`GroupReport`] |
//! | `POST /v1/bench/rpc` with [`BenchRequest`] | [`EchoReport`](crate::bench::EchoReport) |
//! | `POST /v1/bench/stream` with [`BenchRequest`] | [`FlowReport`](crate::bench::FlowReport) |
//! | `POST /v1/bench/publish` with [`PublishLoad`](crate::bench::PublishLoad) | [`PublishReport`](crate::bench::PublishReport) |
//! | `GET /v1/tunnels` | [`TunnelsReport`] |
//! | `POST /v1/tunnels/expose` with [`ExposeRequest`] | lines of [`TunnelEvent`], as they come |
//! | `POST /v1/tunnels/forward` with [`ForwardRequest`] | lines of [`TunnelEvent`], as they come |
//! | `POST /v1/tunnels/remove` with [`RemoveRequest`] | `null` |
//! | `GET /v1/tickets` | list of [`IssuedTicket`] |
//! | `POST /v1/tickets` with [`TicketRequest`] | [`TicketReply`] |
//! | `POST /v1/shares` with [`ShareRequest`] | [`TicketReply`] |
//! | `POST /v1/shares/get` with [`GetRequest`] | lines of [`GetEvent`], as they come |
//! | `POST /v1/tickets/revoke` with [`RevokeRequest`] | [`IssuedTicket`] |
//!
//! Anything but success is an HTTP error code with an [`ApiError`]. Field names end in their unit.

mod doctor;
mod groups;
mod registry;
mod standing;
mod topic_reports;
mod topics;
mod tunnels;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, MethodName, NetworkName, ServiceName},
    rpc::Code,
    service::{EndpointKind, Protocol},
};
use atoll_registry::standing::Tier;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use doctor::{
    DoctorReport, Finding, Health, NatRow, PunchCounts, RelayFigures, RelayRow, RelayedPeer, TestedAddress,
};
pub use groups::{GroupProgress, GroupReport, JobRow, NodeMembers, WorkAnswer, WorkEvent, WorkOutcome, WorkRequest};
pub use registry::{
    FoundRow, SEARCH_LIMIT, SearchReply, SearchRequest, WatchEvent, WatchRequest, WatchedChange, WatchedInstance,
};
pub use standing::{NextTier, Reputation};
pub use topic_reports::{
    AuthorRow, EpochRow, KeeperRow, OutboxKeeper, OutboxReport, OutboxRow, RetainRequest, TopicAccess,
    TopicDescription, TopicPolicy, TopicRow,
};
pub use topics::{
    FailedRow, GapRow, LogPosition, MessageRow, PublishEvent, PublishRequest, PublishedRow, SubscribeEvent,
    SubscribeFrom, SubscribeRequest, TakenCount,
};

pub use tunnels::{
    ExposeRequest, ExposedApp, ForwardRequest, ForwardedPort, GetEvent, GetRequest, Got, IssuedTicket, Origin,
    Progress, RemoveRequest, RevokeRequest, ShareRequest, TicketReply, TicketRequest, TunnelEvent, TunnelsReport,
};

/// Who the node is and how it is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The node's identity.
    pub node: NodeId,
    /// The network it is on.
    pub network: NetworkName,
    /// Program and version.
    pub agent: String,
    /// Process id.
    pub pid: u32,
    /// Where it keeps its identity and state.
    pub data_dir: PathBuf,
    /// Time since it started.
    pub uptime_ms: u64,
    /// Where it can be dialled, each with `/p2p/<id>`.
    pub addresses: Vec<String>,
    /// Whether it has joined other nodes.
    pub joined: bool,
    /// Where programs and people can use it over HTTP; `null` without a gateway.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Peers it is connected to.
    pub peers: usize,
    /// Nodes it knows, itself included.
    pub nodes: usize,
    /// Service instances it knows.
    pub instances: usize,
    /// Whether it answers Kademlia queries: `server` or `client`.
    pub dht: String,
    /// Sessions of subscribers that are connected, or were a moment ago.
    #[serde(default)]
    pub sessions: usize,
    /// How many of them are connected.
    #[serde(default)]
    pub sessions_connected: usize,
    /// What peers have sent since it started that was refused, by kind; kinds that there were none of are left out.
    #[serde(default)]
    pub faults: BTreeMap<String, u32>,
    /// Peers that nothing is to do with at present, for what they have sent.
    #[serde(default)]
    pub barred: Vec<NodeId>,
}

/// One node of the network, as this node knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// The node's identity.
    pub node: NodeId,
    /// Whether it is the node that answers.
    pub me: bool,
    /// Program and version, where known.
    pub agent: String,
    /// Where it can be dialled.
    pub addresses: Vec<String>,
    /// Names of the services it offers.
    pub services: Vec<ServiceName>,
    /// The path in use to it (`direct` or `relayed`), `null` when not connected.
    pub path: Option<String>,
    /// Measured round trip, `null` when not connected or not measured yet.
    pub rtt_ms: Option<f64>,
    /// Time since its lease was last renewed.
    pub age_ms: u64,
    /// Whether contact with it has failed since.
    pub suspect: bool,
    /// What it may do here, and its score; `null` of this node itself.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// How far it is trusted, from 0 to 1.
    #[serde(default)]
    pub score: Option<f64>,
}

/// One version of a service, over all instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// The service's name.
    pub name: ServiceName,
    /// The version.
    pub version: String,
    /// How many instances are known.
    pub instances: usize,
    /// The nodes that offer it.
    pub nodes: Vec<NodeId>,
    /// Time since the oldest of the records was learnt.
    pub age_ms: u64,
}

/// A service in full: every version that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceDescription {
    /// The service's name.
    pub name: ServiceName,
    /// Its versions, newest first.
    pub versions: Vec<VersionDescription>,
}

/// One version of a service in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionDescription {
    /// The version.
    pub version: String,
    /// What it is for.
    pub doc: String,
    /// What can be called.
    pub endpoints: Vec<EndpointDescription>,
    /// Topics it publishes to or listens on.
    pub topics: Vec<String>,
    /// Labels.
    pub metadata: BTreeMap<String, String>,
    /// How it can be reached.
    pub protocols: Vec<Protocol>,
    /// Who offers it.
    pub instances: Vec<InstanceRow>,
}

/// One method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointDescription {
    /// The method's name.
    pub name: MethodName,
    /// Which sides stream.
    pub kind: EndpointKind,
    /// What it does.
    pub doc: String,
    /// Whether a call may be repeated.
    pub idempotent: bool,
    /// How long a call may reasonably take.
    pub deadline_hint_ms: Option<u32>,
    /// JSON Schema of the request; `null` for raw bytes, or where it is missing.
    pub request: Option<Value>,
    /// JSON Schema of the response; `null` for raw bytes, or where it is missing.
    pub response: Option<Value>,
    /// Why the request's schema is missing, though there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_missing: Option<String>,
    /// Why the response's schema is missing, though there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_missing: Option<String>,
}

/// One running provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRow {
    /// The instance.
    pub instance: InstanceId,
    /// The node it runs on.
    pub node: NodeId,
    /// `local`, `direct`, `relayed`, or `null` when not connected.
    pub path: Option<String>,
    /// Measured round trip.
    pub rtt_ms: Option<f64>,
    /// Nodes that the bytes are handed to on the way, the last one counted: 0 on this node, 2 through a relay; `null` when
    /// not connected.
    pub hops: Option<u32>,
    /// Time until it is no longer listed, unless its node renews its lease; `null` on this node.
    pub lease_ms: Option<u64>,
    /// Time since the record was learnt.
    pub age_ms: u64,
    /// Whether contact with it has failed since.
    pub suspect: bool,
}

/// One way to a service. Over a connection that there is it is measured; else it is estimated over the connections that other
/// nodes say to have, and a call makes a connection of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteRow {
    /// The service, as `name@version`.
    pub service: String,
    /// The node that provides it.
    pub address: NodeId,
    /// The first node on the way: the provider itself where the way is direct, or none is known.
    pub gateway: NodeId,
    /// The last node before the provider: the one that answers where the way is direct, or none is known.
    pub router: NodeId,
    /// The network.
    pub network: NetworkName,
    /// Cost: the round trip in microseconds, 0 on this node; `null` where nothing is known of it.
    pub metric_us: Option<u64>,
    /// Whether the cost is the sum of others' measurements, for want of a connection.
    #[serde(default)]
    pub estimated: bool,
    /// Nodes that the way leads to, the provider counted: 0 on this node, 2 through a relay; `null` where no way is known.
    #[serde(default)]
    pub hops: Option<u32>,
    /// Time until something that the route is derived from ends, unless it is renewed; `null` on this node.
    #[serde(default)]
    pub expires_ms: Option<u64>,
    /// `local`, `direct`, `relayed`, or `none` while there is no connection.
    pub link: String,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// The peer's identity.
    pub peer: NodeId,
    /// The other end's address.
    pub address: String,
    /// `direct` or `relayed`.
    pub path: String,
    /// The relay between, if there is one.
    #[serde(default)]
    pub via: Option<NodeId>,
    /// `quic`, `tcp` or `websocket`; where there is a relay between, of the connection to it.
    pub transport: String,
    /// Measured round trip, once measured.
    pub rtt_ms: Option<f64>,
    /// Whether this node dialled.
    pub outbound: bool,
    /// What the peer has sent that was refused, by kind, as far as it is remembered.
    #[serde(default)]
    pub faults: BTreeMap<String, u32>,
}

/// The network as seen from one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    /// The node.
    pub node: NodeId,
    /// Names of the services it offers.
    pub services: Vec<ServiceName>,
    /// Round trip from the node above it, where one of the two has measured it.
    pub rtt_ms: Option<f64>,
    /// How it is connected to the node above it: `direct` or `relayed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether only the node above it says that they are connected, and it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// Nodes it is connected to as well, but which stand elsewhere in the graph; each connection is told with one end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<NodeId>,
    /// Nodes elsewhere in the graph that it says it is connected to, and that do not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<NodeId>,
    /// The nodes it is connected to, those nearer to the root left out.
    pub peers: Vec<GraphNode>,
}

/// How many hops far a graph goes, unless told otherwise.
pub const GRAPH_RADIUS: u32 = 3;
/// How many hops far it can go.
pub const GRAPH_RADIUS_MAX: u32 = 8;

/// "Connect to this address."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectRequest {
    /// A multiaddr, with or without `/p2p/<id>`.
    pub address: String,
}

/// "Connected."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectReply {
    /// Who answered there.
    pub peer: NodeId,
    /// The address that worked.
    pub address: String,
    /// How long it took.
    pub millis: u64,
}

/// "Make this call for me."
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallRequest {
    /// The service, as `name` or `name@requirement`.
    pub service: String,
    /// The method.
    pub method: String,
    /// The request. A stream has none: its messages follow.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// How long to wait; without it, as long as calls do by default, and for a stream for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Call this node's instance and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<NodeId>,
    /// Call only instances with this metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What travels with the call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How to choose between instances, as [`Policy`](crate::Policy) is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Ask a second instance after this time, if the method is idempotent; not for a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_ms: Option<u64>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStatus {
    /// `ok`, or why not.
    pub code: Code,
    /// Why not, for people; empty for `ok`.
    pub message: String,
    /// Whether the same call may succeed if tried again.
    pub retryable: bool,
    /// When to try again, if the service said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallReply {
    /// How it ended.
    #[serde(flatten)]
    pub status: CallStatus,
    /// The response, `null` where there is none.
    pub body: Value,
    /// How long it took, as this node measured it.
    pub micros: u64,
}

/// What a stream has to say, one a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StreamEvent {
    /// A message has come.
    Message {
        /// The message.
        message: Value,
    },
    /// It is over; nothing follows.
    End {
        /// How it ended.
        status: CallStatus,
        /// How long it was open, as this node measured it.
        micros: u64,
    },
}

/// Calls, streams or messages that a load may have under way at a time.
pub const BENCH_CONCURRENCY: usize = 64 * 1024;
/// How long calls and publishing may be measured.
pub const BENCH_DURATION: Duration = Duration::from_secs(24 * 3600);

/// "Put this service under load for me."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRequest<T> {
    /// The service, as `name` or `name@requirement`; it has the methods of [`crate::bench`].
    pub service: String,
    /// What to do.
    pub load: T,
}

/// Why the node could not do what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiError {
    /// The reason, for people.
    pub error: String,
}
