//! How many substreams of a connection are open: what would be cut off by closing it. And whether anything comes on them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::OwnedSemaphorePermit;

/// Counts the substreams of a connection. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: AtomicUsize,
    /// Whether something has been read since [`Uses::take_stirred`].
    stirred: AtomicBool,
}

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
        self.0.open.load(Ordering::Relaxed)
    }

    /// Whether anything was read on one of them since this was last asked.
    pub(crate) fn take_stirred(&self) -> bool {
        self.0.stirred.swap(false, Ordering::Relaxed)
    }

    fn place(&self, permit: Option<OwnedSemaphorePermit>) -> Place {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Place { uses: self.clone(), _permit: permit }
    }
}

impl Place {
    /// Something was read.
    pub(super) fn stir(&self) {
        // Most often it is set already: then nothing is written that other cores would have to fetch.
        if !self.uses.0.stirred.load(Ordering::Relaxed) {
            self.uses.0.stirred.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.uses.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
