//! What a node keeps over restarts: a RocksDB database in the data directory, written by one thread.
//!
//! Nothing here is promised to survive a power cut: the sequence number is also guarded by the clock, remembered peers and
//! other nodes' record sets are a convenience, provider records are announced again by their providers, schemas can be
//! fetched again, and of what was seen of peers the last second may be missing. The exception is what this node has signed together with
//! others: that is synced before they are told. What a promise depends on is written with an fsync. A write that fails is logged and counted as
//! lost; the node goes on.

mod providers;
mod records;
mod schemas;
mod standing;
mod writer;

use std::{ops::ControlFlow, path::Path, sync::Arc, thread};

use atoll_protocol::{
    identity::NodeId,
    names::NetworkName,
    schema::Document,
    sealed::{Hash, Signed},
    service::UnixMillis,
    standing::{FraudProof, Row},
};
use atoll_registry::{
    peers::{AddressBook, Peer},
    schemas::CacheLimits,
    services::Keep,
    standing::Evidence,
    store::{Durability, MemoryStore, RocksStore, Store, StoreError, Table},
};
use libp2p::Multiaddr;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use self::writer::{LAST_SEQ, PORT, Write, Writer};
pub(crate) use self::{
    providers::Provider,
    records::{FoundSets, StoredSet},
};
use crate::{clock::Clock, standing::StoredPair};

#[cfg(test)]
mod tests;

/// Writes that may wait for the writer; beyond it, conveniences are dropped.
const WRITES: usize = 1024;
/// Places among them that are not for provider records, of which strangers decide how many there are.
const RESERVED: usize = WRITES / 2;
/// Changes that are written at a time.
const BATCH: usize = 256;
/// Peers that are dialled at the start.
const REMEMBERED: usize = 4;

/// What was found at the start, and where changes go; cheap to clone.
#[derive(Clone)]
pub(crate) struct Storage {
    /// Until it is taken.
    store: Arc<Mutex<Option<Arc<dyn Store>>>>,
    writes: mpsc::Sender<Write>,
    last_seq: u64,
    port: Option<u16>,
    remembered: Arc<[(NodeId, Vec<Multiaddr>)]>,
    /// Provider records of the last run, until they are taken.
    providers: Arc<Mutex<providers::Found>>,
    /// Other nodes' record sets of the last run, until they are taken; the writer reads them before all else.
    records: Arc<Mutex<Option<oneshot::Receiver<FoundSets>>>>,
    /// Schemas of the last run, until they are taken.
    schemas: Arc<Mutex<schemas::Found>>,
    /// What was seen of peers before this run, until it is taken.
    standing: Arc<Mutex<standing::Found>>,
}

/// A place in the queue for what has changed in the view.
pub(crate) struct PlaceForRecords<'a>(mpsc::Permit<'a, Write>);

impl PlaceForRecords<'_> {
    pub(crate) fn put(self, network: NetworkName, changes: Vec<Keep>) {
        self.0.send(Write::Records { network, changes });
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storage")
    }
}

impl Storage {
    /// Opens the database in `data_dir`, or an empty one in memory.
    pub(crate) fn open(data_dir: Option<&Path>) -> Result<Self, StoreError> {
        match data_dir {
            Some(dir) => Self::over(Arc::new(RocksStore::open(dir.join("db"))?)),
            None => Self::over(Arc::new(MemoryStore::new()?)),
        }
    }

