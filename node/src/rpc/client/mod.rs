//! Calling a service: [`Client`] says which one, [`Call`] and [`StreamCall`] what, and [`attempt`] sees to it.

mod attempt;
mod call;
pub(super) mod ending;
mod streams;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::ServiceQuery,
    rpc::{Metadata, Status},
};
use atoll_registry::{select::Policy, time::Time};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

pub use call::{Call, RawCall};
pub use streams::{Answer, StreamCall};

use super::{
    Body, Rpc,
    balance::{Tally, Target, Targets},
    service::to_json,
};

/// Calls one service, wherever it runs. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// The deadline of the call on whose behalf this one is made.
    within: Option<Instant>,
    metadata: Metadata,
}

/// What all clones of a client share.
struct Shared {
    rpc: Arc<Rpc>,
    query: ServiceQuery,
    /// The query's version as it travels: empty for any.
    version: String,
    labels: BTreeMap<String, String>,
    policy: Policy,
    /// Counts up by one for each choice.
    turn: AtomicU64,
    /// What was looked up last, and for which named node, if for any.
    targets: Mutex<(Option<NodeId>, Option<Arc<Targets>>)>,
}

impl Shared {
    fn new(rpc: Arc<Rpc>, query: ServiceQuery, labels: BTreeMap<String, String>, policy: Policy) -> Self {
        let version = if query.version == semver::VersionReq::STAR { String::new() } else { query.version.to_string() };
        // From anywhere: clients that start together are not to choose alike.
        let turn = AtomicU64::new(rand::random());
        Self { rpc, query, version, labels, policy, turn, targets: Mutex::default() }
    }

    fn turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The instances that will do, as they are known now. If there is none, the network is asked. A named node is asked whether
    /// or not it is listed here: it knows best what it has.
    async fn targets(&self, peer: Option<NodeId>, now: Time, until: Instant) -> Result<Arc<Targets>, Status> {
        let generation = self.rpc.directory.generation();
        if let Some(targets) = self.known(peer, generation, now) {
            return Ok(targets);
        }
        if let Some(node) = peer {
            let found = self.rpc.directory.of_node(&node, &self.query);
            let target = Target::named(node, &self.rpc);
            return Ok(self.keep(peer, Targets::only(target, &found, (generation, now))));
        }
        let mut found = self.rpc.directory.find(&self.query);
        if found.is_empty() {
            let resolved = Box::pin(tokio::time::timeout_at(until, self.rpc.directory.resolve(&self.query))).await;
            found = resolved.unwrap_or_default();
        }
        let stranger = found.extract_if(.., |instance| !self.rpc.may_offer(instance)).last();
        let target = |instance: &_| Target::listed(instance, &self.rpc);
        let targets = Targets::new(&found, &self.labels, (generation, now), target);
        if targets.all.is_empty() {
            let others = if found.is_empty() {
                stranger.map(|instance| Others::New(instance.node))
            } else {
                Some(Others::Labelled)
            };
            return Err(self.nobody(others));
        }
        Ok(self.keep(peer, targets))
    }

    /// What was looked up last, if it would be found now.
    fn known(&self, peer: Option<NodeId>, generation: u64, now: Time) -> Option<Arc<Targets>> {
        let (of, targets) = &*self.targets.lock();
        targets.as_ref().filter(|targets| *of == peer && targets.are_current(generation, now)).cloned()
    }

    fn keep(&self, peer: Option<NodeId>, targets: Targets) -> Arc<Targets> {
        let targets = Arc::new(targets);
        *self.targets.lock() = (peer, Some(Arc::clone(&targets)));
        targets
    }

    fn nobody(&self, others: Option<Others>) -> Status {
        let query = &self.query;
        Status::not_found(match others {
            Some(Others::Labelled) => {
                let labels: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("no instance of {query} is labelled {}", labels.join(", "))
            }
            Some(Others::New(node)) => format!(
                "{query} is offered only by nodes that are not known well enough here to offer so many services, such as {node}; \
                 name the node to call it all the same, or add it to standing.trusted"
            ),
            None if self.rpc.net.connections.len() == 0 => {
                format!("no node offers {query}; this node is not connected to any other")
            }
            None => format!("no node offers {query}"),
        })
    }
}

/// Instances that are there, and will not do.
enum Others {
    /// They lack the labels that are asked for.
    Labelled,
    /// They are beyond what a node may offer of which little is known, such as this one.
    New(NodeId),
}

impl Client {
    pub(crate) fn new(rpc: Arc<Rpc>, query: ServiceQuery) -> Self {
        Self::inheriting(rpc, query, None, Metadata::new())
    }

    pub(super) fn inheriting(rpc: Arc<Rpc>, query: ServiceQuery, within: Option<Instant>, metadata: Metadata) -> Self {
        let shared = Arc::new(Shared::new(rpc, query, BTreeMap::new(), Policy::default()));
        Self { shared, within, metadata }
    }

    /// Chooses between instances in this way; without it, the power of two choices.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        let shared = &self.shared;
        let (rpc, query, labels) = (Arc::clone(&shared.rpc), shared.query.clone(), shared.labels.clone());
        Self { shared: Arc::new(Shared::new(rpc, query, labels, policy)), ..self }
    }

    /// Calls only instances whose metadata has this value under this key.
    #[must_use]
    pub fn labelled(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let shared = &self.shared;
        let (rpc, query, mut labels) = (Arc::clone(&shared.rpc), shared.query.clone(), shared.labels.clone());
        labels.insert(key.into(), value.into());
        Self { shared: Arc::new(Shared::new(rpc, query, labels, shared.policy)), ..self }
    }

    /// Calls `method` with a request that is sent as JSON. The call is made when it is awaited.
    pub fn call<Req: Serialize + ?Sized, Res: DeserializeOwned>(&self, method: &str, request: &Req) -> Call<Res> {
        let body =
            to_json(request).map_err(|status| Status::invalid_argument(format!("the request {}", status.message())));
        Call::new(RawCall::new(self.clone(), method, body))
    }

    /// Calls `method` with bytes, and gets bytes back.
    pub fn call_raw(&self, method: &str, request: impl Into<Bytes>) -> RawCall {
        RawCall::new(self.clone(), method, Ok(Body::raw(request)))
    }

    /// What each instance that this node has called got to do so far, of whatever service.
    pub(crate) fn tally(&self) -> Vec<Tally> {
        let rpc = &self.shared.rpc;
        rpc.instances.tally(rpc.directory.now())
    }

    /// Begins to set up a call of a method that streams.
    pub fn stream(&self, method: &str) -> StreamCall {
        StreamCall::new(self.clone(), method)
    }
}

/// Metadata travels with every call: it is bounded where it is made.
fn bounded(metadata: &Metadata) -> Result<(), Status> {
    let (count, limit) = (metadata.len(), limits::METADATA_ENTRIES);
    if count > limit {
        return Err(Status::invalid_argument(format!("{count} metadata entries, at most {limit} are allowed")));
    }
    Ok(())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.shared.query)
    }
}
