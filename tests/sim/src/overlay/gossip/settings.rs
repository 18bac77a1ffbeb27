//! What can be tuned.

use std::time::Duration;

/// The parameters of gossipsub, by what they do; the specification's names are in brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Neighbours in the mesh (D).
    pub mesh: usize,
    /// With fewer, graft (D_low).
    pub mesh_low: usize,
    /// With more, prune (D_high).
    pub mesh_high: usize,
    /// Neighbours outside the mesh that are told of messages at a heartbeat (D_lazy).
    pub lazy: usize,
    /// The least share of the neighbours outside the mesh that are told, if that is more (gossip factor).
    pub lazy_share: f64,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Heartbeats for which a message can be asked for (mcache_len).
    pub history: usize,
    /// Heartbeats for which others are told of a message (mcache_gossip).
    pub gossiped: usize,
    /// How long a message is known to have been seen (seen_ttl).
    pub seen_for: Duration,
    /// How long not to graft a neighbour after a prune.
    pub backoff: Duration,
    /// Whether own messages go to all neighbours, not only to the mesh.
    pub flood_publish: bool,
    /// A message longer than this is called off with the other neighbours as soon as it is here (IDONTWANT).
    pub unwanted_above: u32,
    /// How long a message stays called off.
    pub unwanted_for: Duration,
    /// How long to wait for a message that was asked for, before it is asked for elsewhere.
    pub asked_for: Duration,
    /// Bytes of every message on the wire before its content: QUIC, UDP and IP headers, authentication, the length.
    pub envelope: u32,
    /// Bytes of the topic's name.
    pub topic: u32,
}

impl Default for Settings {
    /// The specification's values, a heartbeat of one second, and what rust-libp2p adds to them.
    fn default() -> Self {
        Self {
            mesh: 6,
            mesh_low: 4,
            mesh_high: 12,
            lazy: 6,
            lazy_share: 0.25,
            heartbeat: Duration::from_secs(1),
            history: 5,
            gossiped: 3,
            seen_for: Duration::from_secs(120),
            backoff: Duration::from_secs(60),
            flood_publish: true,
            unwanted_above: 1_024,
            unwanted_for: Duration::from_secs(3),
            asked_for: Duration::from_secs(3),
            envelope: 60,
            topic: 24,
        }
    }
}
