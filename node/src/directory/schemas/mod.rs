//! Schemas: keeping this node's own, answering for what is at hand, and [fetching](fetch) what is not.

mod fetch;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use atoll_protocol::{
    directory::SchemaReply, names::InstanceId, schema::Document, sealed::Hash, service::ServiceRecord,
};
use atoll_registry::schemas::{self, Cache, CacheLimits};
use parking_lot::Mutex;

pub(crate) use self::fetch::Described;
use self::fetch::Landing;
use super::Directory;
use crate::{error::RegisterError, storage::Storage};

/// The schemas at hand; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Schemas {
    shelf: Arc<Mutex<Shelf>>,
    storage: Storage,
}

#[derive(Debug)]
struct Shelf {
    cache: Cache,
    /// What is being looked for, and where it will be told how that ended.
    hunted: BTreeMap<Hash, Landing>,
}

impl Schemas {
    /// Begins with what was kept in the last run.
    pub(super) fn new(storage: Storage) -> Self {
        let cache = Cache::new(CacheLimits::default());
        let shelf = Arc::new(Mutex::new(Shelf { cache, hunted: BTreeMap::new() }));
        let schemas = Self { shelf, storage };
        for document in schemas.storage.take_schemas() {
            let gone = schemas.shelf.lock().cache.keep(document);
            schemas.forget(gone);
        }
        schemas
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.shelf.lock().cache.len()
    }

    /// How many are being looked for.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.shelf.lock().hunted.len()
    }

    /// Takes the larger schemas out of a record of this node, and holds them until it is released.
    pub(super) fn hold_own(&self, record: &mut ServiceRecord) -> Result<(), RegisterError> {
        let service = format!("{}@{}", record.name, record.version);
        let held = schemas::refer(record).and_then(|own| {
            let mut shelf = self.shelf.lock();
            shelf.cache.pin(record.instance, own).map_err(|no_room| no_room.to_string())
        });
        held.map_err(|rule| RegisterError::Rule { service, rule })
    }

    /// An instance of this node is no longer offered.
    pub(super) fn release_own(&self, instance: &InstanceId) {
        let gone = self.shelf.lock().cache.unpin(instance);
        self.forget(gone);
    }

    fn keep(&self, shelf: &mut Shelf, document: &Document) {
        self.storage.keep_schema(document.clone());
        let gone = shelf.cache.keep(document.clone());
        self.forget(gone);
    }

    fn forget(&self, gone: Vec<Hash>) {
        gone.into_iter().for_each(|hash| self.storage.forget_schema(hash));
    }
}

impl Directory {
    /// The schemas at hand.
    pub(crate) fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// What a peer is answered that asks for these: each once.
    pub(super) fn schemas_for(&self, hashes: &[Hash]) -> SchemaReply {
        let shelf = self.schemas.shelf.lock();
        let hashes = BTreeSet::from_iter(hashes);
        let held = hashes.into_iter().filter_map(|hash| shelf.cache.peek(hash));
        let reply = SchemaReply::filled(held.map(|document| &**document.text()));
        self.net.counters.schemas.served.add(reply.schemas.len() as u64);
        reply
    }
}
