//! The end of a tunnel with whoever uses the application.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::ServiceQuery,
    rpc::{Code, Status},
    sealed::Verified,
    service::{Extensions, Protocol},
    ticket::{Opens, Ticket},
    tunnel::{CONNECT, Hello, Purpose, Welcome},
};
use libp2p::Multiaddr;
use tokio::time::timeout;

use super::io::TunnelStream;
use crate::{Client, RawReceiver, RawSender, rpc::Rpc};

/// How long the other end may take to connect to its application and say so. It gives up earlier by itself, and says why.
const PATIENCE: Duration = Duration::from_secs(30);
/// Instances that are tried before it is given up.
const TRIES: usize = 3;

/// Opens connections to one application, wherever it is. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Dialer(Arc<Inner>);

struct Inner {
    rpc: Arc<Rpc>,
    client: Client,
    query: ServiceQuery,
    peer: Option<NodeId>,
    ticket: Option<Verified<Ticket>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dialer({})", self.query)
    }
}

/// A connection that the application has taken.
pub(super) struct Opened {
    pub(super) node: NodeId,
    pub(super) sender: RawSender,
    pub(super) receiver: RawReceiver,
}

impl Dialer {
    /// To a service that is listed; on this node and no other, if one is named.
    pub(crate) fn new(rpc: Arc<Rpc>, query: ServiceQuery, peer: Option<NodeId>) -> Self {
        let client = Client::new(Arc::clone(&rpc), query.clone());
        Self(Arc::new(Inner { rpc, client, query, peer, ticket: None }))
    }

    /// To what a ticket is for, listed or not.
    pub(crate) fn with_ticket(rpc: Arc<Rpc>, ticket: Verified<Ticket>) -> Self {
        let query = ServiceQuery::any(ticket.value().service.clone());
        let client = Client::new(Arc::clone(&rpc), query.clone());
        let peer = Some(ticket.author());
        Self(Arc::new(Inner { rpc, client, query, peer, ticket: Some(ticket) }))
    }

    /// The service.
    pub(crate) fn query(&self) -> &ServiceQuery {
        &self.0.query
    }

    /// The only node that is asked, if there is one.
    pub(crate) fn peer(&self) -> Option<NodeId> {
        self.0.peer
    }

    /// The ticket that is shown.
    pub(crate) fn ticket(&self) -> Option<&Verified<Ticket>> {
        self.0.ticket.as_ref()
    }

    /// How many instances there are to choose from, as far as is known here.
    pub(super) fn instances(&self) -> usize {
        if self.0.peer.is_some() { 1 } else { self.0.rpc.directory.find(&self.0.query).len() }
    }

    /// Whether there is a web application behind it, as far as that is known here.
    pub(crate) fn is_web(&self) -> bool {
        if let Some(ticket) = &self.0.ticket {
            return ticket.value().opens != Opens::Tcp;
        }
        let found = self.0.rpc.directory.find(&self.0.query);
        found.first().is_some_and(|instance| instance.record.value().protocols.contains(&Protocol::Http))
    }

    /// Opens a connection. If an instance cannot take it, others are tried: nothing was said to its application yet.
    ///
    /// # Errors
    /// Why not, with the service and the node in words.
    pub(super) async fn open(&self, purpose: Purpose, key: Option<&str>) -> Result<Opened, Status> {
        let mut avoided = Vec::new();
        let mut first = None;
        for _ in 0..TRIES {
            match self.try_open(purpose, key, &avoided).await {
                Ok(opened) => return Ok(opened),
                Err((None, status)) => return Err(first.unwrap_or_else(|| self.named(None, &status))),
                Err((Some(node), status)) => {
                    let others = matches!(
                        status.code(),
                        Code::Unavailable | Code::ResourceExhausted | Code::PermissionDenied | Code::NotFound
                    );
                    let status = first.get_or_insert_with(|| self.named(Some(node), &status));
                    if !others || self.0.peer.is_some() {
                        return Err(status.clone());
                    }
                    avoided.push(node);
                }
            }
        }
        Err(first.unwrap_or_else(|| Status::unavailable("no instance takes a connection")))
    }

    /// Whether somebody offers the service and would let this node in.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn ask(&self) -> Result<(), Status> {
        self.open(Purpose::Nothing, None).await.map(drop)
    }

    /// The same as a stream of bytes.
    pub(crate) async fn stream(&self, purpose: Purpose, key: Option<&str>) -> Result<TunnelStream, Status> {
        let Opened { node, sender, receiver } = self.open(purpose, key).await?;
        Ok(TunnelStream::of_caller(node, sender, receiver))
    }

    async fn try_open(
        &self,
        purpose: Purpose,
        key: Option<&str>,
        avoided: &[NodeId],
    ) -> Result<Opened, (Option<NodeId>, Status)> {
        let Inner { client, peer, ticket, .. } = &*self.0;
        self.reach().await.map_err(|status| (None, status))?;
        let mut call = client.stream(CONNECT).avoiding(avoided);
        if let Some(peer) = peer {
            call = call.peer(*peer);
        }
        if let Some(key) = key {
            call = call.affinity(key);
        }
        let (node, mut sender, mut receiver) = call.raw_at().await.map_err(|status| (None, status))?;
        let hello = Hello { purpose, ticket: ticket.as_ref().map(Verified::signed), extensions: Extensions::new() };
        let greeting = async {
            let hello = hello.encode().map_err(|error| Status::internal(error.to_string()))?;
            // What is wrong with the stream is told by its receiver.
            let _ = sender.send(hello).await;
            let ended = || Status::unavailable("the stream was ended before it was welcomed");
            let welcome = receiver.next().await?.ok_or_else(ended)?;
            Welcome::decode(&welcome).map_err(|error| Status::internal(error.to_string()))
        };
        let late = |_| Status::unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
        match timeout(PATIENCE, greeting).await.map_err(late).and_then(|greeted| greeted) {
            Ok(_) => Ok(Opened { node, sender, receiver }),
            Err(status) => Err((Some(node), status)),
        }
    }

    /// Sees to it that the issuer of a ticket is connected: it may be out of this node's view, so it is dialled where the ticket
    /// says.
    async fn reach(&self) -> Result<(), Status> {
        let (rpc, Some(ticket)) = (&self.0.rpc, &self.0.ticket) else { return Ok(()) };
        let node = ticket.author();
        if node == rpc.net.me {
            return Ok(());
        }
        let told = ticket.value().addresses.iter();
        let told = told.filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
        let mut addresses = rpc.directory.addresses_of(&node);
        addresses.extend(told);
        match rpc.net.connect(node, addresses).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Status::unavailable(format!("{node} cannot be reached: {error}"))),
        }
    }

    /// A failure that says whose it is.
    fn named(&self, node: Option<NodeId>, status: &Status) -> Status {
        let at = node.map(|node| format!(" at {}", node.short())).unwrap_or_default();
        let text = format!("{}{at}: {}", self.0.query, status.message());
        Status::new(status.code(), text).retryable(status.is_retryable())
    }
}
