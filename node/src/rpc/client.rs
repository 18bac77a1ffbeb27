//! Calling a service.

use std::{fmt, future::IntoFuture, marker::PhantomData, sync::Arc, time::Duration};

use atoll_protocol::{
    codec,
    identity::NodeId,
    limits,
    names::ServiceQuery,
    rpc::{ContentType, Metadata, RequestHead, ResponseHead, Status},
    service::Extensions,
};
use atoll_registry::select::{self, Candidate, Policy};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Body, DEFAULT_DEADLINE, Outbound, Rpc, bulk,
    lane::{Answer, Failure, Lane},
};

/// Instances that one call may try, as long as none has been sent the request.
const ATTEMPTS: usize = 3;
/// The longest deadline that the wire can carry, some seven weeks.
const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);

/// Calls one service, wherever it runs. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    rpc: Arc<Rpc>,
    query: ServiceQuery,
    /// The deadline of the call on whose behalf this one is made.
    within: Option<Instant>,
    metadata: Metadata,
}

impl Client {
    pub(crate) fn new(rpc: Arc<Rpc>, query: ServiceQuery) -> Self {
        Self { rpc, query, within: None, metadata: Metadata::new() }
    }

    pub(super) fn inheriting(rpc: Arc<Rpc>, query: ServiceQuery, within: Option<Instant>, metadata: Metadata) -> Self {
        Self { rpc, query, within, metadata }
    }

    /// Calls `method` with a request that is sent as JSON. The call is made when it is awaited.
    pub fn call<Req: Serialize + ?Sized, Res: DeserializeOwned>(&self, method: &str, request: &Req) -> Call<Res> {
        let body = serde_json::to_vec(request)
            .map(Body::json)
            .map_err(|e| Status::invalid_argument(format!("the request cannot be written as JSON: {e}")));
        Call { raw: self.raw(method, body), of: PhantomData }
    }

    /// Calls `method` with bytes, and gets bytes back.
    pub fn call_raw(&self, method: &str, request: impl Into<Bytes>) -> RawCall {
        self.raw(method, Ok(Body::raw(request)))
    }

    fn raw(&self, method: &str, body: Result<Body, Status>) -> RawCall {
        RawCall {
            client: self.clone(),
            method: method.to_owned(),
            body,
            deadline: DEFAULT_DEADLINE,
            peer: None,
            metadata: self.metadata.clone(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.query)
    }
}

/// A typed call; await it.
#[must_use = "a call is made when it is awaited"]
pub struct Call<Res> {
    raw: RawCall,
    of: PhantomData<fn() -> Res>,
}

impl<Res> Call<Res> {
    /// How long to wait, 10 s by default. A handler's onward call never waits longer than its own caller does.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.raw.deadline = deadline;
        self
    }

    /// Calls the instance on this node and no other.
    pub fn peer(mut self, peer: NodeId) -> Self {
        self.raw.peer = Some(peer);
        self
    }

    /// Adds text that travels with the call.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.raw.metadata.insert(key.into(), value.into());
        self
    }
}

impl<Res: DeserializeOwned + 'static> IntoFuture for Call<Res> {
    type Output = Result<Res, Status>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let body = self.raw.run().await?;
            let bytes: &[u8] = if body.bytes.is_empty() { b"null" } else { &body.bytes };
            serde_json::from_slice(bytes)
                .map_err(|e| Status::internal(format!("the answer is not of the expected form: {e}")))
        }
        .boxed()
    }
}

impl<Res> fmt::Debug for Call<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// A call of bytes; await it.
#[must_use = "a call is made when it is awaited"]
pub struct RawCall {
    client: Client,
    method: String,
    body: Result<Body, Status>,
    deadline: Duration,
    peer: Option<NodeId>,
    metadata: Metadata,
}

impl RawCall {
    /// How long to wait, 10 s by default.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Calls the instance on this node and no other.
    pub fn peer(mut self, peer: NodeId) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Adds text that travels with the call.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Says that the bytes are JSON.
    pub(crate) fn json(mut self) -> Self {
        if let Ok(body) = &mut self.body {
            body.content = ContentType::Json;
        }
        self
    }

