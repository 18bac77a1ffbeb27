//! What a new identity costs: a key whose SHA-256² begins with so many zero bits (after S/Kademlia, I. Baumgart and S. Mies, 2007,
//! §4.1, static crypto puzzle).
//!
//! There is no nonce: the key itself is the solution, so there is nothing to send or to keep, and whoever knows a node's name can
//! check it. It takes 2^bits keys on average; how long that is, nobody can know beforehand.
//!
//! Keys are drawn from one seed, by number: `key(n) = SHA-256("atoll identity" ‖ seed ‖ n as 8 bytes little endian)`. So several
//! threads can search without a source of randomness, and a search can be told in steps.

use sha2::{Digest, Sha256};

use crate::identity::{NodeId, SecretKey};

/// How many zero bits the double hash of this node's key begins with.
#[must_use]
pub fn bits(node: &NodeId) -> u32 {
    let hash = Sha256::digest(Sha256::digest(node.public_key()));
    let zeros = hash.iter().take_while(|byte| **byte == 0).count();
    let rest = hash.get(zeros).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(zeros).unwrap_or(u32::MAX).saturating_mul(8).saturating_add(rest)
}

/// Whether this node's key is good enough for a network that asks for so many bits.
#[must_use]
pub fn is_solved(node: &NodeId, wanted: u32) -> bool {
    bits(node) >= wanted
}

/// The key of this number that the seed stands for. The seed must come from a good source of randomness, and is as secret as the
/// key.
#[must_use]
pub fn candidate(seed: &[u8; 32], number: u64) -> SecretKey {
    let mut hash = Sha256::new();
    for part in [b"atoll identity".as_slice(), seed, &number.to_le_bytes()] {
        hash.update(part);
    }
    SecretKey::from_seed(&hash.finalize().into())
}

/// The first key among these numbers that is good enough, with its number; `None` if none of them is. Threads search ranges of
/// their own, a few thousand numbers at a time, so that they can tell how far they are and be stopped.
#[must_use]
pub fn search(seed: &[u8; 32], numbers: std::ops::Range<u64>, wanted: u32) -> Option<(u64, SecretKey)> {
    numbers.map(|number| (number, candidate(seed, number))).find(|(_, key)| is_solved(&key.node_id(), wanted))
}
