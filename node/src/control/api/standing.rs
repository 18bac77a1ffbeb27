//! What is said of how far nodes are trusted.

use atoll_protocol::identity::NodeId;
use atoll_registry::standing::Tier;
use serde::{Deserialize, Serialize};

/// How far a node is trusted, what that is made of, and what it lacks for more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reputation {
    /// The node.
    pub node: NodeId,
    /// What it may do here.
    pub tier: Tier,
    /// From 0 to 1.
    pub score: f64,
    /// How good it was when this node called it, from 0 to 1; 0.5 if it never did.
    pub quality: f64,
    /// How much is known of that, from 0 to 1.
    pub confidence: f64,
    /// How far others speak for it, from 0 to 1.
    pub hearsay: f64,
    /// Calls of this node that have ended, ever.
    pub calls: u64,
    /// Successes of late: older ones fade, by half in a week.
    pub success: f64,
    /// Faults of late, faded alike: a provable one counts 1, a lost call a quarter.
    pub fault: f64,
    /// Days on which it is known to have done something for somebody.
    pub days: f64,
    /// Calls that it has answered well, as this node has seen or believes.
    pub successes: u64,
    /// Peers that this node trusts and that vouch for it, this node among them.
    pub counterparties: u32,
    /// How much is given on what it says of others: part of 1 for all together.
    pub witness: f64,
    /// Whether the owner of this node trusts it, whatever it does.
    pub friend: bool,
    /// Whether it is proved to have signed two things where only one can be true.
    pub convicted: bool,
    /// What it lacks for the next tier; `null` in the highest.
    pub next: Option<NextTier>,
}

/// What a node lacks for a tier: only what it lacks, else zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextTier {
    /// The tier.
    pub tier: Tier,
    /// Of the score.
    pub score: f64,
    /// Days.
    pub days: f64,
    /// Calls answered well.
    pub successes: u64,
    /// Peers that vouch for it.
    pub counterparties: u32,
}
