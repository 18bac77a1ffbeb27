//! Under which DHT keys a service is found: SHA-256 of `network ‖ 0 ‖ name ‖ 0 ‖ major`, and the same without a major
//! version for callers that take any, each as a multihash. Names cannot hold a zero byte, so the parts cannot run into each other.

use atoll_protocol::names::{NetworkName, ServiceName, ServiceQuery};
use semver::{Op, Version};
use sha2::{Digest, Sha256};

use crate::net::multihash;

#[cfg(test)]
mod tests;

fn key(network: &NetworkName, name: &ServiceName, major: Option<u64>) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(network.as_str());
    digest.update([0]);
    digest.update(name.as_str());
    digest.update([0]);
    if let Some(major) = major {
        digest.update(major.to_le_bytes());
    }
    multihash(&digest.finalize().into())
}

/// The keys that a provider of this version announces.
pub(super) fn provided(network: &NetworkName, name: &ServiceName, version: &Version) -> [Vec<u8>; 2] {
    [key(network, name, None), key(network, name, Some(version.major))]
}

/// The key that a caller looks under: by major version if that is settled.
pub(super) fn wanted(network: &NetworkName, query: &ServiceQuery) -> Vec<u8> {
    let major = match query.version.comparators.as_slice() {
        [only] if matches!(only.op, Op::Exact | Op::Caret | Op::Tilde) => Some(only.major),
        _ => None,
    };
    key(network, &query.name, major)
}
