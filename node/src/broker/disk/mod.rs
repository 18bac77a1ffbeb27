//! What is kept of topics over restarts: batches, how far each log has come, and where readers are.
//!
//! Reading is done from wherever it is needed, on threads that may wait; the [`writer`](super::writer) alone writes. What is read back
//! was checked before it was written, and only this node writes there: signatures are not checked again.

mod keys;
mod mark;
mod walk;

use std::{ops::ControlFlow, sync::Arc};

use atoll_protocol::{
    codec,
    identity::NodeId,
    limits,
    names::TopicName,
    sealed::Verified,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Epoch, Head, Policy, Proof, Seq, SignedBatch,
        log::{SavedChain, Stretch},
        sync::Stored,
    },
};
use atoll_registry::{
    store::{self, Durability, Store, StoreError, Table},
    topics::retention::Front,
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

pub(crate) use mark::Mark;
pub(super) use walk::Damage;
use walk::{Shown, Walk};

/// Bytes that a record of the table of logs may have.
const LOG_RECORD: usize = SavedChain::MOST + 64;
/// What the names of topics' policies begin with in the table of cursors.
pub(super) const POLICY: &str = "policy/";
/// What the names of topics of which only news is wanted begin with there.
const NEWS: &str = "news/";
/// Bytes of a proof.
const PROOF: usize = 2 * (limits::BATCH_HEAD + 128);

/// How far one epoch of a log has come, and how much of it is held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LogRecord {
    pub(super) chain: SavedChain,
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

/// What an earlier run has left.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) chains: Vec<(ChainId, LogRecord)>,
    pub(super) forks: Vec<(ChainId, Proof)>,
    /// Topics of which only news is wanted, and since when.
    pub(super) news: Vec<(TopicName, UnixMillis)>,
    /// Records that could not be read.
    pub(super) damaged: usize,
}

/// See the [module docs](self). Cheap to clone; all clones are closed together, and hold nothing from then on.
#[derive(Clone)]
pub(super) struct Disk {
    store: Arc<RwLock<Option<Arc<dyn Store>>>>,
    /// What was found and not told yet.
    damage: Arc<Mutex<Vec<Damage>>>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store: Arc::new(RwLock::new(Some(store))), damage: Arc::default() }
    }

    /// Lets go of the database, so that another node can use it.
    pub(super) fn close(&self) {
        *self.store.write() = None;
    }

    fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.store.read().clone().ok_or_else(|| StoreError::Io {
            action: "use",
            path: std::path::PathBuf::new(),
            reason: "this node is stopping".to_owned(),
        })
    }

    /// What an earlier run has left of all logs; the batches themselves are not read.
    pub(super) fn found(&self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        self.store()?.scan(Table::Logs, &[], &mut |key, value| {
            let read = keys::read_chain(key).and_then(|chain| {
                if chain.epoch == keys::FORK {
                    found.forks.push((chain, codec::decode(value, PROOF).ok()?));
                } else {
                    found.chains.push((chain, codec::decode(value, LOG_RECORD).ok()?));
                }
                Some(())
            });
            found.damaged += usize::from(read.is_none());
            ControlFlow::Continue(())
        })?;
        let news = self.cursors(NEWS).into_iter();
        found.news = news.filter_map(|(name, since)| news_since(&name, &since)).collect();
        Ok(found)
    }

    /// The head of the batch that holds a position.
    pub(super) fn head(&self, chain: &ChainId, seq: Seq) -> Option<Verified<Head>> {
        let prefix = keys::chain(chain);
        let found = self.store().and_then(|s| s.at_or_before(Table::Batches, &prefix, &keys::batch(chain, seq)));
        let (_, value) = found.inspect_err(|e| tracing::error!("{e}")).ok()??;
        let head = SignedBatch::decode(&value).ok()?.head.reopen().ok()?;
        (head.value().last() >= seq).then_some(head)
    }

    /// The batch that holds a position, or the next one after it, as it is sent to others.
    pub(super) fn stored(&self, chain: &ChainId, seq: Seq) -> Option<Stored> {
        let (head, batch) = self.first(chain, seq)?;
        Some(Stored { entries: Stretch::between(head.value().first, head.value().last())?, batch })
    }

    /// Batches that hold these positions, or those after them that are there, in order: the first ones, of together about `most`
    /// bytes, and before anything that is damaged.
    ///
    /// # Errors
    /// [`StoreError`]: whether there is more is not known.
    pub(super) fn read(&self, chain: &ChainId, entries: Stretch, most: usize) -> Result<Vec<Arc<Batch>>, StoreError> {
        let (mut batches, mut bytes) = (Vec::new(), 0);
        let mut show = |head: Verified<Head>, batch: SignedBatch| {
            if head.value().first > entries.to {
                return Shown::Enough;
            }
            let Ok(batch) = batch.reopen() else { return Shown::Damaged };
            bytes += batch.len();
            batches.push(Arc::new(batch));
            if bytes < most { Shown::On } else { Shown::Enough }
        };
        self.walk(Walk::new(chain, false, &mut show), entries.from)?;
        Ok(batches)
    }

    /// The oldest batch from a position on.
    pub(super) fn front(&self, chain: &ChainId, from: Seq) -> Option<Front> {
        Some(Front::of(&self.first(chain, from)?.1.reopen().ok()?))
    }

    fn first(&self, chain: &ChainId, seq: Seq) -> Option<(Verified<Head>, SignedBatch)> {
        let mut found = None;
        let mut show = |head, batch| {
            found = Some((head, batch));
            Shown::Enough
        };
        self.walk(Walk::new(chain, true, &mut show), seq).inspect_err(|e| tracing::error!("{e}")).ok()?;
        found
    }

    fn walk(&self, walk: Walk<'_>, seq: Seq) -> Result<(), StoreError> {
        let damage = walk.run(&*self.store()?, seq)?;
        if !damage.is_empty() {
            self.damage.lock().extend(damage);
        }
        Ok(())
    }

    /// What was found to be damaged since this was last asked.
    pub(super) fn damage(&self) -> Vec<Damage> {
        std::mem::take(&mut *self.damage.lock())
    }

    /// A value of the table of cursors.
    pub(super) fn cursor(&self, name: &str) -> Option<Vec<u8>> {
        self.store()
            .and_then(|store| store.get(Table::Cursors, name.as_bytes()))
            .inspect_err(|e| tracing::error!("{e}"))
            .ok()?
    }

    /// The names in the table of cursors that begin like this, with their values.
    pub(super) fn cursors(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let found = self.store().and_then(|store| store.entries(Table::Cursors, prefix.as_bytes(), usize::MAX));
        let found = found.unwrap_or_default();
        found.into_iter().filter_map(|(name, value)| Some((String::from_utf8(name).ok()?, value))).collect()
    }

    pub(super) fn write(&self, changes: Changes) -> Result<(), StoreError> {
        self.store()?.write(changes.0, Durability::Buffered)
    }

    /// Everything that was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.store()?.sync()
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        mark::read(&*self.store().ok()?)
    }

    pub(super) fn set_mark(&self, mark: &Mark) -> Result<(), StoreError> {
        mark::write(&*self.store()?, mark)
    }
}