    pub(crate) async fn run(self) -> Result<Body, Status> {
        let Self { client: Client { rpc, query, within, .. }, method, body, deadline, peer, metadata } = self;
        let body = body?;
        let own = Instant::now() + deadline.min(LONGEST);
        let deadline = within.map_or(own, |outer| own.min(outer));
        let allowed = deadline.saturating_duration_since(Instant::now());
        if metadata.len() > limits::METADATA_ENTRIES {
            let limit = limits::METADATA_ENTRIES;
            return Err(Status::invalid_argument(format!(
                "{} metadata entries, at most {limit} are allowed",
                metadata.len()
            )));
        }
        let version = if query.version == semver::VersionReq::STAR { String::new() } else { query.version.to_string() };
        let call = Outbound { service: query.name.to_string(), version, method, metadata, body, deadline };
        let timed_out =
            || Status::deadline_exceeded(format!("no answer from {query} within {} ms", allowed.as_millis()));
        match tokio::time::timeout_at(deadline, rpc.call(&query, peer, &call)).await {
            Ok(result) => result,
            Err(_) => Err(timed_out()),
        }
    }
}

impl IntoFuture for RawCall {
    type Output = Result<Bytes, Status>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().map(|result| result.map(|body| body.bytes)).boxed()
    }
}

impl fmt::Debug for RawCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({}/{})", self.client.query, self.method)
    }
}

