//! One call of a method that streams.

use std::{fmt, future::IntoFuture, marker::PhantomData, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    limits::STREAM_MESSAGE,
    rpc::{ContentType, Metadata, RequestHead, Status, stream::Stream},
    service::Extensions,
};
use atoll_registry::select::{Fault, Policy};
use bytes::Bytes;
use futures::{AsyncReadExt, FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Client, attempt::encode_head, bounded, call::LONGEST};
use crate::{
    net::streams::Substream,
    rpc::{
        Rpc,
        balance::{Target, choose},
        lane::Failure,
        service::to_json,
        stream::{Counts, MESSAGE, OPENING_PATIENCE, Pipe, RawReceiver, RawSender, Receiver, Sender, too_long},
        wire::{Reader, note_broken},
    },
};

/// A stream in the making. Which of its endings to use depends on the method's kind: [`receive`](Self::receive) for a server
/// stream, [`send`](Self::send) for a client stream, [`exchange`](Self::exchange) for both, [`raw`](Self::raw) for bytes.
#[must_use = "a stream is opened by one of receive, send, exchange and raw"]
pub struct StreamCall {
    client: Client,
    method: String,
    deadline: Option<Duration>,
    peer: Option<NodeId>,
    metadata: Metadata,
    policy: Policy,
    content: ContentType,
    /// Nodes that are not to be called.
    avoided: Vec<NodeId>,
}

impl StreamCall {
    pub(super) fn new(client: Client, method: &str) -> Self {
        let (metadata, policy) = (client.metadata.clone(), client.shared.policy);
        let content = ContentType::Json;
        let (method, avoided) = (method.to_owned(), Vec::new());
        Self { client, method, deadline: None, peer: None, metadata, policy, content, avoided }
    }

    /// By when the whole stream must be over; without it, never. A handler's onward stream is over when its own caller's time
    /// is, in any case.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
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

    /// Calls none of these nodes.
    pub(crate) fn avoiding(mut self, nodes: &[NodeId]) -> Self {
        self.avoided = nodes.to_vec();
        self
    }

    /// One request, many responses.
    ///
    /// # Errors
    /// The status if no instance can be reached; what goes wrong later is told by the receiver.
    pub async fn receive<Req: Serialize, Res: DeserializeOwned>(self, request: &Req) -> Result<Receiver<Res>, Status> {
        let request = to_json(request)?.bytes;
        if request.len() > STREAM_MESSAGE {
            return Err(too_long(request.len()));
        }
        let (_, sender, receiver) = self.open(Some(request)).await?;
        sender.finish();
        Ok(Receiver::new(receiver))
    }

    /// Many requests, one response.
    ///
    /// # Errors
    /// The status if no instance can be reached; what goes wrong later is told by the answer.
    pub async fn send<Req: Serialize, Res: DeserializeOwned>(self) -> Result<(Sender<Req>, Answer<Res>), Status> {
        let (_, sender, raw) = self.open(None).await?;
        Ok((Sender::new(sender), Answer { raw, of: PhantomData }))
    }

    /// Many requests, many responses.
    ///
    /// # Errors
    /// The status if no instance can be reached; what goes wrong later is told by the receiver.
    pub async fn exchange<Req: Serialize, Res: DeserializeOwned>(self) -> Result<(Sender<Req>, Receiver<Res>), Status> {
        let (_, sender, receiver) = self.open(None).await?;
        Ok((Sender::new(sender), Receiver::new(receiver)))
    }

    /// Messages of bytes, both ways, whatever the method's kind.
    ///
    /// # Errors
    /// The status if no instance can be reached; what goes wrong later is told by the receiver.
    pub async fn raw(self) -> Result<(RawSender, RawReceiver), Status> {
        self.raw_at().await.map(|(_, sender, receiver)| (sender, receiver))
    }

    /// The same, and the node that was chosen.
    pub(crate) async fn raw_at(mut self) -> Result<(NodeId, RawSender, RawReceiver), Status> {
        self.content = ContentType::Raw;
        self.open(None).await
    }

    /// The same for messages of JSON.
    pub(crate) async fn json(self) -> Result<(RawSender, RawReceiver), Status> {
        self.open(None).await.map(|(_, sender, receiver)| (sender, receiver))
    }

    /// Opens the stream, with `only` as the only message that will be sent, if that is known already: it then travels with the
    /// request.
    async fn open(self, only: Option<Bytes>) -> Result<(NodeId, RawSender, RawReceiver), Status> {
        bounded(&self.metadata)?;
        let (shared, rpc, now) = (&self.client.shared, &self.client.shared.rpc, Instant::now());
        let own = self.deadline.map(|deadline| now + deadline.min(LONGEST));
        let deadline = match (own, self.client.within) {
            (Some(own), Some(outer)) => Some(own.min(outer)),
            (own, outer) => own.or(outer),
        };
        if deadline.is_some_and(|end| end <= now) {
            // No instance is to be blamed for it.
            return Err(Status::deadline_exceeded("no time was left when the stream was opened"));
        }
        let by = deadline.unwrap_or(now + OPENING_PATIENCE).min(now + OPENING_PATIENCE);
        let time = rpc.directory.time_of(now);
        let targets = shared.targets(self.peer, time, by).await?;
        let mut left: Vec<&Target> = targets.all.iter().filter(|target| !self.avoided.contains(&target.node)).collect();
        let mut last = shared.nobody(None);
        loop {
            let Some(chosen) = choose(rpc, &self.policy, &left, rpc.directory.now(), shared.turn()) else {
                return Err(last);
            };
            let target = left.remove(chosen);
            match self.open_at(target, only.as_ref(), deadline, by).await {
                Ok((sender, receiver)) => return Ok((target.node, sender, receiver)),
                Err(Failure { status, sent: true, .. }) => return Err(status),
                Err(Failure { status, .. }) => {
                    rpc.directory.contact_failed(target.node);
                    last = Status::unavailable(format!("{} cannot be reached: {}", target.node, status.message()));
                }
            }
        }
    }