/// What is written together.
#[derive(Debug, Default, Clone)]
pub(super) struct Changes(store::Batch);

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are put.
    pub(super) fn put(&mut self, batch: &Batch) -> Result<(), codec::EncodeError> {
        let head = batch.head().value();
        let value = batch.signed().encode()?;
        self.0.put(Table::Batches, keys::batch(&head.chain(batch.author()), head.first), value);
        Ok(())
    }

    pub(super) fn put_log(&mut self, chain: &ChainId, record: &LogRecord) -> Result<(), codec::EncodeError> {
        self.0.put(Table::Logs, keys::chain(chain), codec::encode(record)?);
        Ok(())
    }

    pub(super) fn put_fork(&mut self, topic: &TopicName, author: NodeId, proof: &Proof) {
        let chain = ChainId { topic: topic.clone(), author, epoch: keys::FORK };
        // Proofs always have an encoding.
        if let Ok(value) = codec::encode(proof) {
            self.0.put(Table::Logs, keys::chain(&chain), value);
        }
    }

    pub(super) fn put_policy(&mut self, policy: &Verified<Policy>) {
        // Policies always have an encoding.
        if let Ok(value) = codec::encode(&policy.signed()) {
            self.put_cursor(&format!("{POLICY}{}", policy.value().topic), Some(value));
        }
    }

    /// Only news of a topic is wanted, since this time; or it is not so any more.
    pub(super) fn put_news(&mut self, topic: &TopicName, since: Option<UnixMillis>) {
        self.put_cursor(&format!("{NEWS}{topic}"), since.map(|since| since.0.to_be_bytes().to_vec()));
    }

    pub(super) fn delete(&mut self, chain: &ChainId, first: Seq) {
        self.0.delete(Table::Batches, keys::batch(chain, first));
    }

    /// Everything of one epoch of a log.
    pub(super) fn delete_chain(&mut self, chain: &ChainId, disk: &Disk) {
        let prefix = keys::chain(chain);
        let mut all = Vec::new();
        let mut list = |key: &[u8], _: &[u8]| {
            all.push(key.to_vec());
            ControlFlow::Continue(())
        };
        let listed = disk.store().and_then(|store| store.scan(Table::Batches, &prefix, &mut list));
        if let Err(error) = listed {
            tracing::error!("{error}");
        }
        for key in all {
            self.0.delete(Table::Batches, key);
        }
        self.0.delete(Table::Logs, prefix);
    }

    pub(super) fn put_cursor(&mut self, name: &str, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.0.put(Table::Cursors, name.as_bytes(), value),
            None => self.0.delete(Table::Cursors, name.as_bytes()),
        };
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

fn news_since(name: &str, since: &[u8]) -> Option<(TopicName, UnixMillis)> {
    let topic = name.strip_prefix(NEWS)?.parse().ok()?;
    Some((topic, UnixMillis(u64::from_be_bytes(since.try_into().ok()?))))
}

/// One epoch of a log.
pub(super) fn chain_id(topic: &TopicName, author: NodeId, epoch: Epoch) -> ChainId {
    ChainId { topic: topic.clone(), author, epoch }
}
