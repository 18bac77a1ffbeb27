//! How many connections are served at a time: in all, and for each peer.

use std::{collections::HashMap, sync::Arc};

use atoll_protocol::{identity::NodeId, rpc::Status};
use parking_lot::Mutex;

/// The places of all exposed applications together.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    each: usize,
    taken: Mutex<Taken>,
}

/// No more entries than places.
#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<NodeId, usize>,
}

/// One connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    peer: NodeId,
}

impl Places {
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, taken: Mutex::default() })
    }

    /// A place for a connection of this peer.
    ///
    /// # Errors
    /// `resource_exhausted` with the limit's name, if the peer or all together have as many as they may.
    pub(super) fn take(self: &Arc<Self>, peer: NodeId) -> Result<Place, Status> {
        let mut taken = self.taken.lock();
        if taken.all >= self.all {
            let text = format!("{} connections are open here, as many as may be (tunnels.connections)", self.all);
            return Err(Status::resource_exhausted(text));
        }
        let of_peer = taken.by_peer.entry(peer).or_default();
        if *of_peer >= self.each {
            let each = self.each;
            let text = format!(
                "{each} connections of {peer} are open here, as many as one peer may have (tunnels.connections_per_peer)"
            );
            return Err(Status::resource_exhausted(text));
        }
        *of_peer += 1;
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(of_peer) = taken.by_peer.get_mut(&self.peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                taken.by_peer.remove(&self.peer);
            }
        }
    }
}
