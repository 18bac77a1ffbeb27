//! How this node is reached, for whoever asks.

use atoll_registry::reach::{Transport, mapping::Family};

use super::Driver;
use crate::net::reach::{Held, Nat, Reach, Relayed, Tested};

impl Driver {
    /// How it stands now.
    pub(in crate::net::driver) fn reach_report(&self) -> Reach {
        let (reach, now) = (&self.reach, self.reach.clock.now());
        let nats = [Transport::Quic, Transport::Tcp].into_iter().flat_map(|transport| {
            [Family::V4, Family::V6].map(|family| Nat {
                transport,
                family,
                mapping: reach.mappings.mapping(transport, family, now),
                observers: reach.mappings.observers(transport, family, now),
                seen: reach.mappings.seen(transport, family, now),
            })
        });
        let tested = reach.verdicts.all().map(|(address, standing)| Tested { address: address.clone(), standing });
        let held = reach.relays.all().map(|(relay, known)| Held { relay, known });
        let relayed = reach.punches.all().map(|(peer, standing)| Relayed { peer, standing });
        Reach {
            at: now,
            reachability: reach.verdicts.reachability().clone(),
            tested: tested.collect(),
            nats: nats.filter(|nat| nat.observers > 0).collect(),
            upstream: reach.mappings.upstream(now),
            port_mapping: reach.portmap.state(),
            listening: self.swarm.listeners().cloned().collect(),
            needs_relay: self.needs_relay(),
            relays: held.collect(),
            punches: reach.punches.counts(),
            relayed: relayed.collect(),
        }
    }
}
