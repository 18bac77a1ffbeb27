//! Remembering neighbours for the next run.

use std::time::Duration;

use super::Actor;

/// How often the neighbours are noted.
pub(super) const ROUND: Duration = Duration::from_secs(30);

impl Actor {
    /// Notes where the connected peers can be dialled: first where this node has dialled them itself, then what they
    /// say of themselves. A peer of which the directory knows nothing may be no node at all.
    pub(super) fn remember_neighbours(&mut self) {
        let wall = self.directory.clock.wall();
        for connection in self.directory.net.connections.all() {
            let mut addresses = Vec::new();
            if self.directory.node(&connection.peer).is_none() {
                continue;
            }
            if connection.outbound {
                addresses.push(crate::net::bare(&connection.address).to_string());
            }
            addresses.extend(self.directory.addresses_of(&connection.peer).iter().map(ToString::to_string));
            if !addresses.is_empty() {
                self.outputs.storage.remember(connection.peer, addresses, wall);
            }
        }
    }
}
