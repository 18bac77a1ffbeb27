//! How this node is reached, as the swarm's task reports it.

use std::net::SocketAddr;

use atoll_protocol::identity::NodeId;
use atoll_registry::{
    reach::{
        Transport,
        mapping::{Family, Mapping, Upstream},
        punch, relays,
        verdicts::{self, Reachability},
    },
    time::Time,
};
use libp2p::Multiaddr;

pub(crate) use super::portmap::PortMapping;

/// How it stands at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) at: Time,
    pub(crate) reachability: Reachability<Multiaddr>,
    pub(crate) tested: Vec<Tested>,
    /// What is known of NATs, for each kind of connection that somebody has seen.
    pub(crate) nats: Vec<Nat>,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) port_mapping: PortMapping,
    pub(crate) listening: Vec<Multiaddr>,
    /// Whether some of the peers could not dial this node.
    pub(crate) needs_relay: bool,
    pub(crate) relays: Vec<Held>,
    pub(crate) punches: punch::Counts,
    /// The peers that are reached through a relay.
    pub(crate) relayed: Vec<Relayed>,
}

/// An address that others were asked to dial.
#[derive(Debug, Clone)]
pub(crate) struct Tested {
    pub(crate) address: Multiaddr,
    pub(crate) standing: verdicts::Standing,
}

/// What a NAT makes of this node's ports.
#[derive(Debug, Clone)]
pub(crate) struct Nat {
    pub(crate) transport: Transport,
    pub(crate) family: Family,
    pub(crate) mapping: Mapping,
    pub(crate) observers: usize,
    pub(crate) seen: Vec<SocketAddr>,
}

/// A relay that is known.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) relay: NodeId,
    pub(crate) known: relays::Relay,
}

/// A peer that is reached through a relay.
#[derive(Debug, Clone)]
pub(crate) struct Relayed {
    pub(crate) peer: NodeId,
    pub(crate) standing: punch::Standing,
}
