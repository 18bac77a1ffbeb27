//! What protocols run on: a random overlay, a gossip carrier, and a distributed hash table.
//!
//! They are parts that a core embeds and passes events on to; the core stays in charge and may do without either. They
//! stand for libp2p's Kademlia and gossipsub as far as traffic and timing go, and claim no more than that: there is no
//! scoring and no hostile peer.
//!
//! | module | what it holds |
//! |---|---|
//! | [`membership`] | keeps every node at 8 to 12 links |
//! | [`gossip`] | one topic, in the way of gossipsub 1.2 |
//! | [`kademlia`] | who provides what, where nobody has heard of it |

pub mod gossip;
pub mod kademlia;
pub mod membership;

#[cfg(test)]
mod tests;
