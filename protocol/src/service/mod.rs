//! What a node says of itself and of its services.
//!
//! A node's **record set** is its [`NodeRecord`] and one [`ServiceRecord`] for each instance it runs. Records have no signatures
//! of their own: one [`Lease`] carries the digest of the whole set and renews all of it, so a renewal costs the network one small
//! message, however many services the node has. It also carries the digests of what is told together with it. A
//! [`Withdrawal`] ends records before the lease does.
//!
//! Every signed statement of a node takes the next number of one sequence, so of two statements the higher one is the
//! later one, whatever the clocks say.

use std::{collections::BTreeMap, time::Duration};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    identity::NodeId,
    limits,
    names::{InstanceId, MethodName, ServiceName},
    sealed::{Hash, Sealable, Statement},
};

#[cfg(test)]
mod tests;

/// Position in a node's sequence of statements. A later statement has the higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// Unix time in milliseconds, by the author's clock. Shown to people and checked for absurdity; never used to decide
/// what is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

/// Fields that a later minor version may add, by number; unknown ones are kept and ignored.
pub type Extensions = BTreeMap<u16, Vec<u8>>;

/// A service as one node offers it: enough to print help, validate a call and draw a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// The service's name.
    pub name: ServiceName,
    /// The version of this instance.
    pub version: Version,
    /// This running instance.
    pub instance: InstanceId,
    /// What can be called.
    pub endpoints: Vec<Endpoint>,
    /// Topics that the service publishes to or listens on.
    pub topics: Vec<String>,
    /// What the service is for, for people.
    pub doc: String,
    /// Labels that callers may select by.
    pub metadata: BTreeMap<String, String>,
    /// How the service can be reached.
    pub protocols: Vec<Protocol>,
    /// When the record was made, by its author's clock.
    pub issued: UnixMillis,
    /// The author's statement number.
    pub seq: Seq,
    /// Room for later fields.
    pub extensions: Extensions,
}

/// How a service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// By Atoll calls.
    Rpc,
    /// As a web application, through a tunnel.
    Http,
    /// As a byte stream, through a tunnel.
    Tcp,
}

/// One thing a service can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The method's name.
    pub name: MethodName,
    /// Which sides stream.
    pub kind: EndpointKind,
    /// What it takes.
    pub request: Schema,
    /// What it gives.
    pub response: Schema,
    /// Whether calling it twice does no more than calling it once, so that a call may be retried.
    pub idempotent: bool,
    /// How long a call may reasonably take, in milliseconds, where the author says so.
    pub deadline_hint_ms: Option<u32>,
    /// What it does, for people.
    pub doc: String,
}

/// Which sides of a call stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// One request, one response.
    Unary,
    /// One request, many responses.
    ServerStream,
    /// Many requests, one response.
    ClientStream,
    /// Many of both.
    Bidirectional,
}

/// A description of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schema {
    /// Opaque bytes: nothing is promised.
    Raw,
    /// A JSON Schema (2020-12) document, as text.
    Json(String),
    /// The [`Document`](crate::schema::Document) with this SHA-256, to be fetched from the provider or from whoever has it.
    Reference(Hash),
}

impl Statement for ServiceRecord {
    const NAME: &'static str = "service record";
    const LIMIT: usize = limits::SERVICE_RECORD;

