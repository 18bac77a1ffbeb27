//! Keeps the table of open connections and gives each its handler.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use atoll_protocol::identity::NodeId;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm,
    },
};
use tokio::sync::mpsc;

use super::{Accepted, Inbound, OPENS_PER_CONNECTION, handler::Handler};
use crate::net::{
    Counters,
    addresses::is_circuit,
    connections::{Connection, Connections, OPEN_OVER_TCP, is_quic},
};

/// See the [module docs](super).
#[derive(Debug)]
pub(crate) struct Behaviour {
    protocols: Accepted,
    /// Substreams that this side may have open on a QUIC connection.
    over_quic: usize,
    connections: Connections,
    inbound: mpsc::Sender<Inbound>,
    counters: Arc<Counters>,
    /// Connections that this behaviour has accepted and another may still refuse.
    pending: HashMap<ConnectionId, Arc<Connection>>,
}

impl Behaviour {
    /// Accepts substreams of `protocols` into `inbound` and keeps `connections` up to date. This side may have `over_quic` substreams
    /// open on each QUIC connection.
    pub(crate) fn new(
        protocols: Accepted,
        over_quic: usize,
        connections: Connections,
        inbound: mpsc::Sender<Inbound>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { protocols, over_quic, connections, inbound, counters, pending: HashMap::new() }
    }

    fn handler(&mut self, id: ConnectionId, peer: PeerId, address: &Multiaddr, outbound: bool) -> Handler {
        // A peer whose key is not Ed25519 can be a libp2p neighbour but not an Atoll node: it gets no substreams.
        let Ok(peer) = NodeId::from_peer_id_bytes(&peer.to_bytes()) else {
            return Handler::idle();
        };
        let (opens, requests) = mpsc::channel(OPENS_PER_CONNECTION);
        let places = if is_quic(address) { self.over_quic } else { OPEN_OVER_TCP };
        let connection = Arc::new(Connection::new(id, peer, address.clone(), outbound, places, opens));
        self.pending.insert(id, Arc::clone(&connection));
        let (protocols, counters) = (self.protocols.clone(), Arc::clone(&self.counters));
        Handler::new(connection, protocols, requests, self.inbound.clone(), counters)
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
        // Who comes through a relay comes from no address of its own: the relay is named on this side.
        let address = if is_circuit(local) { local } else { remote };
        Ok(self.handler(id, peer, address, false))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // Where a hole is punched both have dialled, and one of them as if it had been dialled: that is what both agree on.
        Ok(self.handler(id, peer, address, role == Endpoint::Dialer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(e) => {
                if let Some(connection) = self.pending.remove(&e.connection_id) {
                    self.connections.insert(connection);
                }
            }
            FromSwarm::ConnectionClosed(e) => {
                if let Ok(peer) = NodeId::from_peer_id_bytes(&e.peer_id.to_bytes()) {
                    self.connections.remove(&peer, e.connection_id);
                }
            }
            FromSwarm::DialFailure(e) => drop(self.pending.remove(&e.connection_id)),
            FromSwarm::ListenFailure(e) => drop(self.pending.remove(&e.connection_id)),
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
