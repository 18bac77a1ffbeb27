//! Whom a node is connected to, as it says itself: what routes are estimated and maps of the network are drawn from.
//!
//! A node signs an [`Adjacency`] of its own connections, when somebody asks for it. Others keep it for as long as it lasts and
//! pass it on, by a substream of `/atoll/<network>/describe/1`: a [`SyncRequest::Adjacent`](crate::directory::SyncRequest) with a
//! [`Question`], answered with one message of [`Adjacencies`]. Nothing of this is ever pushed.
//!
//! What one end says of a connection is a claim; whoever uses it looks at what the other end says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    sealed::{Sealable, Signed, Statement},
    service::{Extensions, Seq, UnixMillis},
};

#[cfg(test)]
mod tests;

/// "These are my neighbours": one node's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjacency {
    /// The author's statement number, of the same sequence as all its other statements.
    pub seq: Seq,
    /// When it was made, by its author's clock.
    pub issued: UnixMillis,
    /// How long it is good for after it arrives at first hand, in seconds.
    pub ttl_secs: u32,
    /// The author's neighbours in ascending order, each once; of more than [`NEIGHBOURS`](limits::NEIGHBOURS) the best ones.
    pub neighbours: Vec<Neighbour>,
    /// Room for later fields.
    pub extensions: Extensions,
}

/// One connection of the author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The other end.
    pub node: NodeId,
    /// The round trip that the author has measured, in microseconds; `None` before the first measurement.
    pub rtt_us: Option<u32>,
    /// Whether the bytes pass through a relay.
    pub relayed: bool,
}

impl Adjacency {
    /// How long it is good for.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_secs.into())
    }

    /// What the author says of its connection to `node`.
    #[must_use]
    pub fn neighbour(&self, node: &NodeId) -> Option<&Neighbour> {
        let at = self.neighbours.binary_search_by_key(node, |neighbour| neighbour.node).ok()?;
        self.neighbours.get(at)
    }
}

impl Sealable for Adjacency {
    const DOMAIN: &'static str = "atoll adjacency 1";
}

impl Statement for Adjacency {
    const NAME: &'static str = "adjacency";
    const LIMIT: usize = limits::ADJACENCY;

    fn check(&self, author: &NodeId) -> Result<(), String> {
        let (count, limit) = (self.neighbours.len(), limits::NEIGHBOURS);
        if count > limit {
            return Err(format!("{count} neighbours, at most {limit} are allowed"));
        }
        let (ttl, min, max) = (self.ttl(), limits::ADJACENCY_TTL_MIN, limits::ADJACENCY_TTL_MAX);
        if !(min..=max).contains(&ttl) {
            let (ttl, min, max) = (ttl.as_secs(), min.as_secs(), max.as_secs());
            return Err(format!("an adjacency of {ttl} s is outside what is allowed, {min} to {max} s"));
        }
        if self.neighbours.iter().any(|neighbour| neighbour.node == *author) {
            return Err("a node that names itself as its neighbour".to_owned());
        }
        if let Some([a, b]) = self.neighbours.array_windows().find(|[a, b]| a.node >= b.node) {
            return Err(format!("neighbour {} stands after {}; each stands once, in ascending order", b.node, a.node));
        }
        let longest = limits::ROUND_TRIP.as_micros();
        let absurd = |n: &&Neighbour| n.rtt_us.is_some_and(|rtt| rtt == 0 || u128::from(rtt) > longest);
        match self.neighbours.iter().find(absurd).map(|n| n.rtt_us.unwrap_or_default()) {
            Some(rtt) => Err(format!("a round trip of {rtt} µs is outside what is allowed, 1 to {longest} µs")),
            None => Ok(()),
        }
    }
}

/// "Tell me your neighbours, and those of the nodes around you."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// How many hops from the answering node: with 0 only its own adjacency is wanted. More than
    /// [`ADJACENCY_HOPS`](limits::ADJACENCY_HOPS) is taken for that.
    pub hops: u8,
    /// How many adjacencies the answer may hold, the nearest ones; more than [`ADJACENCIES`](limits::ADJACENCIES) is taken for that.
    pub most: u16,
    /// How long the asking node waits, in milliseconds. With two hops and more the answering node may ask further itself, with
    /// less patience each time.
    pub patience_ms: u16,
    /// What the asking node holds already, each with its number: of these only later ones are wanted.
    pub known: Vec<(NodeId, Seq)>,
}

impl Question {
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        at_most("adjacencies in a question", self.known.len(), limits::ADJACENCIES_KNOWN)
    }
}

/// The answer to a [`Question`], nearest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Adjacencies {
    /// What the answering node holds and the asking one lacks.
    pub held: Vec<Passed>,
}

/// An adjacency as it is passed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// What its author has signed.
    pub adjacency: Signed<Adjacency>,
    /// What is left of it by the sender's clock, in milliseconds: heard second hand it ends no later than at first hand.
    pub remaining_ms: u32,
}

impl Adjacencies {
    /// Reads an answer. What it holds is still to be opened.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no answer, or it holds more than [`ADJACENCIES`](limits::ADJACENCIES).
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let answer: Self = codec::decode(bytes, limits::SYNC_MESSAGE)?;
        at_most("adjacencies in an answer", answer.held.len(), limits::ADJACENCIES)?;
        Ok(answer)
    }
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), DecodeError> {
    if count > limit { Err(DecodeError::TooMany { what, count, limit }) } else { Ok(()) }
}
