//! Keeps barred peers out: hangs up on them, lets none in, and dials none.

use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use super::{conduct::Conduct, node_id, peer_id};

/// Why a connection to a peer is not made.
#[derive(Debug, thiserror::Error)]
#[error("it is barred for another {} s, since it has sent forged or malformed records", left.as_secs())]
struct Barred {
    left: Duration,
}

/// See the [module docs](self).
pub(super) struct Behaviour {
    conduct: Conduct,
}

impl Behaviour {
    pub(super) const fn new(conduct: Conduct) -> Self {
        Self { conduct }
    }

    fn admit(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        let left = node_id(peer).and_then(|node| self.conduct.barred_for(&node));
        left.map_or(Ok(()), |left| Err(ConnectionDenied::new(Barred { left })))
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.admit(&peer)).map(|()| Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        while let Poll::Ready(node) = self.conduct.poll_barred(cx) {
            // Named by its owner in the meantime, it may stay.
            if let Some(peer_id) = peer_id(&node).filter(|peer| self.admit(peer).is_err()) {
                return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All });
            }
        }
        Poll::Pending
    }
}
