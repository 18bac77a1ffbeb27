//! Places at relays: which listener is for which relay, and when it may be closed.
//!
//! One that is closed while its relay is being asked is a trap: libp2p's client forgets the reservation at once, and panics when
//! the relay then agrees (`libp2p-relay` 0.22, `priv_client.rs`: "Relay connection exist"), which ends the swarm's task. So a place that is
//! wanted no more is given up once the relay has answered.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use atoll_protocol::identity::NodeId;
use libp2p::core::transport::ListenerId;

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<ListenerId, Place>);

#[derive(Debug)]
struct Place {
    relay: NodeId,
    /// Whether the relay has agreed.
    given: bool,
    wanted: bool,
}

impl Places {
    /// A relay is being asked for a place.
    pub(super) fn asked(&mut self, listener: ListenerId, relay: NodeId) {
        self.0.insert(listener, Place { relay, given: false, wanted: true });
    }

    /// A place is wanted no more. Gives the listeners to be closed now.
    pub(super) fn release(&mut self, relay: &NodeId) -> Vec<ListenerId> {
        self.0.values_mut().filter(|place| place.relay == *relay).for_each(|place| place.wanted = false);
        self.take_given()
    }

    /// A relay has agreed. Gives whether that is still wanted, and the listeners to be closed now.
    pub(super) fn given(&mut self, relay: &NodeId) -> (bool, Vec<ListenerId>) {
        self.0.values_mut().filter(|place| place.relay == *relay).for_each(|place| place.given = true);
        let wanted = self.0.values().any(|place| place.relay == *relay && place.wanted);
        (wanted, self.take_given())
    }

    /// A listener has ended by itself. Gives the relay, if its place was wanted.
    pub(super) fn closed(&mut self, listener: &ListenerId) -> Option<NodeId> {
        self.0.remove(listener).filter(|place| place.wanted).map(|place| place.relay)
    }

    fn take_given(&mut self) -> Vec<ListenerId> {
        self.0.extract_if(|_, place| place.given && !place.wanted).map(|(listener, _)| listener).collect()
    }
}
