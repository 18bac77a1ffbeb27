//! What the swarm reports, and what follows from it.

use atoll_registry::peers::conduct::Fault;
use libp2p::{
    Multiaddr, PeerId, gossipsub, identify, kad, mdns, ping,
    swarm::{ConnectionError, ConnectionId, DialError, SwarmEvent},
};
use tokio::time::Instant;

use super::{Driver, Stranger, dht, dials, routing::Said};
use crate::{
    error::ConnectError,
    event::NodeEvent,
    net::{
        IDENTIFY_PREFIX, NetEvent, TopicEvent, addresses,
        behaviour::{Behaviour, BehaviourEvent},
        node_id,
    },
};

type Event = SwarmEvent<<Behaviour as libp2p::swarm::NetworkBehaviour>::ToSwarm>;

impl Driver {
    pub(super) fn swarm_event(&mut self, event: Event) {
        match event {
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                self.address_gained(&address);
                let address = addresses::with_peer(&address, &self.me);
                self.reports.report(NodeEvent::Listening { address });
                self.addresses_changed();
            }
            SwarmEvent::ExternalAddrConfirmed { .. } | SwarmEvent::ExternalAddrExpired { .. } => {
                self.addresses_changed()
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.address_lost(&address);
                self.addresses_changed();
            }
            SwarmEvent::ListenerClosed { listener_id, .. } => {
                self.listener_closed(listener_id);
                self.addresses_changed();
            }
            // By one of libp2p's protocols, at what it knows.
            SwarmEvent::Dialing { peer_id: Some(peer), connection_id } => {
                self.dials.begun(connection_id, peer, Vec::new());
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.dials.established(connection_id, peer_id);
                self.connections_changed(peer_id);
                self.dial_ended(connection_id, Ok(peer_id));
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established, cause, .. } => {
                if num_established == 0 {
                    self.last_connection_closed(peer_id, cause.as_ref());
                }
                self.connections_changed(peer_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.dial_ended(connection_id, Err(error.to_string()));
                self.dials.connection_failed(connection_id, &error);
                if let Some(peer) = peer_id.filter(|p| !self.swarm.is_connected(p)) {
                    self.dials.peer_failed(&peer, &dials::describe(&error));
                    self.unreachable(&peer, &error);
                }
            }
            _ => {}
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, connection_id, info }) => {
                self.identified(peer_id, connection_id, info);
            }
            BehaviourEvent::Ping(ping::Event { peer, connection, result: Ok(rtt) }) => {
                if let Some(node) = node_id(&peer) {
                    self.connections.measured(&node, connection, rtt);
                }
            }
            BehaviourEvent::RelayClient(event) => self.relay_event(event),
            BehaviourEvent::Kad(event) => self.kad_event(event),
            BehaviourEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                if message.topic == self.topic.hash() {
                    self.gossip_arrived(message_id, propagation_source, message.data);
                } else if message.topic == self.frauds.hash() {
                    self.accusation_arrived(message_id, propagation_source, message.data);
                } else {
                    self.topic_gossip_arrived(message_id, propagation_source, message.data);
                }
            }
            BehaviourEvent::Gossip(gossipsub::Event::Subscribed { topic, .. }) if topic == self.topic.hash() => {
                self.tell(NetEvent::Listens);
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                for (peer, address) in found {
                    self.found_on_lan(peer, address);
                }
            }
            _ => {}
        }
    }

    fn kad_event(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest { request: kad::InboundRequest::AddProvider { record: Some(record) } } => {
                let over = self.reached_at(&record.provider);
                let kad = &mut self.swarm.behaviour_mut().kad;
                dht::inbound_provider(kad, &self.counters, record, over.as_ref());
            }
            // Nothing on this network is stored as a value. Kademlia has answered as if it were; it has no other answer.
            kad::Event::InboundRequest { request: kad::InboundRequest::PutRecord { .. } } => {
                self.counters.dht.refused_values.add(1);
            }
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                let found = self.dht.progress(&mut self.swarm.behaviour_mut().kad, id, result, step.last);
                for provider in found {
                    let (reply, _) = tokio::sync::oneshot::channel();
                    self.dial_peer(provider, Vec::new(), reply);
                }
            }
            kad::Event::RoutingUpdated { peer, addresses, old_peer, .. } => {
                let reached = self.reached_at(&peer);
                let kad = &mut self.swarm.behaviour_mut().kad;
                self.routing.updated(kad, &peer, &addresses, old_peer, reached.as_ref());
            }
            _ => {}
        }
    }

    /// A connection has come or gone.
    fn connections_changed(&mut self, peer: PeerId) {
        self.dht_mode_changed();
        if let Some(node) = node_id(&peer) {
            self.reach_changed(node);
        }
    }

    /// The address of the best connection to a peer.
    fn reached_at(&self, peer: &PeerId) -> Option<Multiaddr> {
        Some(self.connections.best(&node_id(peer)?)?.address.clone())
    }

    /// A peer that cannot be dialled only delays look-ups. As long as nobody at all can be reached, it is rather this node
    /// that is cut off, and will need those it knew.
    fn unreachable(&mut self, peer: &PeerId, error: &DialError) {
        let proved = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. });
        if proved && !self.ready.is_empty() {
            self.routing.remove(&mut self.swarm.behaviour_mut().kad, peer);
        }
    }

    fn identified(&mut self, peer: PeerId, connection: ConnectionId, info: identify::Info) {
        let result = self.check_membership(&peer, connection, &info);
        match &result {
            Ok(node) => {
                let anew = self.ready.insert(*node);
                if let Some(connection) = self.connections.of(node).into_iter().find(|c| c.id == connection) {
                    self.reach_identified(&connection, &info);
                }
                self.tell_kademlia(&peer, connection, info, anew);
                if anew {
                    let address = self.connections.all().into_iter().find(|c| c.id == connection);
                    let address = address.map(|c| c.address.clone());
                    let ip = address.as_ref().and_then(addresses::ip);
                    self.tell_broker(TopicEvent::Ready { peer: *node });
                    self.tell(NetEvent::Ready { peer: *node, subnet: ip.and_then(|ip| self.public.subnet(ip)) });
                    if let Some(address) = address {
                        self.reports.report(NodeEvent::PeerConnected { peer: *node, address });
                    }
                }
            }
            Err(error @ ConnectError::WrongNetwork { peer: node, theirs, .. }) => {
                self.conduct.charge(Some(*node), Fault::WrongNetwork, error);
                self.reports.report(NodeEvent::WrongNetwork { peer: *node, network: theirs.clone() });
                let dialled = self.connections.all().iter().any(|c| c.id == connection && c.outbound);
                // Whoever dialled hangs up, once it knows why: if the other side did, it might never learn it.
                if dialled {
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
            }
            // It knows it from its own start: it can be hung up on at once.
            Err(ConnectError::TooEasy { peer: node, bits, wanted }) => {
                self.reports.report(NodeEvent::PeerTooEasy { peer: *node, bits: *bits, wanted: *wanted });
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            // Another libp2p program: a neighbour for Kademlia and gossip at most.
            Err(_) => {}
        }
        if let Err(error) = &result {
            self.strangers.insert(peer, Stranger { error: error.clone(), since: Instant::now() });
        }
        self.dials.identified(&peer, &result);
    }

    fn check_membership(
        &self,
        peer: &PeerId,
        connection: ConnectionId,
        info: &identify::Info,
    ) -> Result<atoll_protocol::identity::NodeId, ConnectError> {
        let not_atoll =
            || ConnectError::NotAtoll { peer: peer.to_string(), agent: info.agent_version.chars().take(80).collect() };
        let node = node_id(peer).ok_or_else(not_atoll)?;
        if info.protocol_version == self.protocols.identify {
            let over = self.connections.of(&node).into_iter().find(|c| c.id == connection);
            return match self.trust.too_easy(&node, over.as_deref()) {
                Some([bits, wanted]) => Err(ConnectError::TooEasy { peer: node, bits, wanted }),
                None => Ok(node),
            };
        }
        let theirs = info.protocol_version.strip_prefix(IDENTIFY_PREFIX).ok_or_else(not_atoll)?;
        Err(ConnectError::WrongNetwork {
            peer: node,
            theirs: theirs.split('/').next().unwrap_or_default().chars().take(64).collect(),
            ours: self.network.to_string(),
        })
    }

    /// Puts a peer into the routing table, at the addresses it can be dialled at from here.
    fn tell_kademlia(&mut self, peer: &PeerId, connection: ConnectionId, info: identify::Info, anew: bool) {
        let Some(over) = self.connections.all().into_iter().find(|c| c.id == connection) else { return };
        let serves = info.protocols.contains(&self.protocols.kad);
        let (over, dialled) = (over.address.clone(), over.outbound);
        let said = Said { serves, addresses: info.listen_addrs, over, dialled, anew };
        self.routing.identified(&mut self.swarm.behaviour_mut().kad, peer, said);
    }

    fn last_connection_closed(&mut self, peer: PeerId, cause: Option<&ConnectionError>) {
        match self.dials.redial(&peer) {
            Some(addresses) => self.dial(peer, addresses),
            None => self.dials.peer_failed(&peer, "the connection was closed before the peer said who it is"),
        }
        self.strangers.remove(&peer);
        let Some(node) = node_id(&peer) else { return };
        self.swarm.behaviour_mut().kad.store_mut().gone(&node);
        if self.conduct.barred_for(&node).is_some() {
            self.routing.remove(&mut self.swarm.behaviour_mut().kad, &peer);
        }
        if self.ready.remove(&node) {
            // A connection that nobody used, or that one side closed in good order, says nothing about the peer.
            let failed = matches!(cause, Some(ConnectionError::IO(e)) if !closed_in_order(e));
            self.reports.report(NodeEvent::PeerDisconnected { peer: node });
            self.tell_broker(TopicEvent::Lost { peer: node });
            self.tell(NetEvent::Lost { peer: node, failed });
            if self.ready.is_empty() {
                self.next_round = Instant::now();
            }
        }
    }
}

/// Whether the other side said goodbye: QUIC's "closed by peer" and TCP's end of stream.
fn closed_in_order(error: &std::io::Error) -> bool {
    let text = error.to_string();
    matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionAborted)
        || text.contains("closed by peer")
        || text.contains("aborted by peer")
}