impl Rpc {
    /// Makes a call: finds the instances, chooses one, and goes on to another where the first was never reached.
    async fn call(
        self: &Arc<Self>,
        query: &ServiceQuery,
        peer: Option<NodeId>,
        call: &Outbound,
    ) -> Result<Body, Status> {
        let mut candidates = match peer {
            // A named node is asked whether or not it is listed here: it knows best what it has.
            Some(node) => vec![self.candidate(node, atoll_protocol::names::InstanceId(0), false)],
            None => self.candidates(query).await?,
        };
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            let turn = rand::random();
            let Some(index) = select::choose(&Policy::PowerOfTwo, &candidates, turn) else { break };
            let chosen = candidates.swap_remove(index);
            // Where there are others to try, one that does not answer the door must not use up the whole deadline.
            let left = call.deadline.saturating_duration_since(Instant::now());
            let reach_by = if candidates.is_empty() { call.deadline } else { Instant::now() + left / 2 };
            match self.attempt(chosen.node, call, reach_by).await {
                Ok(body) => return Ok(body),
                Err(Failure { status, sent: true }) => return Err(status),
                Err(Failure { status, sent: false }) => {
                    self.directory.contact_failed(chosen.node);
                    failure =
                        Some(Status::unavailable(format!("{} cannot be reached: {}", chosen.node, status.message())));
                }
            }
        }
        Err(failure.unwrap_or_else(|| Status::not_found(format!("no node offers {query}"))))
    }

    async fn candidates(&self, query: &ServiceQuery) -> Result<Vec<Candidate>, Status> {
        let mut instances = self.directory.find(query);
        if instances.is_empty() {
            instances = self.directory.resolve(query).await;
        }
        if instances.is_empty() {
            let alone = if self.net.connections.len() == 0 { "; this node is not connected to any other" } else { "" };
            return Err(Status::not_found(format!("no node offers {query}{alone}")));
        }
        Ok(instances.iter().map(|i| self.candidate(i.node, i.record.value().instance, i.suspect)).collect())
    }

    fn candidate(&self, node: NodeId, instance: atoll_protocol::names::InstanceId, suspect: bool) -> Candidate {
        let local = node == self.net.me;
        let load = self.lanes.load(&node);
        Candidate {
            node,
            instance,
            latency: load.latency(),
            in_flight: load.in_flight(),
            // Reputation enters here.
            standing: 1.0,
            suspect,
            local,
        }
    }

    /// One try, at one node, which is to be reached by then.
    async fn attempt(self: &Arc<Self>, node: NodeId, call: &Outbound, reach_by: Instant) -> Result<Body, Failure> {
        let left = call.deadline.saturating_duration_since(Instant::now());
        let head = RequestHead {
            service: call.service.as_str().into(),
            version: call.version.as_str().into(),
            method: call.method.as_str().into(),
            // Zero would mean "no deadline".
            deadline_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1),
            content: call.body.content,
            metadata: call.metadata.clone(),
            extensions: Extensions::new(),
        };
        if node == self.net.me {
            // This node's own instance is called in process.
            return self.in_process(&head, call).await.map_err(|status| Failure { status, sent: true });
        }
        let refused = |status| Failure { status, sent: true };
        let head = codec::encode(&head).map_err(|e| refused(Status::internal(e.to_string())))?;
        if head.len() > limits::RPC_HEAD {
            let (len, limit) = (head.len(), limits::RPC_HEAD);
            return Err(refused(Status::invalid_argument(format!(
                "names and metadata take {len} bytes, at most {limit} fit"
            ))));
        }
        let len = call.body.bytes.len();
        if len > limits::RPC_BODY {
            let limit = limits::RPC_BODY;
            let status =
                Status::resource_exhausted(format!("the request has {len} bytes, at most {limit} can be sent"));
            return Err(refused(status.retryable(false)));
        }
        self.net.counters.calls_made.add(1);
        let load = self.lanes.load(&node);
        let _in_flight = load.begin();
        let started = Instant::now();
        let answer = self.transmit(node, head.into(), call.body.bytes.clone(), reach_by).await?;
        load.answered(started.elapsed());
        read_answer(answer)
    }

    async fn in_process(self: &Arc<Self>, head: &RequestHead<'_>, call: &Outbound) -> Result<Body, Status> {
        let cancel = CancellationToken::new();
        // A caller that goes away cancels what the handler has handed to others, too.
        let _cancelled = cancel.clone().drop_guard();
        self.prepare(self.net.me, head, call.body.clone(), cancel)?.await
    }

    /// The lane to a node, which is to be reached by then.
    async fn reach(&self, node: NodeId, by: Instant) -> Result<Arc<Lane>, Failure> {
        let reached = self.lanes.to(&self.net, node, || self.directory.addresses_of(&node));
        tokio::time::timeout_at(by, reached).await.unwrap_or_else(|_| Err(Failure::unsent("it did not answer in time")))
    }

    async fn submit(&self, lane: &Lane, head: Bytes, body: Bytes) -> Result<Answer, Failure> {
        if body.len() > limits::RPC_INLINE_BODY {
            bulk::call(&self.net, &lane.connection, head, body).await
        } else {
            lane.call(head, body).await
        }
    }

    async fn transmit(&self, node: NodeId, head: Bytes, body: Bytes, by: Instant) -> Result<(Bytes, Bytes), Failure> {
        let mut lane = self.reach(node, by).await?;
        let mut answer = self.submit(&lane, head.clone(), body.clone()).await;
        if matches!(answer, Err(Failure { sent: false, .. })) && self.net.connections.best(&node).is_some() {
            // The lane fell idle, or its connection was closed for a better one, while the call was on its way to it:
            // that says nothing about the node.
            lane = self.reach(node, by).await?;
            answer = self.submit(&lane, head, body).await;
        }
        match answer? {
            Answer::Here { head, body } => Ok((head, body)),
            Answer::Parked { ticket } => match bulk::fetch(&self.net, &lane.connection, ticket).await? {
                Answer::Here { head, body } => Ok((head, body)),
                Answer::Parked { .. } => {
                    let status = Status::internal("the peer parked an answer that had been parked");
                    Err(Failure { status, sent: true })
                }
            },
        }
    }
}

fn read_answer((head, body): (Bytes, Bytes)) -> Result<Body, Failure> {
    let head = ResponseHead::decode(&head).map_err(|e| Failure {
        status: Status::internal(format!("the answer's head cannot be read: {e}")),
        sent: true,
    })?;
    match head.failure(&body) {
        Some(status) => Err(Failure { status, sent: true }),
        None => Ok(Body { content: head.content, bytes: body }),
    }
}
