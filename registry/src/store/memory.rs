//! A store that does not survive a restart.

use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
    path::Path,
};

use parking_lot::RwLock;

use super::{
    Batch, Durability, Entry, Store, StoreError, Table, Visit,
    batch::Write,
    migrate::{self, MIGRATIONS},
};

/// A store in memory, for tests and simulations. Ends with the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: RwLock<BTreeMap<Table, Entries>>,
}

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

impl MemoryStore {
    /// An empty store in the latest format.
    ///
    /// # Errors
    /// As [`RocksStore::open`](super::RocksStore::open); an empty store in memory gives none.
    pub fn new() -> Result<Self, StoreError> {
        let store = Self::default();
        migrate::bring_forward(&store, Path::new("memory"), MIGRATIONS)?;
        Ok(store)
    }
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables.read().get(&table).and_then(|entries| entries.get(key)).cloned())
    }

    fn scan_from(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let tables = self.tables.read();
        let Some(entries) = tables.get(&table) else { return Ok(()) };
        let from = (Bound::Included(from.max(prefix)), Bound::Unbounded);
        for (key, value) in entries.range::<[u8], _>(from).take_while(|(key, _)| key.starts_with(prefix)) {
            if let ControlFlow::Break(()) = visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn at_or_before(&self, table: Table, prefix: &[u8], key: &[u8]) -> Result<Option<Entry>, StoreError> {
        let tables = self.tables.read();
        let Some(entries) = tables.get(&table) else { return Ok(None) };
        let found = entries.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        Ok(found.filter(|(key, _)| key.starts_with(prefix)).map(|(key, value)| (key.clone(), value.clone())))
    }

    fn write(&self, batch: Batch, _durability: Durability) -> Result<(), StoreError> {
        let mut tables = self.tables.write();
        for change in batch.changes {
            match change {
                Write::Put(table, key, value) => {
                    tables.entry(table).or_default().insert(key, value);
                }
                Write::Delete(table, key) => {
                    tables.entry(table).or_default().remove(&key);
                }
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
