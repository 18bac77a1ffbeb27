//! Keeps the best connection to each peer, and closes those that are in its way.

use atoll_protocol::identity::NodeId;
use atoll_registry::reach::paths;
use libp2p::swarm::ConnectionId;

use super::Driver;
use crate::net::connections::Path;

impl Driver {
    /// Decides about the connections to a peer.
    pub(super) fn settle(&mut self, peer: NodeId) {
        let clock = self.reach.clock;
        let all = self.connections.of(&peer);
        // One that has fallen silent is no reason to close others. What is under way on it may still be heard of.
        let heard: Vec<paths::Connection<ConnectionId>> = all
            .iter()
            .filter(|connection| !connection.is_silent())
            .map(|connection| paths::Connection {
                id: connection.id,
                transport: connection.transport(),
                path: match connection.path {
                    Path::Direct => paths::Path::Direct,
                    Path::Relayed => paths::Path::Relayed,
                },
                dialled: connection.outbound,
                established: clock.time_of(connection.established),
                in_flight: connection.in_use(),
            })
            .collect();
        let now = clock.now();
        let decision = paths::decide(&self.me, &peer, &heard, now);
        let silent = (heard.len() < all.len()).then(|| now + paths::AGAIN);
        match decision.again.into_iter().chain(silent).min() {
            Some(at) => self.reach.unsettled.insert(peer, at),
            None => self.reach.unsettled.remove(&peer),
        };
        for id in decision.close {
            self.swarm.close_connection(id);
        }
    }
}
