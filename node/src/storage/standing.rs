//! What this node has seen of its peers, as it is stored.
//!
//! ```text
//! key    public key (32 bytes)
//! value  evidence   (encoded as everything that is stored)
//! ```

use std::{collections::BTreeMap, ops::ControlFlow};

use atoll_protocol::{codec, identity::NodeId};
use atoll_registry::{
    standing::{Evidence, PEERS},
    store::{Batch, Store, StoreError, Table},
};

#[cfg(test)]
mod tests;

/// Longest encoded value, in bytes.
const VALUE: usize = 128;

/// What was found at the start.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) evidence: BTreeMap<NodeId, Evidence>,
    /// Entries that could not be read, or say what cannot be.
    pub(super) damaged: u64,
}

pub(super) fn put(batch: &mut Batch, peer: &NodeId, evidence: Option<&Evidence>) {
    match evidence.map(codec::encode) {
        Some(Ok(value)) => drop(batch.put(Table::Standing, *peer.public_key(), value)),
        // A few numbers always have an encoding.
        Some(Err(_)) => {}
        None => drop(batch.delete(Table::Standing, *peer.public_key())),
    }
}

/// Reads what was kept. What is damaged or too much is deleted, that which changed longest ago first.
pub(super) fn read_all(store: &dyn Store) -> Result<(Found, Batch), StoreError> {
    let (mut found, mut useless) = (Found::default(), Batch::new());
    store.scan(Table::Standing, &[], &mut |key, value| {
        match read(key, value) {
            Some((peer, evidence)) => drop(found.evidence.insert(peer, evidence)),
            None => {
                found.damaged += 1;
                useless.delete(Table::Standing, key);
            }
        }
        ControlFlow::Continue(())
    })?;
    let excess = found.evidence.len().saturating_sub(PEERS);
    let mut by_age: Vec<_> = found.evidence.iter().map(|(peer, evidence)| (evidence.updated(), *peer)).collect();
    by_age.sort_unstable();
    for (_, peer) in by_age.into_iter().take(excess) {
        found.evidence.remove(&peer);
        put(&mut useless, &peer, None);
    }
    Ok((found, useless))
}

fn read(key: &[u8], value: &[u8]) -> Option<(NodeId, Evidence)> {
    let peer = NodeId::from_public_key(key.try_into().ok()?);
    let evidence: Evidence = codec::decode(value, VALUE).ok()?;
    evidence.is_sound().then_some((peer, evidence))
}
