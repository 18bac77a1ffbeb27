//! What nodes say to each other, and what it costs.

use std::sync::Arc;

use atoll_protocol::{
    adjacency::Question,
    codec,
    directory::{Announcement, Heads, SyncRequest},
    identity::NodeId,
    names::NetworkName,
    sealed::Verified,
    service::Withdrawal,
};
use atoll_registry::{
    exchange::Opened,
    services::{Batch, Holding},
};
use serde::Serialize;

use crate::overlay::{
    gossip::{MessageId, Rpc},
    kademlia, membership,
};

/// IP, UDP and QUIC headers, authentication, and the name of the protocol that a substream begins with.
const SUBSTREAM: u32 = 60 + 30;
/// What a signature, its author and two lengths add to a body.
const SEAL: usize = 32 + 64 + 4;
/// What the length of a body takes.
const LENGTH: usize = 3;
/// What a reply says beside the records: its length, what is left of the lease, how many there are, whether it is the last.
const REPLY: usize = 12;
/// A question for one node's description.
pub(super) const ONE_DESCRIPTION: u32 = SUBSTREAM + 4 + 2 + 32;
/// What identify says: a key, a dozen protocols, some addresses.
pub(super) const IDENTIFY: u32 = 700;

/// A gossiped announcement, its signatures checked.
#[derive(Debug)]
pub(super) struct Said(pub(super) Opened);

/// What is said. Millions of these are under way at a time in a large network, so whatever is long is behind an `Arc`.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Overlay(membership::Message),
    Gossip(Rpc<Arc<Said>>),
    /// "I am a node of this network, and this is my key."
    Identify(Arc<NodeId>),
    Ask(Arc<SyncRequest>),
    /// An answer to a question that is given back, with what it brought.
    Answer(Arc<SyncRequest>, Arc<Vec<Holding>>),
    Compared(Arc<SyncRequest>, Arc<Heads>),
    Goodbye(Arc<Verified<Withdrawal>>),
    Dht(kademlia::Message),
    /// "Describe yourself", asked of a provider over a connection made for it; answered with [`Message::Described`].
    Describe,
    Described(Arc<Vec<Holding>>),
    /// "Whom are you connected to?", by the asker's number for it.
    AskAdjacent(u64, Arc<Question>),
    Adjacent(u64, Arc<super::adjacent::Held>),
}

impl From<membership::Message> for Message {
    fn from(message: membership::Message) -> Self {
        Self::Overlay(message)
    }
}

impl From<kademlia::Message> for Message {
    fn from(message: kademlia::Message) -> Self {
        Self::Dht(message)
    }
}

impl From<Rpc<Arc<Said>>> for Message {
    fn from(rpc: Rpc<Arc<Said>>) -> Self {
        Self::Gossip(rpc)
    }
}

/// With what the engine adds to it, a message under way fits a cache line.
const _: () = assert!(size_of::<Message>() <= 24);

/// A gossip message: its name, its content, its length. None if it is against the rules.
pub(super) fn gossip(announcement: Announcement) -> Option<(MessageId, Arc<Said>, u32)> {
    let bytes = codec::encode(&announcement).ok()?;
    let opened = Opened::verify(announcement, &NetworkName::main()).ok()?;
    Some((MessageId(name(&bytes)), Arc::new(Said(opened)), u32::try_from(bytes.len()).ok()?))
}

/// What a message costs as the only one on a substream.
pub(super) fn cost(message: &impl Serialize) -> u32 {
    SUBSTREAM.saturating_add(codec::encode(message).map_or(0, |bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX)))
}

pub(super) fn cost_of(holdings: &[Holding]) -> u32 {
    let all: usize = holdings.iter().map(record_set).sum();
    SUBSTREAM.saturating_add(u32::try_from(all).unwrap_or(u32::MAX))
}

/// A holding as it is taken in by whoever asked for it.
pub(super) fn batch(holding: &Holding) -> Batch {
    Batch {
        lease: holding.lease.clone(),
        remaining: Some(holding.remaining),
        node: holding.node.clone(),
        services: holding.services.clone(),
        whole: true,
    }
}

/// A record set: a signed lease, and the bodies that it covers.
fn record_set(holding: &Holding) -> usize {
    let body = |len: usize| len + LENGTH;
    let services: usize = holding.services.iter().map(|record| body(record.body().body_len())).sum();
    let node = holding.node.as_ref().map_or(0, |node| body(node.body().body_len()));
    REPLY + holding.lease.signed().body_len() + SEAL + node + services
}

/// FNV-1a, three times with other beginnings: the carrier hashes messages with SHA-256, but nobody here forges any.
fn name(bytes: &[u8]) -> [u8; 20] {
    let mut name = [0; 20];
    for (part, salt) in name.chunks_mut(8).zip(1_u64..) {
        let start = 0xcbf2_9ce4_8422_2325 ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        part.iter_mut().zip(hash.to_le_bytes()).for_each(|(to, from)| *to = from);
    }
    name
}
