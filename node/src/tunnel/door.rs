//! The end of a tunnel with the application: who is let in, and to what.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::ServiceName,
    rpc::Status,
    sealed::Signed,
    service::Protocol,
    ticket::Ticket,
    tunnel::{Hello, Purpose, Welcome},
};
use bytes::Bytes;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    access::Access,
    address::AppAddress,
    carry::{Broken, End, Socket, Traffic, carry},
    files::{self, FileShare},
    io::TunnelStream,
    places::Places,
    target::{Target, connect},
    tickets::Tickets,
};
use crate::{Context, RawReceiver, RawSender};

/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// One exposed application. It knows nothing of the node, whose services hold it.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) me: NodeId,
    pub(super) name: ServiceName,
    pub(super) target: Target,
    pub(super) access: Access,
    pub(super) tickets: Tickets,
    pub(super) places: Arc<Places>,
    pub(super) connect: Duration,
    pub(super) idle: Duration,
    pub(super) traffic: Traffic,
    /// Cancelled when it is no longer exposed.
    pub(super) closed: CancellationToken,
}

/// A caller's two halves of the stream.
struct Halves {
    sender: RawSender,
    receiver: RawReceiver,
}

impl Door {
    /// Serves one connection, until it has ended or broken.
    pub(super) async fn serve(
        &self,
        context: Context,
        mut receiver: RawReceiver,
        mut sender: RawSender,
    ) -> Result<Bytes, Status> {
        let silent = |_| Status::invalid_argument("nothing was said of what the tunnel is for");
        let first = timeout(PATIENCE, receiver.next()).await.map_err(silent)??.unwrap_or_default();
        let hello = Hello::decode(&first).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let caller = context.caller();
        let revoked = self.admit(&caller, hello.ticket)?;
        if hello.purpose == Purpose::Http && self.target.protocol() != Protocol::Http {
            let name = &self.name;
            let text = format!("{name} is no web application; reach it with: node forward {name} PORT");
            return Err(Status::failed_precondition(text));
        }
        if hello.purpose == Purpose::Nothing {
            sender.send(welcome()?).await?;
            return Ok(Bytes::new());
        }
        let _place = self.places.take(caller)?;
        let halves = Halves { sender, receiver };
        let serving = async {
            match &self.target {
                Target::Http(address) | Target::Tcp(address) => self.through(address, halves).await,
                Target::Files(share) => self.within(share, caller, halves).await,
            }
        };
        tokio::select! {
            served = serving => served.map(|()| Bytes::new()),
            () = self.closed.cancelled() => Err(Status::unavailable(format!("{} is no longer exposed", self.name))),
            () = revoked.cancelled() => Err(Status::permission_denied("the ticket was revoked")),
        }
    }

    /// Carries the connection to an application.
    async fn through(&self, address: &AppAddress, halves: Halves) -> Result<(), Status> {
        let Halves { mut sender, mut receiver } = halves;
        let mut socket: Socket = connect(address, self.connect).await?;
        let _entered = self.traffic.enter();
        sender.send(welcome()?).await?;
        match carry(&mut socket, (sender, &mut receiver), End::Server, self.idle, &self.traffic).await {
            Ok(()) => {
                socket.ended();
                Ok(())
            }
            Err(Broken::Stream(status)) => Err(status),
            Err(Broken::Socket(error)) => {
                Err(Status::unavailable(format!("{address} broke the connection: {error}")).retryable(false))
            }
            Err(Broken::Idle(idle)) => {
                let text = format!("nothing came through for {} s (tunnels.idle_secs)", idle.as_secs());
                Err(Status::cancelled(text))
            }
        }
    }

    /// Serves it within this node.
    async fn within(&self, share: &Arc<FileShare>, caller: NodeId, halves: Halves) -> Result<(), Status> {
        let Halves { mut sender, receiver } = halves;
        let _entered = self.traffic.enter();
        sender.send(welcome()?).await?;
        let stream = TunnelStream::of_server(caller, sender, receiver);
        files::serve(Arc::clone(share), stream).await.map_err(|error| {
            tracing::debug!("a connection of {caller} to {} has broken: {error}", self.name);
            Status::unavailable(format!("the connection has broken: {error}")).retryable(false)
        })
    }

    /// Lets the caller in, or not; what this gives is cancelled when that has changed.
    fn admit(&self, caller: &NodeId, ticket: Option<Signed<Ticket>>) -> Result<CancellationToken, Status> {
        if *caller == self.me || self.access.allows(caller) {
            return Ok(CancellationToken::new());
        }
        match ticket {
            Some(ticket) => {
                self.tickets.admit(ticket, &self.name).map_err(|refusal| Status::permission_denied(refusal.to_string()))
            }
            None => {
                let name = &self.name;
                let way_out = format!("its owner can --allow it, or give a ticket (node share {name})");
                Err(Status::permission_denied(format!("{name} is not open to {caller}; {way_out}")))
            }
        }
    }
}

fn welcome() -> Result<Vec<u8>, Status> {
    Welcome::default().encode().map_err(|error| Status::internal(error.to_string()))
}
