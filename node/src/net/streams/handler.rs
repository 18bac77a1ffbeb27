//! Lives in one connection's task: opens substreams when asked, hands over those that the peer opens.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::{InboundUpgrade, ReadyUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use super::{Accepted, Inbound, OpenError, OpenRequest};
use crate::net::{Counters, connections::Connection};

/// Accepts any of the project's protocols and says which one it was.
#[derive(Debug, Clone)]
pub(crate) struct Accept(Option<Accepted>);

impl UpgradeInfo for Accept {
    type Info = StreamProtocol;
    type InfoIter = Vec<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.as_ref().map(Accepted::now).unwrap_or_default()
    }
}

impl InboundUpgrade<Stream> for Accept {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: Stream, protocol: Self::Info) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

/// What an Atoll peer's connection needs; a connection to anything else has none of it.
#[derive(Debug)]
struct Active {
    connection: Arc<Connection>,
    requests: mpsc::Receiver<OpenRequest>,
    inbound: mpsc::Sender<Inbound>,
    counters: Arc<Counters>,
    /// Ends the connection's substreams together with it.
    _end: DropGuard,
}

/// See the [module docs](self).
#[derive(Debug)]
pub(crate) struct Handler {
    protocols: Option<Accepted>,
    active: Option<Active>,
}

impl Handler {
    pub(super) fn new(
        connection: Arc<Connection>,
        protocols: Accepted,
        requests: mpsc::Receiver<OpenRequest>,
        inbound: mpsc::Sender<Inbound>,
        counters: Arc<Counters>,
    ) -> Self {
        let end = connection.ending();
        let active = Some(Active { connection, requests, inbound, counters, _end: end });
        Self { protocols: Some(protocols), active }
    }

    pub(super) fn idle() -> Self {
        Self { protocols: None, active: None }
    }

    fn accepted(&self, stream: Stream, protocol: StreamProtocol) {
        let Some(active) = &self.active else { return };
        let Active { connection, inbound, counters, .. } = active;
        let (peer, stream) = (connection.peer, connection.taken_up(stream));
        if let Err(refused) = inbound.try_send(Inbound { peer, connection: Arc::clone(connection), protocol, stream }) {
            counters.refused_streams.add(1);
            tracing::warn!(%peer, protocol = %refused.into_inner().protocol, "refused a substream: too many wait");
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Accept;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = OpenRequest;

    fn listen_protocol(&self) -> SubstreamProtocol<Accept> {
        SubstreamProtocol::new(Accept(self.protocols.clone()), ())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, OpenRequest, Infallible>> {
        let Some(active) = &mut self.active else { return Poll::Pending };
        while let Poll::Ready(Some(request)) = active.requests.poll_recv(cx) {
            // Whoever gave up waiting meanwhile must not cost a substream.
            if !request.reply.is_closed() {
                let upgrade = ReadyUpgrade::new(request.protocol.clone());
                let protocol = SubstreamProtocol::new(upgrade, request);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Accept, ReadyUpgrade<StreamProtocol>, (), OpenRequest>) {
        // A reply that nobody waits for is no error: the stream is dropped and thereby reset.
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, name), .. }) => {
                self.accepted(stream, name);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info }) => {
                let _ = info.reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.reply.send(Err(match error {
                    StreamUpgradeError::Timeout => OpenError::Failed("the peer did not answer in time".to_owned()),
                    StreamUpgradeError::NegotiationFailed => OpenError::Unsupported(info.protocol),
                    StreamUpgradeError::Io(e) => OpenError::Failed(e.to_string()),
                }));
            }
            _ => {}
        }
    }
}
