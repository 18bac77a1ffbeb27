//! The schemas that a node has at hand.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{names::InstanceId, schema::Document, sealed::Hash};

/// How much a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Schemas of others.
    pub count: usize,
    /// Bytes of schemas of others.
    pub bytes: usize,
    /// Bytes of schemas that are pinned.
    pub pinned_bytes: usize,
}

impl Default for CacheLimits {
    /// 4 096 schemas and 4 MiB of others: as many as some hundred services have, at some hundred bytes each. 16 MiB of this
    /// node's own: 4 KiB for each service that it may offer.
    fn default() -> Self {
        Self { count: 4096, bytes: 4 * 1024 * 1024, pinned_bytes: 16 * 1024 * 1024 }
    }
}

/// Schemas by their hashes, each held once. Those that a service of this node has are *pinned* until it is withdrawn; of the
/// others the least recently used leaves first.
#[derive(Debug)]
pub struct Cache {
    limits: CacheLimits,
    entries: BTreeMap<Hash, Entry>,
    /// Which schemas are pinned, and by whom.
    pinned: BTreeMap<InstanceId, Vec<Hash>>,
    /// What is not pinned, by its last use.
    order: BTreeSet<(u64, Hash)>,
    /// Counts uses.
    uses: u64,
    bytes: usize,
    pinned_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    document: Document,
    pins: usize,
    used: u64,
}

/// The schemas of a service are more than there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("with its schemas this node would hold {bytes} bytes of schemas of its own, at most {limit} are allowed")]
pub struct NoRoom {
    /// What it would come to.
    pub bytes: usize,
    /// What it may come to.
    pub limit: usize,
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
            pinned: BTreeMap::new(),
            order: BTreeSet::new(),
            uses: 0,
            bytes: 0,
            pinned_bytes: 0,
        }
    }

    /// A schema, which is used by that.
    pub fn get(&mut self, hash: &Hash) -> Option<Document> {
        let used = self.next_use();
        let entry = self.entries.get_mut(hash)?;
        if entry.pins == 0 {
            self.order.remove(&(entry.used, *hash));
            self.order.insert((used, *hash));
        }
        entry.used = used;
        Some(entry.document.clone())
    }

    /// A schema that somebody else asks for: what others ask for says nothing about what is used here.
    #[must_use]
    pub fn peek(&self, hash: &Hash) -> Option<&Document> {
        self.entries.get(hash).map(|entry| &entry.document)
    }

    /// Keeps a schema of somebody else. Gives those that had to leave for it; the schema itself, if it alone is too large.
    pub fn keep(&mut self, document: Document) -> Vec<Hash> {
        if self.get(&document.hash()).is_none() {
            let (hash, used) = (document.hash(), self.next_use());
            self.bytes = self.bytes.saturating_add(document.len());
            self.order.insert((used, hash));
            self.entries.insert(hash, Entry { document, pins: 0, used });
        }
        self.evict()
    }

    /// Holds schemas for as long as this instance is offered: all of them or none.
    ///
    /// # Errors
    /// [`NoRoom`] if they are too large together with what is pinned already.
    pub fn pin(&mut self, owner: InstanceId, documents: Vec<Document>) -> Result<(), NoRoom> {
        let by_hash: BTreeMap<Hash, Document> = documents.into_iter().map(|it| (it.hash(), it)).collect();
        let is_new = |hash: &Hash| self.entries.get(hash).is_none_or(|entry| entry.pins == 0);
        let new: usize = by_hash.iter().filter(|(hash, _)| is_new(hash)).map(|(_, it)| it.len()).sum();
        let bytes = self.pinned_bytes.saturating_add(new);
        if bytes > self.limits.pinned_bytes {
            return Err(NoRoom { bytes, limit: self.limits.pinned_bytes });
        }
        self.pinned_bytes = bytes;
        let hashes = self.pinned.entry(owner).or_default();
        for (hash, document) in by_hash {
            hashes.push(hash);
            let entry = self.entries.entry(hash).or_insert(Entry { document, pins: 0, used: 0 });
            if entry.pins == 0 && self.order.remove(&(entry.used, hash)) {
                self.bytes = self.bytes.saturating_sub(entry.document.len());
            }
            entry.pins = entry.pins.saturating_add(1);
        }
        Ok(())
    }

    /// The instance is withdrawn: what only it has pinned may leave from now on, but not before anything else, since there
    /// may be somebody who has just heard of it. Gives those that have to leave at once.
    pub fn unpin(&mut self, owner: &InstanceId) -> Vec<Hash> {
        for hash in self.pinned.remove(owner).unwrap_or_default() {
            let used = self.next_use();
            let Some(entry) = self.entries.get_mut(&hash) else { continue };
            entry.pins = entry.pins.saturating_sub(1);
            if entry.pins == 0 {
                entry.used = used;
                self.order.insert((used, hash));
                self.pinned_bytes = self.pinned_bytes.saturating_sub(entry.document.len());
                self.bytes = self.bytes.saturating_add(entry.document.len());
            }
        }
        self.evict()
    }

    /// Schemas held, pinned ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the schemas that are not pinned.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn next_use(&mut self) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.uses
    }

    fn evict(&mut self) -> Vec<Hash> {
        let mut gone = Vec::new();
        while (self.order.len() > self.limits.count || self.bytes > self.limits.bytes)
            && let Some((_, hash)) = self.order.pop_first()
        {
            if let Some(entry) = self.entries.remove(&hash) {
                self.bytes = self.bytes.saturating_sub(entry.document.len());
            }
            gone.push(hash);
        }
        gone
    }
}
