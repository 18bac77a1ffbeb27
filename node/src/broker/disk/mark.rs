//! Whether this run goes on where the last one ended, or may know less than others have seen of it.
//!
//! Entries are gossiped once they are written, which outlives the process, and before they are synced, which outlives the machine.
//! So a node whose machine went down, or whose data directory was restored from a backup, may have published what it no longer
//! knows. It must not write at those positions again, and begins a new epoch. That is told by a mark: which boot of the machine the
//! last run was on, which directory it wrote to (a restored one is another one, though it has the same name), and whether it
//! ended in good order.

use std::{fs, path::Path};

use atoll_protocol::codec;
use atoll_registry::store::{Batch, Durability, Store, StoreError, Table};
use serde::{Deserialize, Serialize};

const KEY: &[u8] = b"topics";
const LONGEST: usize = 256;

/// See the [module docs](self).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    boot: String,
    directory: Option<(u64, u64)>,
    /// Everything was synced, and nothing was published after that.
    ended: bool,
}

impl Mark {
    /// Of a run that has begun and not ended.
    pub(crate) fn running(data_dir: Option<&Path>) -> Self {
        // Unknown elsewhere than on Linux: then only a good end counts.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: boot.trim().to_owned(), directory: data_dir.and_then(identify), ended: false }
    }

    /// Of the same run, once it has ended in good order.
    pub(crate) fn ended(self) -> Self {
        Self { ended: true, ..self }
    }

    /// Whether a run with this mark knows everything that the one before had published.
    pub(crate) fn follows(&self, before: &Self) -> bool {
        let same_boot = !self.boot.is_empty() && self.boot == before.boot;
        self.directory.is_some() && self.directory == before.directory && (before.ended || same_boot)
    }
}

fn identify(dir: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let about = fs::metadata(dir.join("db")).ok()?;
    Some((about.dev(), about.ino()))
}

pub(super) fn read(store: &dyn Store) -> Option<Mark> {
    codec::decode(&store.get(Table::Meta, KEY).ok()??, LONGEST).ok()
}

pub(super) fn write(store: &dyn Store, mark: &Mark) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    // Marks always have an encoding.
    batch.put(Table::Meta, KEY, codec::encode(mark).unwrap_or_default());
    store.write(batch, Durability::Synced)
}
