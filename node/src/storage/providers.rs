//! Provider records as they are stored.
//!
//! ```text
//! key    digest (32 bytes) ‖ provider (binary peer id)
//! value  from, addresses, expires, written   (encoded as everything that is stored)
//! ```
//!
//! Times are the wall clock's, since no other outlives the process. It may have been set since: a record never gets more
//! time than it had when it was written.

use std::{net::IpAddr, ops::ControlFlow, time::Duration};

use atoll_protocol::{codec, identity::NodeId, service::UnixMillis};
use atoll_registry::store::{Batch, Store, StoreError, Table};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Records that are read at the start at most; the rest is deleted.
const RECORDS: usize = 16 * 1024;
/// Longest encoded value, in bytes.
const VALUE: usize = 1024;
/// Length of a key of the DHT.
const DIGEST: usize = 32;

/// Who provides a key of the DHT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) key: [u8; DIGEST],
    pub(crate) node: NodeId,
    /// Where it said so from.
    pub(crate) from: IpAddr,
    /// Binary multiaddrs.
    pub(crate) addresses: Vec<Vec<u8>>,
    /// How long it is true.
    pub(crate) remaining: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Value {
    from: IpAddr,
    addresses: Vec<Vec<u8>>,
    expires: UnixMillis,
    written: UnixMillis,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) providers: Vec<Provider>,
    /// Entries that could not be read.
    pub(super) damaged: u64,
}

pub(super) fn store_key(key: &[u8; DIGEST], node: &NodeId) -> Vec<u8> {
    [key.as_slice(), node.to_peer_id_bytes().as_ref()].concat()
}

impl Provider {
    pub(super) fn put(&self, batch: &mut Batch, now: UnixMillis) {
        let remaining = u64::try_from(self.remaining.as_millis()).unwrap_or(u64::MAX);
        let expires = UnixMillis(now.0.saturating_add(remaining));
        let value = Value { from: self.from, addresses: self.addresses.clone(), expires, written: now };
        match codec::encode(&value) {
            Ok(value) if value.len() <= VALUE => {
                batch.put(Table::Providers, store_key(&self.key, &self.node), value);
            }
            // Its bounds keep it from being that long; if it is, it is as if it had never been written.
            _ => drop(batch.delete(Table::Providers, store_key(&self.key, &self.node))),
        }
    }

    fn read(key: &[u8], value: &[u8], now: UnixMillis) -> Option<Self> {
        let (digest, node) = key.split_first_chunk::<DIGEST>()?;
        let node = NodeId::from_peer_id_bytes(node).ok()?;
        let Value { from, addresses, expires, written } = codec::decode(value, VALUE).ok()?;
        let had = expires.0.saturating_sub(written.0);
        let remaining = Duration::from_millis(expires.0.saturating_sub(now.0).min(had));
        Some(Self { key: *digest, node, from, addresses, remaining })
    }
}

/// Reads what was kept. What is damaged, has expired or is too much is deleted.
pub(super) fn read_all(store: &dyn Store, now: UnixMillis) -> Result<(Found, Batch), StoreError> {
    let (mut found, mut useless) = (Found::default(), Batch::new());
    store.scan(Table::Providers, &[], &mut |key, value| {
        match Provider::read(key, value, now) {
            Some(p) if !p.remaining.is_zero() && found.providers.len() < RECORDS => found.providers.push(p),
            Some(_) => drop(useless.delete(Table::Providers, key)),
            None => {
                found.damaged += 1;
                useless.delete(Table::Providers, key);
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok((found, useless))
}
