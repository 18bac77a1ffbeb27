//! Affinity by highest random weight (D. Thaler, C. Ravishankar, Using Name-Based Mappings to Increase Hit Rates, 1998).
//!
//! Every candidate gets a weight for the key, and the highest one wins. All callers that see the same candidates agree
//! without talking, in whatever order they list them; when a candidate leaves, only the keys that it had move.

use super::{Candidate, Pool, mix};

/// The candidate with the highest weight for `key`.
pub(super) fn highest(key: u64, pool: Pool<'_>) -> Option<usize> {
    pool.iter().max_by_key(|(_, candidate)| (weight(key, candidate), candidate.instance)).map(|(index, _)| index)
}

/// Part of the protocol in effect: nodes of different versions must agree, so it never changes.
fn weight(key: u64, candidate: &Candidate) -> u64 {
    let (words, _) = candidate.node.public_key().as_chunks::<8>();
    let node = words.iter().fold(mix(key), |sum, word| mix(sum ^ u64::from_le_bytes(*word)));
    mix(node ^ candidate.instance.0)
}
