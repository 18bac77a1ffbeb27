//! How far a reader has come in one author's log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Stretch;
use crate::topic::{Epoch, Seq};

/// How far a reader has come in one author's log: in each epoch by itself, because entries of an older one may turn up late.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    read: BTreeMap<Epoch, Seq>,
}

/// What a reader does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read these from the store, in order, and [pass](Cursor::pass) what was read. Where single batches are gone (the last
    /// value per key is retained) what is between those that are there has been overtaken, and is no gap.
    Read {
        /// Of this epoch.
        epoch: Epoch,
        /// These.
        entries: Stretch,
    },
    /// Tell of a gap, and pass it.
    Gap(Gap),
}

/// Entries that a reader will not get: they are no longer retained, and nobody who was asked has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The epoch.
    pub epoch: Epoch,
    /// From where to where.
    pub entries: Stretch,
}

impl Cursor {
    /// The last position read in this epoch; zero if that is none.
    #[must_use]
    pub fn read(&self, epoch: Epoch) -> Seq {
        self.read.get(&epoch).copied().unwrap_or_default()
    }

    /// Everything up to here has been read, or is no longer of interest.
    pub fn pass(&mut self, epoch: Epoch, to: Seq) {
        let read = self.read.entry(epoch).or_default();
        *read = to.max(*read);
    }

    /// The epochs that it speaks of, each with the last position read.
    pub fn positions(&self) -> impl Iterator<Item = (Epoch, Seq)> {
        self.read.iter().map(|(epoch, seq)| (*epoch, *seq))
    }

    /// Forgets epochs that the log has forgotten.
    pub fn retain(&mut self, known: impl Fn(Epoch) -> bool) {
        self.read.retain(|epoch, _| known(*epoch));
    }
}
