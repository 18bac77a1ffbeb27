//! How many substreams of a connection are open: what would be cut off by closing it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::OwnedSemaphorePermit;

/// Counts the substreams of a connection. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses(Arc<AtomicUsize>);

/// One substream's place among those of its connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    uses: Uses,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Uses {
    /// One more that this side has opened, which it had a permit for.
    pub(crate) fn opened(&self, permit: OwnedSemaphorePermit) -> Place {
        self.place(Some(permit))
    }

    /// One more that the other side has opened.
    pub(crate) fn accepted(&self) -> Place {
        self.place(None)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn place(&self, permit: Option<OwnedSemaphorePermit>) -> Place {
        self.0.fetch_add(1, Ordering::Relaxed);
        Place { uses: self.clone(), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.uses.0.fetch_sub(1, Ordering::Relaxed);
    }
}
