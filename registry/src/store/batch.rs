//! What is written together.

use super::Table;

/// Changes that are written together: all of them or none. A later change of a key wins over an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub(super) changes: Vec<Write>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Write {
    Put(Table, Vec<u8>, Vec<u8>),
    Delete(Table, Vec<u8>),
}

/// When a write is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Handed to the operating system: outlives the process, may be lost with the machine's power.
    Buffered,
    /// On the disk: outlives both.
    Synced,
}

impl Batch {
    /// No changes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.changes.push(Write::Put(table, key.into(), value.into()));
        self
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) -> &mut Self {
        self.changes.push(Write::Delete(table, key.into()));
        self
    }

    /// Adds the changes of another one behind its own, and leaves that one empty.
    pub fn append(&mut self, other: &mut Self) -> &mut Self {
        self.changes.append(&mut other.changes);
        self
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
