//! What survives a restart.
//!
//! A [`Store`] is a set of tables of bytes, one for each concern. It knows nothing of what it holds. Two
//! implementations behave the same: [`RocksStore`] on a disk, [`MemoryStore`] for tests and simulations. Calls may block;
//! asynchronous callers keep them on a thread of their own.
//!
//! The format of the data has a version. Data of an older one is brought forward when the store is opened; data of a
//! newer one is refused.

use std::{ops::ControlFlow, path::PathBuf};

#[cfg(feature = "rocks")]
pub use self::rocks::RocksStore;
pub use self::{
    batch::{Batch, Durability},
    memory::MemoryStore,
};

mod batch;
mod memory;
mod migrate;
#[cfg(feature = "rocks")]
mod rocks;
#[cfg(test)]
#[cfg(feature = "rocks")]
mod tests;

/// Lists the tables in one place: a new one is one more line.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A table of the store: a column family on disk.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Table {
            $($(#[$doc])* $name),+
        }

        impl Table {
            /// Every table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on disk, which never changes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

tables! {
    /// About the data itself: the format version, and what else there is one of.
    Meta = "meta",
    /// Peers that were reached: a [`Peer`](crate::peers::Peer) by binary node id.
    Peers = "peers",
    /// Provider records that are kept for the DHT, by key and provider. Since format 2.
    Providers = "providers",
    /// Record sets of other nodes, by public key: what the view begins with. Since format 3.
    Records = "records",
    /// Schemas of others that were looked at, by hash. Since format 4.
    Schemas = "schemas",
    /// Batches of topics' entries, by log and first position. Since format 5.
    Batches = "batches",
    /// How far each log of a topic has come, and what is missing of it. Since format 5.
    Logs = "logs",
    /// How far readers have come: sessions and groups. Since format 5.
    Cursors = "cursors",
    /// What this node has seen of its peers, by public key. Since format 6.
    Standing = "standing",
    /// What this node and each of its peers have signed of their work for each other, by public key. Since format 6.
    Receipts = "receipts",
    /// Proofs of fraud, by the public key of who has committed it. Since format 6.
    Frauds = "frauds",
}

/// Tables of bytes that survive a restart.
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the entries whose keys begin with `prefix` in ascending order of keys, as they were at one moment, until
    /// there are no more or `visit` breaks off.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read; some may have been visited by then.
    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.scan_from(table, prefix, prefix, visit)
    }

    /// The same, beginning with the key `from` or the first one after it.
    ///
    /// # Errors
    /// As [`Store::scan`].
    fn scan_from(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// The last entry at `key` or before it whose key begins with `prefix`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn at_or_before(&self, table: Table, prefix: &[u8], key: &[u8]) -> Result<Option<Entry>, StoreError>;

    /// Writes all of the batch or nothing.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), StoreError>;

    /// Sees to it that everything that was written is on the disk, and outlives the machine's power.
    ///
    /// # Errors
    /// [`StoreError`] if that is not sure.
    fn sync(&self) -> Result<(), StoreError>;

    /// The first `limit` entries whose keys begin with `prefix`.
    ///
    /// # Errors
    /// As [`Store::scan`].
    fn entries(&self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        if limit == 0 {
            return Ok(entries);
        }
        self.scan(table, prefix, &mut |key, value| {
            entries.push((key.to_vec(), value.to_vec()));
            if entries.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(entries)
    }
}

/// Is shown a key and its value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data has a format that this program does not know yet.
    #[error(
        "the data in {} was written by a newer version of this program (format {found}, this one knows {known}); \
         install it or use another --data-dir", path.display()
    )]
    Newer {
        /// Where the data is.
        path: PathBuf,
        /// The format of the data.
        found: u32,
        /// The latest format that this program knows.
        known: u32,
    },
    /// The data is damaged.
    #[error(
        "the data in {} is damaged ({reason}); move that directory away and start again: the node's identity is kept \
         apart from it, and what it knew of the network it learns anew", path.display()
    )]
    Corrupt {
        /// Where the data is.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Another process has the data open.
    #[error("the data in {} is in use by another node; stop that one or use another --data-dir", path.display())]
    InUse {
        /// Where the data is.
        path: PathBuf,
    },
    /// The operating system refused, for example because the disk is full.
    #[error("cannot {action} the data in {}: {reason}", path.display())]
    Io {
        /// What was tried: `open`, `read`, `write` or `convert`.
        action: &'static str,
        /// Where the data is.
        path: PathBuf,
        /// What the operating system or the database says.
        reason: String,
    },
}
