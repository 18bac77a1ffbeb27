//! How far peers are to be trusted: what this node has seen of them, and what those say that it has reason to believe.
//!
//! | module | what it holds |
//! |---|---|
//! | [`evidence`] | successes and faults of one peer, fading |
//! | [`outage`] | lost calls that are nobody's fault but the network's |
//! | [`score`] | from evidence and hearsay to a score |
//! | [`tier`] | what a peer may do here, and what it lacks for more |
//! | [`admission`] | how many calls peers may make here |
//! | [`choice`] | whom to call: the good ones, and now and then a stranger |
//! | [`receipts`] | receipts of others, for looking at what rows claim |
//! | [`book`] | all of it for all peers, bounded |
//!
//! # What holds
//!
//! - A success never lowers a peer's score here, and a fault never raises it.
//! - Hearsay lifts a group of peers by at most ½·Σ p·g over the witnesses that vouch for it, however large the group is: fake
//!   identities that vouch for each other gain nothing.
//! - Nothing bad that is said of a peer is believed. What counts against it is what this node has seen, and fraud that proves itself.
//! - A peer that cannot be reached is not for that reason a bad one, and what is lost in an outage is charged to nobody.
//!
//! Nothing in here reads a clock, draws a random number, verifies a signature or opens a socket.

pub mod admission;
pub mod book;
pub mod choice;
mod decay;
pub mod evidence;
pub mod outage;
pub mod receipts;
pub mod score;
pub mod tier;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    book::Book,
    choice::{Judged, Listed, Trials, place, shortlist},
    evidence::Evidence,
    receipts::{Adopted, Receipts},
    score::{Scores, Standing},
    tier::{Merits, Tier},
};

/// In this time evidence fades to half of what it was.
pub const HALF_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// After so many interactions the fast counters have faded to half of what they were.
pub const FAST_HALF_LIFE: f64 = 4.0;
/// What a success counts that came later than promised.
pub const SLOW: f64 = 0.5;
/// What a lost call counts as a fault.
pub const LOST: f64 = 0.25;
/// Losses within this time of each other belong together.
pub const OUTAGE: Duration = Duration::from_secs(30);
/// So many other peers that lost a call at the same time make an outage.
pub const OUTAGE_PEERS: usize = 3;
/// Losses that are remembered until they are charged.
pub const OUTAGE_LOSSES: usize = 1024;
/// Peers of which evidence is kept; the one heard of longest ago goes first.
pub const PEERS: usize = 16 * 1024;
/// Witnesses whose rows are kept.
pub const WITNESSES: usize = 256;
/// Receipts of others that are kept for looking at.
pub const RECEIPTS: usize = 4096;

/// Milliseconds of a day.
const DAY: u64 = 24 * 3600 * 1000;