    pub(crate) fn over(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let number = |key: &[u8]| -> Result<Option<u64>, StoreError> {
            let value = store.get(Table::Meta, key)?;
            Ok(value.and_then(|v| <[u8; 8]>::try_from(v.as_slice()).ok()).map(u64::from_le_bytes))
        };
        let last_seq = number(LAST_SEQ)?.unwrap_or_default();
        let port = number(PORT)?.and_then(|p| u16::try_from(p).ok());
        let book = read_book(&*store)?;
        let parse = |peer: &Peer| (peer.node, peer.addresses.iter().filter_map(|a| a.parse().ok()).collect());
        let remembered = book.recent(REMEMBERED).map(parse).collect();
        let (found, useless) = providers::read_all(&*store, Clock::start().wall())?;
        store.write(useless, Durability::Buffered)?;
        if found.damaged > 0 {
            tracing::warn!("{} stored provider records cannot be read and are left out", found.damaged);
        }
        let (kept_schemas, useless) = schemas::read_all(&*store, CacheLimits::default())?;
        store.write(useless, Durability::Buffered)?;
        if kept_schemas.damaged > 0 {
            tracing::warn!("{} stored schemas cannot be read and are left out", kept_schemas.damaged);
        }
        let (seen, useless) = standing::read_all(&*store)?;
        store.write(useless, Durability::Buffered)?;
        if seen.damaged > 0 {
            tracing::warn!("what was stored of {} peers' standing cannot be read and is left out", seen.damaged);
        }
        let shared = Arc::new(Mutex::new(Some(Arc::clone(&store))));
        let (writes, mut queued) = mpsc::channel(WRITES);
        let (found_records, records) = oneshot::channel();
        // The thread ends with the last handle.
        let writer = thread::Builder::new().name("atoll-store".to_owned());
        let thread = writer.spawn(move || {
            let mut writer = Writer { store, book };
            let _ = found_records.send(writer.read_records());
            while let Some(write) = queued.blocking_recv() {
                let more = std::iter::from_fn(|| queued.try_recv().ok());
                if let Some(done) = writer.write(std::iter::once(write).chain(more).take(BATCH)) {
                    drop(writer);
                    let _ = done.send(());
                    return;
                }
            }
        });
        if let Err(error) = thread {
            tracing::error!("cannot start the storage thread: {error}; nothing will be remembered");
        }
        let (providers, schemas) = (Arc::new(Mutex::new(found)), Arc::new(Mutex::new(kept_schemas)));
        let (records, standing) = (Arc::new(Mutex::new(Some(records))), Arc::new(Mutex::new(seen)));
        Ok(Self { store: shared, writes, last_seq, port, remembered, providers, records, schemas, standing })
    }

    /// The database itself, for whoever writes to it with promises of its own. It is given once, and to be let go of before another
    /// node can use it.
    pub(crate) fn take_store(&self) -> Option<Arc<dyn Store>> {
        self.store.lock().take()
    }

    /// The last statement number used in an earlier run.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The port used in the last run.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Peers of the last run, most recent first.
    pub(crate) fn remembered(&self) -> Vec<(NodeId, Vec<Multiaddr>)> {
        self.remembered.to_vec()
    }

    pub(crate) fn set_last_seq(&self, seq: u64) {
        self.queue(Write::LastSeq(seq));
    }

    pub(crate) fn set_port(&self, port: u16) {
        self.queue(Write::Port(port));
    }

    pub(crate) fn remember(&self, node: NodeId, addresses: Vec<String>, seen: UnixMillis) {
        self.queue(Write::Peer { node, addresses, seen });
    }

    /// The provider records of the last run, each with the time that it has left, and how many could not be read. They are
    /// given once.
    pub(crate) fn take_providers(&self) -> (Vec<Provider>, u64) {
        let found = std::mem::take(&mut *self.providers.lock());
        (found.providers, found.damaged)
    }

    /// Keeps a provider record, in place of an earlier one of the same key and provider.
    pub(crate) fn keep_provider(&self, provider: Provider) {
        self.queue_if_quiet(Write::Keep(provider));
    }

    pub(crate) fn forget_provider(&self, key: [u8; 32], node: NodeId) {
        self.queue_if_quiet(Write::Forget { key, node });
    }

    /// Other nodes' record sets of the last run, as soon as they have been read. They are given once.
    pub(crate) fn take_records(&self) -> Option<oneshot::Receiver<FoundSets>> {
        self.records.lock().take()
    }

