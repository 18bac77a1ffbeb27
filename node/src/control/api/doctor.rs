//! How the node is reached, and what can be done about it.

use std::collections::BTreeMap;

use atoll_protocol::identity::NodeId;
use serde::{Deserialize, Serialize};

pub use crate::net::relay::figures::RelayFigures;

/// A check-up of how this node is reached, and reaches others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// The node's identity.
    pub node: NodeId,
    /// What was found, in the order in which it is worth reading.
    pub findings: Vec<Finding>,
    /// Whether strangers can dial this node: `public`, `private` or `unknown`.
    pub reachability: String,
    /// The addresses that others were asked to dial, and what came of it.
    pub tested: Vec<TestedAddress>,
    /// What NATs make of this node's ports, for each kind of connection that public peers have seen.
    pub nat: Vec<NatRow>,
    /// Whether this machine has a public IPv6 address.
    pub ipv6: bool,
    /// Whether the router passes on what comes to this node's port: `off`, `not_tried`, `tried` or `mapped`.
    pub port_mapping: String,
    /// The router's addresses that lead to this node.
    pub mapped: Vec<String>,
    /// The relays that are known, those with a reservation first.
    pub relays: Vec<RelayRow>,
    /// What was tried to get from relayed paths to direct ones.
    pub punches: PunchCounts,
    /// The peers that are reached through a relay at present.
    pub relayed: Vec<RelayedPeer>,
    /// What this node relays for others; `null` if it does not.
    pub relaying: Option<RelayFigures>,
    /// How far this machine's clock is ahead of those of its peers (their median); `null` if nobody has said.
    pub clock_ahead_ms: Option<i64>,
}

/// How good or bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and could be better.
    Fair,
    /// Something does not work.
    Bad,
    /// It cannot be told yet.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it is.
    pub health: Health,
    /// That in words.
    pub says: String,
    /// What can be done about it, where something can.
    pub advice: Option<String>,
}

/// An address that others were asked to dial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestedAddress {
    /// The address.
    pub address: String,
    /// Whether it can be dialled; `null` as long as that is not settled.
    pub reachable: Option<bool>,
    /// Servers, each in a subnet of its own, that got through.
    pub yes: usize,
    /// Those that did not.
    pub no: usize,
}

/// What a NAT makes of this node's port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatRow {
    /// `quic` or `tcp`.
    pub transport: String,
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// `unknown`, `open` (none), `preserving`, `shifted` or `symmetric`.
    pub mapping: String,
    /// The public peers that this is known from.
    pub observers: usize,
    /// Where they see this node, the most frequent first.
    pub seen: Vec<String>,
}

/// A relay that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelayRow {
    /// The relay.
    pub relay: NodeId,
    /// `held`, `asked` or `idle`.
    pub state: String,
    /// When the reservation ends unless it is renewed.
    pub expires_ms: Option<u64>,
    /// Measured round trip.
    pub rtt_ms: Option<f64>,
    /// Failures since it last was steady.
    pub failures: u32,
}

/// Hole punches since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PunchCounts {
    /// Attempts begun.
    pub tried: u64,
    /// Attempts that brought a direct connection.
    pub succeeded: u64,
    /// Attempts that failed, by reason; reasons that there were none of are left out.
    pub failed: BTreeMap<String, u64>,
}

/// A peer that is reached through a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayedPeer {
    /// The peer.
    pub peer: NodeId,
    /// Attempts to reach it directly.
    pub attempts: u32,
    /// Why the last one failed.
    pub failed: Option<String>,
}
