//! Whether this run goes on where the last one ended, or may know less than others have seen of it.
//!
//! Entries are gossiped once they are written, which outlives the process, and before they are synced, which outlives the machine.
//! So a node whose machine went down, or whose data directory was restored from a backup, may have published what it no longer
//! knows. It must not write at those positions again, and begins a new epoch. That is told by a mark: which boot of the machine the
//! last run was on, which directory it wrote to (a restored one is another one, though it has the same name), and whether it
//! ended in good order. What is in doubt stays so over later starts, for each topic until something is published on it: the mark also
//! says which epochs were begun after the doubt, and may be gone on with.

use std::{fs, path::Path};

use atoll_protocol::{codec, topic::Epoch};
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
    /// How many records of logs could not be read: each may be one of this node's own.
    damaged: u64,
    /// The first epoch that may be gone on with. Of earlier ones others may know more.
    first: Epoch,
}

impl Mark {
    /// Of a run that has begun and not ended.
    pub(crate) fn running(data_dir: Option<&Path>) -> Self {
        // Unknown elsewhere than on Linux: then only a good end counts.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self {
            boot: boot.trim().to_owned(),
            directory: data_dir.and_then(identify),
            ended: false,
            damaged: 0,
            first: Epoch::default(),
        }
    }

    /// Of a run that has found so many records damaged and what the one `before` has left. If it may know less than that, it goes on with
    /// no epoch before `next`.
    pub(crate) fn after(self, before: Option<&Self>, damaged: usize, next: Epoch) -> Self {
        let damaged = damaged as u64;
        let known = before.filter(|before| self.follows(before) && damaged <= before.damaged);
        Self { damaged, first: known.map_or(next, |before| before.first), ..self }
    }

    /// The first epoch that may be gone on with.
    pub(crate) fn first(&self) -> Epoch {
        self.first
    }

    /// Of the same run, once it has ended in good order.
    pub(crate) fn ended(self) -> Self {
        Self { ended: true, ..self }
    }

    /// Whether a run with this mark knows everything that the one before had published.
    fn follows(&self, before: &Self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Epoch = Epoch(100);
    const NEXT: Epoch = Epoch(200);

    fn mark() -> Mark {
        let boot = "a boot".to_owned();
        Mark { boot, directory: Some((1, 2)), ended: false, damaged: 0, first: Epoch::default() }
    }

    fn before() -> Mark {
        Mark { first: BEFORE, ..mark() }
    }

    #[test]
    fn who_knows_all_that_it_has_published_goes_on() {
        let other_boot = Mark { boot: "another".to_owned(), ..before() };
        for before in [before(), before().ended(), other_boot.ended()] {
            assert_eq!(mark().after(Some(&before), 0, NEXT).first(), BEFORE, "{before:?}");
        }
    }

    #[test]
    fn who_may_know_less_begins_anew() {
        let restored = Mark { directory: Some((1, 3)), ..before() };
        let crashed = Mark { boot: "another".to_owned(), ..before() };
        let unknown = Mark { boot: String::new(), ..before() };
        for before in [None, Some(restored.ended()), Some(crashed), Some(unknown)] {
            assert_eq!(mark().after(before.as_ref(), 0, NEXT).first(), NEXT, "{before:?}");
        }
    }

    #[test]
    fn damage_makes_doubtful_what_was_written_before_it_and_only_once() {
        let found = mark().after(Some(&before()), 1, NEXT);
        assert_eq!(found.first(), NEXT);
        assert_eq!(mark().after(Some(&found.ended()), 1, Epoch(300)).first(), NEXT);
    }
}
