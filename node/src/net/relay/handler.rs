//! Lives in one connection's task: takes the peer's hop substreams, each of which gets a task of its own, and opens stop
//! substreams when asked.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    option,
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
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    HOP, PENDING_PER_CONNECTION, STOP,
    figures::Refusal,
    hop,
    service::{Ask, Opened, Origin, Relay},
};
use crate::net::streams::Substream;

/// Accepts the hop protocol, or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Accept(Option<StreamProtocol>);

impl UpgradeInfo for Accept {
    type Info = StreamProtocol;
    type InfoIter = option::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Accept {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

/// See the [module docs](self).
#[derive(Debug)]
pub(crate) struct Handler {
    relay: Relay,
    /// `None` for a peer that cannot be a node: such get nothing.
    origin: Option<Origin>,
    asks: mpsc::Receiver<Ask>,
    pending: Arc<Semaphore>,
    /// Whether the service has been on since the connection was made: what a peer was told once is kept to.
    speaks: bool,
    gone: CancellationToken,
    /// Ends the connection's substreams together with it.
    _end: DropGuard,
}

impl Handler {
    pub(super) fn new(relay: Relay, origin: Option<Origin>, asks: mpsc::Receiver<Ask>) -> Self {
        let speaks = origin.is_some() && relay.is_enabled();
        let pending = Arc::new(Semaphore::new(PENDING_PER_CONNECTION));
        let gone = CancellationToken::new();
        let end = gone.clone().drop_guard();
        Self { relay, origin, asks, pending, speaks, gone, _end: end }
    }

    fn accepted(&self, stream: Stream) {
        let Some(origin) = self.origin else { return };
        match Arc::clone(&self.pending).try_acquire_owned() {
            Ok(pending) => {
                let stream = Substream::new(stream, &self.gone, None);
                tokio::spawn(hop::serve(self.relay.clone(), origin, stream, pending));
            }
            Err(_) => self.relay.refuse(Refusal::Pending),
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Accept;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Opened>;

    fn listen_protocol(&self) -> SubstreamProtocol<Accept> {
        SubstreamProtocol::new(Accept(self.speaks.then_some(HOP)), ())
    }

    fn connection_keep_alive(&self) -> bool {
        // A circuit's substreams keep their connection alive themselves.
        self.origin.is_some_and(|origin| self.relay.reserved_over(origin.connection))
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Infallible>> {
        while let Poll::Ready(Some(ask)) = self.asks.poll_recv(cx) {
            // Whoever gave up waiting meanwhile must not cost a substream.
            if let Ask::Open(reply) = ask
                && !reply.is_closed()
            {
                let patience = self.relay.times().stop;
                let protocol = SubstreamProtocol::new(ReadyUpgrade::new(STOP), reply).with_timeout(patience);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        self.speaks |= self.origin.is_some() && self.relay.is_enabled();
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Accept, ReadyUpgrade<StreamProtocol>, (), oneshot::Sender<Opened>>,
    ) {
        // A reply that nobody waits for is no error: the substream is dropped and thereby reset.
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                self.accepted(stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info }) => {
                let _ = info.send(Ok(Substream::new(stream, &self.gone, None)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.send(Err(match error {
                    StreamUpgradeError::Timeout => "the peer did not answer in time".to_owned(),
                    StreamUpgradeError::NegotiationFailed => format!("the peer does not speak {STOP}"),
                    StreamUpgradeError::Io(e) => e.to_string(),
                    StreamUpgradeError::Apply(never) => match never {},
                }));
            }
            _ => {}
        }
    }
}
