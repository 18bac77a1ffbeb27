//! What a node keeps over restarts: a RocksDB database in the data directory, written by one thread.
//!
//! Nothing here is promised to survive a power cut: the sequence number is also guarded by the clock, and remembered
//! peers are a convenience. What a promise depends on will be written with an fsync. A write that fails is logged and
//! counted as lost; the node goes on.

use std::{ops::ControlFlow, path::Path, sync::Arc, thread};

use atoll_protocol::{identity::NodeId, service::UnixMillis};
use atoll_registry::{
    peers::{AddressBook, Peer},
    store::{Batch, Durability, MemoryStore, RocksStore, Store, StoreError, Table},
};
use libp2p::Multiaddr;
use tokio::sync::mpsc;

#[cfg(test)]
mod tests;

/// Writes that may wait for the writer; beyond it, conveniences are dropped.
const WRITES: usize = 1024;
/// Peers that are dialled at the start.
const REMEMBERED: usize = 4;

const LAST_SEQ: &[u8] = b"last_seq";
const PORT: &[u8] = b"port";

enum Write {
    LastSeq(u64),
    Port(u16),
    Peer { node: NodeId, addresses: Vec<String>, seen: UnixMillis },
    Close(tokio::sync::oneshot::Sender<()>),
}

/// What was found at the start, and where changes go; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    writes: mpsc::Sender<Write>,
    last_seq: u64,
    port: Option<u16>,
    remembered: Arc<[(NodeId, Vec<Multiaddr>)]>,
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Write")
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

    fn over(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let number = |key: &[u8]| -> Result<Option<u64>, StoreError> {
            let value = store.get(Table::Meta, key)?;
            Ok(value.and_then(|v| <[u8; 8]>::try_from(v.as_slice()).ok()).map(u64::from_le_bytes))
        };
        let last_seq = number(LAST_SEQ)?.unwrap_or_default();
        let port = number(PORT)?.and_then(|p| u16::try_from(p).ok());
        let book = read_book(&*store)?;
        let parse = |peer: &Peer| (peer.node, peer.addresses.iter().filter_map(|a| a.parse().ok()).collect());
        let remembered = book.recent(REMEMBERED).map(parse).collect();
        let (writes, mut queued) = mpsc::channel(WRITES);
        // The thread ends with the last handle.
        let writer = thread::Builder::new().name("atoll-store".to_owned());
        let thread = writer.spawn(move || {
            let mut writer = Writer { store, book };
            while let Some(write) = queued.blocking_recv() {
                if let Write::Close(done) = write {
                    drop(writer);
                    let _ = done.send(());
                    return;
                }
                writer.write(write);
            }
        });
        if let Err(error) = thread {
            tracing::error!("cannot start the storage thread: {error}; nothing will be remembered");
        }
        Ok(Self { writes, last_seq, port, remembered })
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

    /// Resolves once everything queued so far has been written and the database is closed, so that another node can
    /// use it. Nothing is remembered from then on.
    pub(crate) async fn close(&self) {
        let (done, closed) = tokio::sync::oneshot::channel();
        if self.writes.send(Write::Close(done)).await.is_ok() {
            let _ = closed.await;
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

struct Writer {
    store: Arc<dyn Store>,
    book: AddressBook,
}

impl Writer {
    fn write(&mut self, write: Write) {
        let mut batch = Batch::new();
        match write {
            Write::LastSeq(seq) => drop(batch.put(Table::Meta, LAST_SEQ, seq.to_le_bytes())),
            Write::Port(port) => drop(batch.put(Table::Meta, PORT, u64::from(port).to_le_bytes())),
            Write::Peer { node, addresses, seen } => self.remember(&mut batch, node, addresses, seen),
            // Handled by the thread, which it ends.
            Write::Close(_) => return,
        }
        if let Err(error) = self.store.write(batch, Durability::Buffered) {
            tracing::error!("{error}");
        }
    }

    fn remember(&mut self, batch: &mut Batch, node: NodeId, addresses: Vec<String>, seen: UnixMillis) {
        if let Some(forgotten) = self.book.remember(node, addresses, seen) {
            batch.delete(Table::Peers, forgotten.to_peer_id_bytes());
        }
        if let Some(Ok(value)) = self.book.peer(&node).map(Peer::encode) {
            batch.put(Table::Peers, node.to_peer_id_bytes(), value);
        }
    }
}