    fn head(&self, deadline: Option<Instant>) -> RequestHead<'_> {
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let shared = &self.client.shared;
        RequestHead {
            service: shared.query.name.as_str().into(),
            version: shared.version.as_str().into(),
            method: self.method.as_str().into(),
            // Zero means "no deadline".
            deadline_ms: left.map_or(0, |left| u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1)),
            content: self.content,
            metadata: self.metadata.clone(),
            extensions: Extensions::new(),
        }
    }

    /// Opens the stream at one instance, which is to be reached by then.
    async fn open_at(
        &self,
        target: &Target,
        only: Option<&Bytes>,
        deadline: Option<Instant>,
        by: Instant,
    ) -> Result<(RawSender, RawReceiver), Failure> {
        let rpc = &self.client.shared.rpc;
        let head = encode_head(&self.head(deadline)).map_err(Failure::answered)?;
        let stream = only.map_or_else(|| Stream::open(&head), |message| Stream::open_with(&head, message));
        let attempt = target.load.begin(rpc.directory.now());
        let pipe = Pipe::new(stream, rpc.memories.of(target.node));
        if target.node == rpc.net.me {
            rpc.stream_in_process(&self.head(deadline), &pipe);
        } else {
            let reached = tokio::time::timeout_at(by, rpc.substream(target)).await;
            let reached = match reached {
                Err(_) if deadline.is_some_and(|end| end <= by) => {
                    attempt.failed(Fault::Answer, rpc.directory.now());
                    return Err(Failure::answered(Status::deadline_exceeded("the stream was not opened in time")));
                }
                reached => reached.unwrap_or_else(|_| Err(Failure::unsent("it did not answer in time"))),
            };
            match reached {
                Ok(opened) => carry(rpc, &pipe, opened),
                Err(failure) => {
                    attempt.failed(Fault::Contact, rpc.directory.now());
                    return Err(failure);
                }
            }
            rpc.net.counters.calls_made.add(1);
        }
        let now = rpc.directory.now();
        attempt.sent(now);
        let counts = Counts { trust: rpc.trust.clone(), account: Arc::clone(&target.account) };
        let receiver = RawReceiver::of_caller(Arc::clone(&pipe), deadline, attempt.begun_well(now), counts);
        Ok((RawSender::new(pipe, true, deadline), receiver))
    }
}

/// A substream that the other side has not taken up yet.
struct Opened {
    peer: NodeId,
    stream: Substream,
    /// A place among those that its connection may be opening.
    opening: OwnedSemaphorePermit,
}

impl Rpc {
    /// A substream of its own to a node, as soon as its connection is not opening too many already.
    async fn substream(&self, target: &Target) -> Result<Opened, Failure> {
        let unsent = |reason: &dyn fmt::Display| Failure::unsent(reason.to_string());
        let addresses = self.directory.addresses_of(&target.node);
        let connection = self.net.connect(target.node, addresses).await.map_err(|e| unsent(&e))?;
        let opening = connection.opening().await.map_err(|e| unsent(&e))?;
        let stream = connection.open(self.net.protocols.bulk.clone()).await.map_err(|e| unsent(&e))?;
        Ok(Opened { peer: connection.peer, stream, opening })
    }
}

/// Carries a caller's stream, in tasks of its own.
fn carry(rpc: &Rpc, pipe: &Arc<Pipe>, Opened { peer, stream, opening }: Opened) {
    let (read, write) = stream.split();
    let writing = Arc::clone(pipe);
    tokio::spawn(async move {
        let _ = writing.write(write).await;
    });
    let (reading, net) = (Arc::clone(pipe), rpc.net.clone());
    tokio::spawn(async move {
        let read = reading.read(Reader::new(read, MESSAGE), || drop(opening)).await;
        note_broken(&net, &peer, read);
    });
}

/// The single answer to a stream of requests; await it. Dropping it cancels the stream.
#[must_use = "dropping it cancels the stream"]
pub struct Answer<Res> {
    raw: RawReceiver,
    of: PhantomData<fn() -> Res>,
}

impl<Res: DeserializeOwned + 'static> IntoFuture for Answer<Res> {
    type Output = Result<Res, Status>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.raw.answer().await?.read() }.boxed()
    }
}

impl<Res> fmt::Debug for Answer<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl fmt::Debug for StreamCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamCall({}/{})", self.client.shared.query, self.method)
    }
}
