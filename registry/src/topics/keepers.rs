//! Which nodes keep a topic.
//!
//! Weighted rendezvous hashing: every volunteer draws as many numbers for a topic as it has weight, and the highest ones win
//! (D. Thaler, C. Ravishankar, Using Name-Based Mappings to Increase Hit Rates, 1998). All that know the same volunteers agree
//! without talking; when one leaves, only what it kept moves, and in proportion to the weights. Of the winners no two are in one
//! subnet, as long as there are others.
//!
//! Fetching is what repairs: whoever has become a keeper asks the others. Whoever no longer is one keeps what it has until they
//! have it.

use std::collections::BTreeSet;

use atoll_protocol::{identity::NodeId, names::TopicName};

use crate::{mix::mix, peers::Subnet};

/// Keepers of a topic, unless its owner has pinned more.
pub const KEEPERS: usize = 3;
/// The highest weight of a volunteer.
pub const WEIGHT_MAX: u8 = 16;

/// A node that has offered to keep topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volunteer {
    /// Which node.
    pub node: NodeId,
    /// How much it can keep, in comparison with others: 1 to [`WEIGHT_MAX`]; more is taken for that. One with 0 keeps nothing.
    pub weight: u8,
    /// The subnet that it is reached in, where that counts.
    pub subnet: Option<Subnet>,
}

/// The keepers of a topic, the first ones first: those that its owner has pinned, and as many elected ones as `count` leaves room
/// for.
#[must_use]
pub fn elect(topic: &TopicName, pinned: &[NodeId], volunteers: &[Volunteer], count: usize) -> Vec<NodeId> {
    let topic = topic.as_str().bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)));
    let mut keepers: Vec<NodeId> = Vec::new();
    for node in pinned {
        if !keepers.contains(node) {
            keepers.push(*node);
        }
    }
    let mut drawn: Vec<(u64, Volunteer)> = volunteers
        .iter()
        .filter(|volunteer| volunteer.weight > 0 && !keepers.contains(&volunteer.node))
        .map(|volunteer| (draw(topic, volunteer), *volunteer))
        .collect();
    drawn.sort_unstable_by_key(|(drawn, volunteer)| (std::cmp::Reverse(*drawn), volunteer.node));
    drawn.dedup_by_key(|(_, volunteer)| volunteer.node);
    let known = |node: &NodeId| volunteers.iter().find(|volunteer| volunteer.node == *node);
    let mut subnets: BTreeSet<Subnet> = keepers.iter().filter_map(known).filter_map(|v| v.subnet).collect();
    // Those in subnets of their own first, then whoever is left.
    let mut rest = Vec::new();
    for (_, volunteer) in drawn {
        if keepers.len() >= count {
            return keepers;
        }
        match volunteer.subnet {
            Some(subnet) if !subnets.insert(subnet) => rest.push(volunteer.node),
            _ => keepers.push(volunteer.node),
        }
    }
    keepers.extend(rest.into_iter().take(count.saturating_sub(keepers.len())));
    keepers
}

/// The highest number that this volunteer draws. Nodes of different versions must agree, so it never changes.
fn draw(topic: u64, volunteer: &Volunteer) -> u64 {
    let (words, _) = volunteer.node.public_key().as_chunks::<8>();
    let node = words.iter().fold(topic, |sum, word| mix(sum ^ u64::from_le_bytes(*word)));
    let tickets = 0..u64::from(volunteer.weight.min(WEIGHT_MAX));
    tickets.map(|ticket| mix(node ^ mix(ticket))).max().unwrap_or_default()
}

/// What a change of a topic's keepers means to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// It has become a keeper: ask these, in this order, and the authors if none of them answers.
    CatchUp {
        /// Those that have been keepers before, and still are; if there are none, those that were.
        from: Vec<NodeId>,
    },
    /// It is still a keeper.
    Keep,
    /// It is no keeper any more: what it has may go once each of these has given a receipt for it.
    HandOver {
        /// The keepers that are new.
        to: Vec<NodeId>,
    },
    /// It was none and is none.
    Nothing,
}

/// What it means to `me` that a topic is kept by `after`, and no longer by `before`.
#[must_use]
pub fn duty(me: &NodeId, before: &[NodeId], after: &[NodeId]) -> Duty {
    let others = |these: &[NodeId], kept: bool, by: &[NodeId]| -> Vec<NodeId> {
        these.iter().filter(|node| *node != me && by.contains(node) == kept).copied().collect()
    };
    match (before.contains(me), after.contains(me)) {
        (true, true) => Duty::Keep,
        (false, false) => Duty::Nothing,
        (true, false) => Duty::HandOver { to: others(after, false, before) },
        (false, true) => {
            let stayed = others(after, true, before);
            Duty::CatchUp { from: if stayed.is_empty() { others(before, false, after) } else { stayed } }
        }
    }
}