    fn check(&self, _author: &NodeId) -> Result<(), String> {
        at_most("endpoints", self.endpoints.len(), limits::ENDPOINTS)?;
        at_most("topics", self.topics.len(), limits::TOPICS)?;
        at_most("protocols", self.protocols.len(), limits::PROTOCOLS)?;
        at_most("metadata entries", self.metadata.len(), limits::METADATA_ENTRIES)?;
        at_most("bytes of version", self.version.to_string().len(), limits::VERSION)?;
        at_most("bytes of documentation", self.doc.len(), limits::DOC)?;
        let mut seen = std::collections::HashSet::new();
        for endpoint in &self.endpoints {
            at_most("bytes of documentation", endpoint.doc.len(), limits::DOC)
                .map_err(|rule| format!("endpoint {}: {rule}", endpoint.name))?;
            if !seen.insert(&endpoint.name) {
                return Err(format!("endpoint {} is listed twice; name each once", endpoint.name));
            }
        }
        self.topics.iter().try_for_each(|t| at_most("bytes of topic", t.len(), limits::TOPIC_NAME))
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Where it can be dialled: multiaddrs as text, without `/p2p/…`, most useful first.
    pub addresses: Vec<String>,
    /// Program and version, such as `atoll/0.1.0`.
    pub agent: String,
    /// When the record was made, by its author's clock.
    pub issued: UnixMillis,
    /// The author's statement number.
    pub seq: Seq,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl Statement for NodeRecord {
    const NAME: &'static str = "node record";
    const LIMIT: usize = limits::NODE_RECORD;

    fn check(&self, _author: &NodeId) -> Result<(), String> {
        at_most("addresses", self.addresses.len(), limits::ADDRESSES_PER_NODE)?;
        at_most("bytes of agent", self.agent.len(), limits::AGENT)?;
        self.addresses.iter().try_for_each(|a| at_most("bytes of address", a.len(), limits::ADDRESS))
    }
}

/// "All my records are good for another `ttl`": renews a node's whole record set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The author's statement number.
    pub seq: Seq,
    /// [`Hash::of_set`] of the node's record set.
    pub digest: Hash,
    /// How long the set is good for after this lease arrives, in seconds.
    pub ttl_secs: u32,
    /// When the lease was made, by its author's clock.
    pub issued: UnixMillis,
    /// What is news under this lease: [`Hash::of_set`] of the records of each announcement that goes with it. Empty in a
    /// renewal.
    pub news: Vec<Hash>,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl Lease {
    /// How long the record set is good for.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_secs.into())
    }
}

impl Sealable for Lease {
    const DOMAIN: &'static str = "atoll lease 1";
}

impl Statement for Lease {
    const NAME: &'static str = "lease";
    const LIMIT: usize = limits::LEASE;

    fn check(&self, _author: &NodeId) -> Result<(), String> {
        at_most("announcements", self.news.len(), limits::NEWS)?;
        let (ttl, min, max) = (self.ttl(), limits::LEASE_TTL_MIN, limits::LEASE_TTL_MAX);
        if (min..=max).contains(&ttl) {
            Ok(())
        } else {
            Err(format!(
                "a lease of {} s is outside what is allowed, {} to {} s",
                ttl.as_secs(),
                min.as_secs(),
                max.as_secs()
            ))
        }
    }
}

/// "I have lost this node, which I was connected to": several such reports, each by another neighbour of the node, end
/// its records before its lease does, unless it speaks up. It is no statement of the node that it speaks of, and has no
/// number: it counts against the one lease that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Who was lost.
    pub node: NodeId,
    /// The latest lease that the author had heard of that node.
    pub lease: Seq,
    /// When it was said, by its author's clock.
    pub issued: UnixMillis,
}

impl Sealable for Suspicion {
    const DOMAIN: &'static str = "atoll suspicion 1";
}

impl Statement for Suspicion {
    const NAME: &'static str = "suspicion";
    const LIMIT: usize = limits::SUSPICION;

    fn check(&self, author: &NodeId) -> Result<(), String> {
        if self.node == *author { Err("a node that suspects itself; it should withdraw".to_owned()) } else { Ok(()) }
    }
}

/// "These are gone": ends records before their lease does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// What is gone.
    pub what: Withdrawn,
    /// When it was said, by its author's clock.
    pub issued: UnixMillis,
    /// The author's statement number.
    pub seq: Seq,
}

/// What a [`Withdrawal`] ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Withdrawn {
    /// These instances.
    Instances(Vec<InstanceId>),
    /// The node itself and all its instances.
    Node,
}

impl Sealable for Withdrawal {
    const DOMAIN: &'static str = "atoll withdrawal 1";
}

impl Statement for Withdrawal {
    const NAME: &'static str = "withdrawal";
    const LIMIT: usize = limits::WITHDRAWAL;

    fn check(&self, _author: &NodeId) -> Result<(), String> {
        match &self.what {
            Withdrawn::Instances(list) => at_most("instances", list.len(), limits::WITHDRAWN_INSTANCES),
            Withdrawn::Node => Ok(()),
        }
    }
}

fn at_most(what: &str, count: usize, limit: usize) -> Result<(), String> {
    if count <= limit { Ok(()) } else { Err(format!("{count} {what}, at most {limit} are allowed")) }
}
