//! Policies as people write them.
//!
//! ```text
//! p2c | round_robin | least_inflight | random | affinity(KEY)
//! ```
//!
//! `KEY` is any text, hashed as it stands ([`Policy::affinity`]). `affinity(#0123456789abcdef)`, with exactly 16
//! hexadecimal digits, gives the hash itself; that is how a policy is displayed, since the text is not kept.

use std::{fmt, str::FromStr};

use super::Policy;

#[cfg(test)]
mod tests;

const POWER_OF_TWO: &str = "p2c";
const ROUND_ROBIN: &str = "round_robin";
const LEAST_IN_FLIGHT: &str = "least_inflight";
const RANDOM: &str = "random";

/// A text that names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a policy; use {POWER_OF_TWO}, {ROUND_ROBIN}, {LEAST_IN_FLIGHT}, {RANDOM} or affinity(KEY) with the \
     text that calls have in common, such as affinity(customer-17)"
)]
pub struct UnknownPolicy(String);

impl Policy {
    /// Affinity by a text: the same text leads to the same instance, from whichever node.
    ///
    /// The number is the 64-bit FNV-1a of its UTF-8 bytes (G. Fowler, L. Noll, K. Vo, D. Eastlake, The FNV
    /// Non-Cryptographic Hash Algorithm, draft-eastlake-fnv). It is part of the protocol in effect: nodes of different
    /// versions must agree, so it never changes. It need not resist anyone, since whoever can pick keys can aim at an
    /// instance with any public hash, by trying.
    #[must_use]
    pub fn affinity(key: &str) -> Self {
        Self::Affinity(fnv1a(key.as_bytes()))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOfTwo => f.pad(POWER_OF_TWO),
            Self::RoundRobin => f.pad(ROUND_ROBIN),
            Self::LeastInFlight => f.pad(LEAST_IN_FLIGHT),
            Self::Random => f.pad(RANDOM),
            Self::Affinity(hash) => f.pad(&format!("affinity(#{hash:016x})")),
        }
    }
}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let key = text.strip_prefix("affinity(").and_then(|rest| rest.strip_suffix(')'));
        match (text, key) {
            (POWER_OF_TWO, _) => Ok(Self::PowerOfTwo),
            (ROUND_ROBIN, _) => Ok(Self::RoundRobin),
            (LEAST_IN_FLIGHT, _) => Ok(Self::LeastInFlight),
            (RANDOM, _) => Ok(Self::Random),
            // An empty key is a variable that was not set: all calls would go to one instance.
            (_, Some(key)) if !key.is_empty() => Ok(hash(key).map_or_else(|| Self::affinity(key), Self::Affinity)),
            _ => Err(UnknownPolicy(text.chars().take(80).collect())),
        }
    }
}

/// The hash that is given as such: `#` and 16 hexadecimal digits.
fn hash(key: &str) -> Option<u64> {
    let digits = key.strip_prefix('#')?;
    // `from_str_radix` would take a sign for a digit.
    let all = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if all { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// From the offset basis for 64 bits, with the prime for 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
