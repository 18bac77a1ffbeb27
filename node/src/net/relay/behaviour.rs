//! Keeps the table of direct connections and gives each connection its handler.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use atoll_registry::peers::PublicRanges;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm,
    },
};
use tokio::sync::mpsc;

use super::{
    OPENS_PER_CONNECTION,
    handler::Handler,
    service::{Origin, Relay},
};
use crate::net::{addresses, connections, node_id};

/// The relay service's part in the swarm: see the [module docs](super). It is always there; [`Relay::set_enabled`] switches
/// the service.
#[derive(Debug)]
pub(crate) struct Behaviour {
    relay: Relay,
    public: PublicRanges,
}

impl Behaviour {
    pub(crate) const fn new(relay: Relay, public: PublicRanges) -> Self {
        Self { relay, public }
    }

    /// `via` is the address that would name a relay between: our own at one, if the peer has come to us.
    fn handler(&self, connection: ConnectionId, peer: PeerId, remote: &Multiaddr, via: &Multiaddr) -> Handler {
        let direct = !addresses::is_circuit(via);
        let subnet = addresses::ip(remote).and_then(|ip| self.public.subnet(ip));
        let (asks, asked) = mpsc::channel(OPENS_PER_CONNECTION);
        // At once, and not when the swarm reports the connection: its task may have a request before that.
        let origin = node_id(&peer).map(|peer| Origin { peer, connection, subnet, direct });
        if let Some(Origin { peer, direct: true, .. }) = origin {
            self.relay.connected(connection, peer, connections::is_quic(remote), asks);
        }
        Handler::new(self.relay.clone(), origin, asked)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(id, peer, remote, local))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(id, peer, address, address))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(e) => self.relay.disconnected(e.connection_id),
            // Another behaviour has refused the connection.
            FromSwarm::DialFailure(e) => self.relay.disconnected(e.connection_id),
            FromSwarm::ListenFailure(e) => self.relay.disconnected(e.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