    /// A place for what has changed in the view, unless it would crowd out what cannot be learnt anew.
    pub(crate) fn place_for_records(&self) -> Option<PlaceForRecords<'_>> {
        if self.writes.capacity() <= RESERVED {
            return None;
        }
        self.writes.try_reserve().ok().map(PlaceForRecords)
    }

    /// The same, waited for.
    pub(crate) async fn keep_records(&self, network: NetworkName, changes: Vec<Keep>) {
        // Once the database is closed, nothing is remembered.
        let _ = self.writes.send(Write::Records { network, changes }).await;
    }

    /// The schemas of others that were kept, oldest first. They are given once.
    pub(crate) fn take_schemas(&self) -> Vec<Document> {
        std::mem::take(&mut *self.schemas.lock()).documents
    }

    /// Keeps a schema of somebody else. One that is not written is fetched again after a restart.
    pub(crate) fn keep_schema(&self, document: Document) {
        self.queue_if_quiet(Write::KeepSchema(document));
    }

    pub(crate) fn forget_schema(&self, hash: Hash) {
        self.queue_if_quiet(Write::ForgetSchema(hash));
    }

    /// What was kept of peers' standing from before this run. It is given once.
    pub(crate) fn take_standing(&self) -> standing::Found {
        std::mem::take(&mut *self.standing.lock())
    }

    /// Keeps for whom a peer vouches. False if the disk is too slow.
    pub(crate) fn keep_row(&self, row: Signed<Row>) -> bool {
        self.writes.try_send(Write::Row(row)).is_ok()
    }

    /// Keeps a proof of fraud. False if the disk is too slow.
    pub(crate) fn keep_fraud(&self, culprit: NodeId, proof: FraudProof) -> bool {
        self.writes.try_send(Write::Fraud { culprit, proof: Box::new(proof) }).is_ok()
    }

    /// Keeps what was signed with a peer, and resolves once it is on the disk. False if it is not.
    pub(crate) async fn keep_pair(&self, peer: NodeId, pair: StoredPair) -> bool {
        let (done, written) = oneshot::channel();
        let write = Write::Pair { peer, pair: Box::new(pair), done };
        self.writes.send(write).await.is_ok() && written.await.is_ok()
    }

    /// Keeps what has changed of what was seen of peers; `None` of those that are forgotten. False if the disk is too slow: it is to
    /// be given again.
    pub(crate) fn keep_evidence(&self, changed: Vec<(NodeId, Option<Evidence>)>) -> bool {
        self.writes.try_send(Write::Evidence(changed)).is_ok()
    }

    /// Resolves once everything queued so far has been written and the database is closed, so that another node can
    /// use it. Nothing is remembered from then on.
    pub(crate) async fn close(&self) {
        // If nobody has taken it.
        drop(self.take_store());
        let (done, closed) = oneshot::channel();
        if self.writes.send(Write::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// Queues what strangers cause, unless it would crowd out what this node itself has to remember. A record that is not
    /// written is announced again within the hour; one that is not deleted ends by its time.
    fn queue_if_quiet(&self, write: Write) {
        if self.writes.capacity() > RESERVED {
            let _ = self.writes.try_send(write);
        }
    }

    fn queue(&self, write: Write) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.writes.try_send(write) {
            tracing::warn!("the disk is too slow: something is not remembered");
        }
    }
}

fn read_book(store: &dyn Store) -> Result<AddressBook, StoreError> {
    let mut book = AddressBook::new();
    store.scan(Table::Peers, &[], &mut |_, value| {
        // An entry that cannot be read is worth no more than one that was never written.
        if let Ok(Peer { node, addresses, seen }) = Peer::decode(value) {
            book.remember(node, addresses, seen);
        }
        ControlFlow::Continue(())
    })?;
    Ok(book)
}
