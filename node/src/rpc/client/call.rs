//! One call with its options.

use std::{fmt, future::IntoFuture, marker::PhantomData, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    rpc::{ContentType, Metadata, Status},
};
use atoll_registry::select::Policy;
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Client, attempt, bounded};
use crate::rpc::{Body, DEFAULT_DEADLINE};

/// The longest deadline that the wire can carry, some seven weeks.
pub(super) const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);

/// A call of bytes; await it.
#[must_use = "a call is made when it is awaited"]
pub struct RawCall {
    pub(super) client: Client,
    pub(super) method: String,
    pub(super) body: Result<Body, Status>,
    deadline: Duration,
    pub(super) peer: Option<NodeId>,
    pub(super) metadata: Metadata,
    pub(super) policy: Policy,
    pub(super) hedge: Option<Duration>,
}

impl RawCall {
    pub(super) fn new(client: Client, method: &str, body: Result<Body, Status>) -> Self {
        let (metadata, policy) = (client.metadata.clone(), client.shared.policy);
        let (deadline, method) = (DEFAULT_DEADLINE, method.to_owned());
        Self { client, method, body, deadline, peer: None, metadata, policy, hedge: None }
    }

    /// How long to wait, 10 s by default. A handler's onward call never waits longer than its own caller does.
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

    /// Calls the instance that this key belongs to, as long as it is there.
    pub fn affinity(mut self, key: &str) -> Self {
        self.policy = Policy::affinity(key);
        self
    }

    /// Asks a second instance if the first has not answered after this time, and takes whichever answer comes first. Only of
    /// methods that are idempotent, and as far as the node's retry budget allows.
    pub fn hedge(mut self, after: Duration) -> Self {
        self.hedge = Some(after);
        self
    }

    /// Says that the bytes are JSON.
    pub(crate) fn json(mut self) -> Self {
        if let Ok(body) = &mut self.body {
            body.content = ContentType::Json;
        }
        self
    }

    pub(crate) async fn run(mut self) -> Result<Body, Status> {
        let now = Instant::now();
        let body = std::mem::replace(&mut self.body, Ok(Body::raw(Bytes::new())))?;
        bounded(&self.metadata)?;
        let own = now + self.deadline.min(LONGEST);
        let deadline = self.client.within.map_or(own, |outer| own.min(outer));
        if deadline <= now {
            // No instance is to be blamed for it.
            return Err(Status::deadline_exceeded("no time was left when the call was made"));
        }
        attempt::make(&self, body, now, deadline).await
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
        write!(f, "Call({}/{})", self.client.shared.query, self.method)
    }
}

/// A typed call; await it.
#[must_use = "a call is made when it is awaited"]
pub struct Call<Res> {
    raw: RawCall,
    of: PhantomData<fn() -> Res>,
}

impl<Res> Call<Res> {
    pub(super) fn new(raw: RawCall) -> Self {
        Self { raw, of: PhantomData }
    }

    fn with(self, change: impl FnOnce(RawCall) -> RawCall) -> Self {
        Self::new(change(self.raw))
    }

    /// How long to wait, 10 s by default. A handler's onward call never waits longer than its own caller does.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.with(|raw| raw.deadline(deadline))
    }

    /// Calls the instance on this node and no other.
    pub fn peer(self, peer: NodeId) -> Self {
        self.with(|raw| raw.peer(peer))
    }

    /// Adds text that travels with the call.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|raw| raw.metadata(key, value))
    }

    /// Calls the instance that this key belongs to, as long as it is there.
    pub fn affinity(self, key: &str) -> Self {
        self.with(|raw| raw.affinity(key))
    }

    /// Asks a second instance if the first has not answered after this time; see [`RawCall::hedge`].
    pub fn hedge(self, after: Duration) -> Self {
        self.with(|raw| raw.hedge(after))
    }
}

impl<Res: DeserializeOwned + 'static> IntoFuture for Call<Res> {
    type Output = Result<Res, Status>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.raw.run().await?.read() }.boxed()
    }
}

impl<Res> fmt::Debug for Call<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}
