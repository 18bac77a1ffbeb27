//! Measuring look-ups in the DHT, of names that only the DHT knows.
//!
//! What a node provides here is no service: nothing is announced, no record exists, and no neighbour can be asked for it. A
//! look-up that finds the provider has found it in the DHT. To reach a real service, its provider is then connected to and
//! asked to describe itself, which is not measured here.

use sha2::{Digest, Sha256};

use crate::{Node, NodeId, net::LookUp};

/// Begins to say in the DHT, and nowhere else, that `node` provides `name`.
pub async fn provide(node: &Node, name: &str) {
    node.0.rpc.net.provide(key(name)).await;
}

/// Asks the DHT who provides `name`.
pub async fn providers(node: &Node, name: &str) -> Vec<NodeId> {
    node.0.rpc.net.providers(key(name), LookUp::Quick).await
}

/// Provider records of other nodes that `node` keeps for the DHT.
#[must_use]
pub fn held(node: &Node) -> usize {
    node.0.rpc.net.counters.dht.providers.value()
}

/// Peers in the routing table of `node`.
#[must_use]
pub fn peers(node: &Node) -> usize {
    node.0.rpc.net.counters.dht.peers.value()
}

/// As a service's key is made, under a name that no network can have.
fn key(name: &str) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update("(bench)");
    digest.update([0]);
    digest.update(name);
    digest.finalize().to_vec()
}
