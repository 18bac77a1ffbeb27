//! Sees to it that others see this node over QUIC and over TCP.
//!
//! A node that has joined over one of the two is known by the port that its NAT gives that one, and has nothing to offer for the
//! other: with a peer that has joined the other way no hole could be punched. So it dials a few of those that it is connected to
//! over the other one as well, and they say where they see it. One of the two connections is closed, as ever.

use std::time::Duration;

use atoll_registry::{
    peers::Scope,
    reach::{Transport, mapping::Family},
};
use libp2p::{
    Multiaddr, identify,
    swarm::dial_opts::{DialOpts, PeerCondition},
};

use super::Driver;
use crate::net::{addresses, connections::Connection, peer_id};

/// As many as it takes to know a NAT's kind, and as many dials within [`WINDOW`].
const OBSERVERS: usize = 2;
/// Where nothing but TCP passes, dials fail: they are not repeated all the time.
const WINDOW: Duration = Duration::from_secs(60);

impl Driver {
    /// A public node that is connected directly has said where it listens.
    pub(super) fn be_seen_otherwise(&mut self, connection: &Connection, info: &identify::Info) {
        let Some(there) = addresses::ip(&connection.address) else { return };
        if self.public.scope(there) != Some(Scope::Global) || self.has_public(Family::of(there)) {
            return;
        }
        let now = self.reach.clock.now();
        let other = if connection.transport() == Transport::Quic { Transport::Tcp } else { Transport::Quic };
        self.reach.glimpses.retain(|at| now.since(*at) < WINDOW);
        let seen = self.reach.mappings.observers(other, Family::of(there), now);
        if seen >= OBSERVERS || self.reach.glimpses.len() >= OBSERVERS {
            return;
        }
        let is_wanted = |address: &&Multiaddr| {
            let is_there = addresses::ip(address) == Some(there) && !addresses::is_circuit(address);
            is_there && addresses::transport(address) == other
        };
        let address = info.listen_addrs.iter().find(is_wanted);
        let (Some(address), Some(peer)) = (address, peer_id(&connection.peer)) else { return };
        self.reach.glimpses.push(now);
        let dial = DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(vec![address.clone()]).build();
        if let Err(error) = self.swarm.dial(dial) {
            tracing::debug!(%address, "not dialled to be seen: {error}");
        }
    }

    /// Whether this machine has a public address itself: then there is no NAT to know of.
    fn has_public(&self, family: Family) -> bool {
        let is = |address: &Multiaddr| {
            addresses::ip(address).is_some_and(|ip| Family::of(ip) == family)
                && addresses::scope(address, &self.public) == Some(Scope::Global)
        };
        self.swarm.listeners().filter(|address| !addresses::is_circuit(address)).any(is)
    }
}
