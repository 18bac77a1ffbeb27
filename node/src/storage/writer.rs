//! The thread that writes: what has queued up meanwhile together.

use std::sync::Arc;

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
    services::Keep,
    standing::Evidence,
    store::{Batch, Durability, Store, Table},
};
use tokio::sync::oneshot;

use super::{Provider, providers, records, records::FoundSets, schemas, standing};
use crate::{clock::Clock, standing::StoredPair};

pub(super) const LAST_SEQ: &[u8] = b"last_seq";
pub(super) const PORT: &[u8] = b"port";

/// What is to be written.
pub(super) enum Write {
    LastSeq(u64),
    Port(u16),
    Peer {
        node: NodeId,
        addresses: Vec<String>,
        seen: UnixMillis,
    },
    Keep(Provider),
    Forget {
        key: [u8; 32],
        node: NodeId,
    },
    /// Encoded by the writer, so that the view's many records take one place in the queue and nobody else's time.
    Records {
        network: NetworkName,
        changes: Vec<Keep>,
    },
    KeepSchema(Document),
    ForgetSchema(Hash),
    /// What has changed of what was seen of peers; `None` of those that are forgotten.
    Evidence(Vec<(NodeId, Option<Evidence>)>),
    Row(Signed<Row>),
    Fraud {
        culprit: NodeId,
        proof: Box<FraudProof>,
    },
    /// To be on the disk before anybody is told: this node must never sign another receipt with its number.
    Pair {
        peer: NodeId,
        pair: Box<StoredPair>,
        done: oneshot::Sender<()>,
    },
    Close(oneshot::Sender<()>),
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Write")
    }
}

/// See the [module docs](self).
pub(super) struct Writer {
    pub(super) store: Arc<dyn Store>,
    pub(super) book: AddressBook,
}

impl Writer {
    /// Writes all of it together. Stops short where it is to close, and returns whom to tell.
    pub(super) fn write(&mut self, writes: impl Iterator<Item = Write>) -> Option<oneshot::Sender<()>> {
        let mut batch = Batch::new();
        let (mut closing, mut promised) = (None, Vec::new());
        let now = Clock::start().wall();
        for write in writes {
            match write {
                Write::LastSeq(seq) => drop(batch.put(Table::Meta, LAST_SEQ, seq.to_le_bytes())),
                Write::Port(port) => drop(batch.put(Table::Meta, PORT, u64::from(port).to_le_bytes())),
                Write::Peer { node, addresses, seen } => self.remember(&mut batch, node, addresses, seen),
                Write::Keep(provider) => provider.put(&mut batch, now),
                Write::Forget { key, node } => {
                    batch.delete(Table::Providers, providers::store_key(&key, &node));
                }
                Write::Records { network, changes } => {
                    changes.into_iter().for_each(|change| records::put(&mut batch, &network, change, now));
                }
                Write::KeepSchema(document) => schemas::put(&mut batch, &document, now),
                Write::ForgetSchema(hash) => schemas::delete(&mut batch, hash),
                Write::Evidence(changed) => {
                    changed.iter().for_each(|(peer, seen)| standing::put(&mut batch, peer, seen.as_ref()));
                }
                Write::Row(row) => standing::put_row(&mut batch, &row),
                Write::Fraud { culprit, proof } => standing::put_fraud(&mut batch, &culprit, &proof),
                Write::Pair { peer, pair, done } => {
                    standing::put_pair(&mut batch, &peer, &pair);
                    promised.push(done);
                }
                Write::Close(done) => {
                    closing = Some(done);
                    break;
                }
            }
        }
        let durability = if promised.is_empty() { Durability::Buffered } else { Durability::Synced };
        match self.store.write(batch, durability) {
            // That nobody waits any more is nobody's fault.
            Ok(()) => {
                for done in promised {
                    let _ = done.send(());
                }
            }
            Err(error) => tracing::error!("{error}"),
        }
        closing
    }

    /// Reads other nodes' record sets. What is of no use is deleted; what cannot be read is learnt anew.
    pub(super) fn read_records(&self) -> FoundSets {
        let read = records::read_all(&*self.store, Clock::start().wall());
        let read = read.and_then(|(found, useless)| self.store.write(useless, Durability::Buffered).map(|()| found));
        read.unwrap_or_else(|error| {
            tracing::error!("{error}");
            FoundSets::default()
        })
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
