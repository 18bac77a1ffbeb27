//! What follows when this machine's network has changed: an address has come, or one has gone.
//!
//! QUIC connections do not follow a machine to another address (libp2p leaves migration off), and TCP connections cannot. So
//! those that the lost address may have carried are closed at once, rather than found dead after a while; whoever needs a peer
//! dials it again, and joining begins anew.

use atoll_registry::peers::Scope;
use libp2p::{Multiaddr, multiaddr::Protocol};
use tokio::time::Instant;

use super::Driver;
use crate::net::{addresses, connections::Path};

impl Driver {
    /// This node listens on another address.
    pub(in crate::net::driver) fn address_gained(&mut self, address: &Multiaddr) {
        if self.is_of_network(address) {
            let now = self.reach.clock.now();
            self.list_addresses(now);
            if self.ready.is_empty() {
                self.next_round = Instant::now();
            }
        }
    }

    /// This node does not have an address any more.
    pub(in crate::net::driver) fn address_lost(&mut self, address: &Multiaddr) {
        if !self.is_of_network(address) {
            return;
        }
        let family = is_v4(address);
        let others = self.swarm.listeners().filter(|other| self.is_of_network(other) && is_v4(other) == family).count();
        if others > 0 {
            return;
        }
        tracing::info!(%address, "the network has changed: connections are made anew");
        let now = self.reach.clock.now();
        self.reach.candidates.clear();
        self.reach.mappings.network_changed();
        self.reach.glimpses.clear();
        self.reach.verdicts.network_changed();
        self.reach.relays.network_changed();
        self.reach.punches.network_changed(now);
        self.reach.portmap.network_changed();
        for connection in self.connections.all() {
            let local = addresses::scope(&connection.address, &self.public) == Some(Scope::Loopback);
            if !local && (is_v4(&connection.address) == family || connection.path == Path::Relayed) {
                self.swarm.close_connection(connection.id);
            }
        }
        self.look_around();
    }

    /// Whether an address is one by which this machine is in a network, and not its own loopback or a relay's.
    fn is_of_network(&self, address: &Multiaddr) -> bool {
        let scope = addresses::scope(address, &self.public);
        !addresses::is_circuit(address) && matches!(scope, Some(Scope::Private | Scope::Global))
    }
}

fn is_v4(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Ip4(_)))
}
