//! Schemas of others as they are stored, so that none is fetched again after a restart.
//!
//! ```text
//! key    hash (32 bytes)
//! value  kept, text   (encoded as everything that is stored)
//! ```

use std::{collections::BTreeMap, ops::ControlFlow};

use atoll_protocol::{codec, limits, schema::Document, sealed::Hash, service::UnixMillis};
use atoll_registry::{
    schemas::CacheLimits,
    store::{Batch, Store, StoreError, Table},
};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Longest encoded value, in bytes.
const VALUE: usize = limits::SCHEMA + 16;

#[derive(Debug, Serialize, Deserialize)]
struct Value<T> {
    /// When it was written, by this node's clock: says only which ones are older.
    kept: UnixMillis,
    text: T,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Oldest first.
    pub(super) documents: Vec<Document>,
    /// Entries that could not be read, or are not what their hash says.
    pub(super) damaged: u64,
}

pub(super) fn put(batch: &mut Batch, document: &Document, now: UnixMillis) {
    // What cannot be encoded is as if it had never been written.
    if let Ok(value) = codec::encode(&Value { kept: now, text: &**document.text() }) {
        batch.put(Table::Schemas, document.hash().0, value);
    }
}

pub(super) fn delete(batch: &mut Batch, hash: Hash) {
    batch.delete(Table::Schemas, hash.0);
}

/// Reads what was kept, as far as a cache has room for it. What is damaged or too much is deleted, the oldest first.
pub(super) fn read_all(store: &dyn Store, room: CacheLimits) -> Result<(Found, Batch), StoreError> {
    let (mut found, mut useless) = (BTreeMap::new(), Batch::new());
    let (mut damaged, mut bytes) = (0, 0_usize);
    store.scan(Table::Schemas, &[], &mut |key, value| {
        let Some((kept, document)) = read(key, value) else {
            damaged += 1;
            useless.delete(Table::Schemas, key);
            return ControlFlow::Continue(());
        };
        bytes = bytes.saturating_add(document.len());
        found.insert((kept, document.hash()), document);
        while (found.len() > room.count || bytes > room.bytes)
            && let Some(((_, hash), oldest)) = found.pop_first()
        {
            bytes = bytes.saturating_sub(oldest.len());
            delete(&mut useless, hash);
        }
        ControlFlow::Continue(())
    })?;
    Ok((Found { documents: found.into_values().collect(), damaged }, useless))
}

fn read(key: &[u8], value: &[u8]) -> Option<(UnixMillis, Document)> {
    let Value { kept, text }: Value<String> = codec::decode(value, VALUE).ok()?;
    let document = Document::read(text).ok()?;
    (document.hash().0 == key).then_some((kept, document))
}
