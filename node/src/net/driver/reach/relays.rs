//! Reserves places at relays, through which this node can be reached as long as it cannot be dialled.
//!
//! A reservation is a listener of the swarm on the relay's address: renewed by libp2p as long as it stands, and ended by
//! closing the listener (see [`places`](super::places)).

use std::sync::Arc;

use atoll_protocol::identity::NodeId;
use atoll_registry::{
    peers::Scope,
    reach::{
        relays::{Effect, TERM},
        verdicts::Reachability,
    },
    time::Time,
};
use libp2p::{Multiaddr, core::transport::ListenerId, identify, multiaddr::Protocol, relay};

use super::Driver;
use crate::net::{
    addresses,
    connections::{Connection, Path},
    node_id, peer_id,
};

/// Relays that are asked for a peer that is not known to be there.
const TRIED_UNTOLD: usize = 3;

impl Driver {
    /// A node that is connected directly has said whether it relays.
    pub(super) fn relay_identified(&mut self, connection: &Arc<Connection>, info: &identify::Info) {
        let relay = connection.peer;
        let reached = addresses::ip(&connection.address);
        if info.protocols.contains(&relay::HOP_PROTOCOL_NAME) && !self.trust.shuns(&relay) {
            self.reach.relays.offered(relay, reached.and_then(|ip| self.public.subnet(ip)));
        } else {
            self.reach.relays.withdrawn(&relay);
        }
    }

    /// Asks for reservations, or gives them up, as is decided now.
    pub(super) fn reserve_due(&mut self, now: Time) {
        let needed = self.needs_relay();
        self.reach.relays.set_public(!needed);
        if needed {
            self.reach.portmap.seek();
        }
        self.measure_relays();
        for effect in self.reach.relays.decide(now, rand::random()) {
            match effect {
                Effect::Reserve { relay } => self.reserve(relay, now),
                Effect::Release { relay } => self.release(&relay),
                // libp2p renews by itself.
                Effect::Renew { .. } => {}
            }
        }
    }

    /// Whether some of this node's peers could not dial it: if none of its addresses reaches as far as they do, or it cannot be
    /// told yet whether one does.
    pub(super) fn needs_relay(&self) -> bool {
        let widest = |all: &mut dyn Iterator<Item = &Multiaddr>| {
            all.filter(|a| !addresses::is_circuit(a)).filter_map(|a| addresses::scope(a, &self.public)).max()
        };
        let peers = self.connections.all();
        let peers = widest(&mut peers.iter().filter(|c| c.path == Path::Direct).map(|c| &c.address));
        let own = self.dialable();
        let own = widest(&mut own.iter());
        // Whoever relays for others is there to be dialled.
        !self.relays && peers == Some(Scope::Global) && !(own == Some(Scope::Global) && self.is_reachable())
    }

    /// Whether others have confirmed that they can dial this node.
    fn is_reachable(&self) -> bool {
        matches!(self.reach.verdicts.reachability(), Reachability::Public { .. })
    }

    /// The addresses at which whoever knows of them can dial this node, as far as that is known: its own, without public ones
    /// that nobody gets through to, and those that its router maps.
    ///
    /// Not those that a NAT made up, even if others have got through to them: a server can only test from an address that this
    /// node has sent something to, and there are NATs that let in just those.
    pub(in crate::net::driver) fn dialable(&self) -> Vec<Multiaddr> {
        let public = |address: &&Multiaddr| addresses::scope(address, &self.public) == Some(Scope::Global);
        let refuted = *self.reach.verdicts.reachability() == Reachability::Private;
        let own = self.swarm.listeners().filter(|a| !addresses::is_circuit(a)).filter(|a| !(refuted && public(a)));
        let mapped = self.reach.portmap.addresses().filter(|_| self.is_reachable());
        own.cloned().chain(mapped).collect()
    }

    fn measure_relays(&mut self) {
        let known: Vec<NodeId> = self.reach.relays.all().map(|(relay, _)| relay).collect();
        for relay in known {
            // Another one will do better.
            if self.trust.shuns(&relay) {
                self.reach.relays.withdrawn(&relay);
                continue;
            }
            if let Some(rtt) = self.connections.best(&relay).and_then(|best| best.rtt()) {
                self.reach.relays.measured(&relay, rtt);
            }
        }
    }

    fn reserve(&mut self, relay: NodeId, now: Time) {
        let listening = self.circuit_at(&relay).map(|circuit| self.swarm.listen_on(circuit));
        match listening {
            Some(Ok(listener)) => self.reach.places.asked(listener, relay),
            Some(Err(error)) => {
                tracing::debug!(%relay, "no place at the relay: {error}");
                self.reach.relays.failed(&relay, now, rand::random());
            }
            // It has gone meanwhile.
            None => self.reach.relays.withdrawn(&relay),
        }
    }

    /// The address that this node has at a relay it is connected to.
    fn circuit_at(&self, relay: &NodeId) -> Option<Multiaddr> {
        let all = self.connections.of(relay);
        let direct = all.iter().filter(|c| c.path == Path::Direct).max_by_key(|c| c.outbound)?;
        let address = addresses::bare(&direct.address).with(Protocol::P2p(peer_id(relay)?));
        Some(address.with(Protocol::P2pCircuit))
    }

    /// The ways through relays that this node is connected to, the nearest first. A peer may be reachable there before that is
    /// known here: it has just reserved a place, or lost the one that its record tells of. A relay without the peer says so at
    /// once.
    pub(in crate::net::driver) fn circuits(&self) -> Vec<Multiaddr> {
        let mut relays: Vec<_> = self.reach.relays.all().map(|(relay, known)| (known.rtt, relay)).collect();
        relays.sort_unstable();
        let circuits = relays.iter().filter_map(|(_, relay)| self.circuit_at(relay));
        // On a network of its own nobody needs a relay.
        circuits.filter(|at| addresses::scope(at, &self.public) == Some(Scope::Global)).take(TRIED_UNTOLD).collect()
    }

    fn release(&mut self, relay: &NodeId) {
        let listeners = self.reach.places.release(relay);
        self.close_all(listeners);
    }

    fn close_all(&mut self, listeners: Vec<ListenerId>) {
        for listener in listeners {
            self.swarm.remove_listener(listener);
        }
    }

    /// A relay has reserved a place.
    pub(in crate::net::driver) fn relay_event(&mut self, event: relay::client::Event) {
        if let relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, .. } = event
            && let Some(relay) = node_id(&relay_peer_id)
        {
            let (wanted, listeners) = self.reach.places.given(&relay);
            self.close_all(listeners);
            if !wanted {
                return;
            }
            tracing::debug!(%relay, renewal, "reachable through a relay");
            let now = self.reach.clock.now();
            self.reach.relays.accepted(&relay, TERM, now);
            self.addresses_changed();
        }
    }

    /// A listener has ended: a place at a relay, it may be.
    pub(in crate::net::driver) fn listener_closed(&mut self, listener: ListenerId) {
        if let Some(relay) = self.reach.places.closed(&listener) {
            tracing::debug!(%relay, "the place at the relay is lost");
            let now = self.reach.clock.now();
            self.reach.relays.failed(&relay, now, rand::random());
            self.look_around();
        }
    }
}
