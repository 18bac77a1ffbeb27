//! What this node has seen of its peers, what they say of others, and what was signed, as it is stored.
//!
//! ```text
//! table     key                    value, encoded as everything that is stored
//! standing  'e', public key        evidence
//! standing  'r', public key        signed row of that witness
//! receipts  public key of a peer   the last receipt of both, and the last half that this node has signed
//! frauds    public key             proof
//! ```

use std::{collections::BTreeMap, ops::ControlFlow};

use atoll_protocol::{
    codec,
    identity::NodeId,
    limits,
    sealed::{Countersigned, Signed, Verified},
    standing::{FraudProof, PairReceipt, Row},
};
use atoll_registry::{
    standing::{Evidence, PEERS, WITNESSES},
    store::{Batch, Store, StoreError, Table},
};

#[cfg(test)]
mod tests;

use crate::standing::StoredPair;

/// Longest encoded evidence, in bytes.
const EVIDENCE: usize = 128;
/// Longest encoded pair, in bytes.
const PAIR: usize = 2 * limits::PAIR_RECEIPT_WIRE + 2;
/// Longest encoded row, in bytes.
const ROW: usize = limits::ROW + 256;
/// What keys begin with in the table of standing.
const SEEN: u8 = b'e';
const HEARD: u8 = b'r';

/// What was found at the start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) evidence: BTreeMap<NodeId, Evidence>,
    pub(crate) rows: Vec<Verified<Row>>,
    pub(crate) pairs: Vec<StoredPair>,
    pub(crate) frauds: BTreeMap<NodeId, FraudProof>,
    /// Entries that could not be read, or say what cannot be.
    pub(crate) damaged: u64,
}

fn key(kind: u8, peer: &NodeId) -> Vec<u8> {
    [&[kind][..], peer.public_key()].concat()
}

pub(super) fn put(batch: &mut Batch, peer: &NodeId, evidence: Option<&Evidence>) {
    match evidence.map(codec::encode) {
        Some(Ok(value)) => drop(batch.put(Table::Standing, key(SEEN, peer), value)),
        // A few numbers always have an encoding.
        Some(Err(_)) => {}
        None => drop(batch.delete(Table::Standing, key(SEEN, peer))),
    }
}

pub(super) fn put_row(batch: &mut Batch, row: &Signed<Row>) {
    if let Ok(value) = codec::encode(row) {
        batch.put(Table::Standing, key(HEARD, &row.author()), value);
    }
}

pub(super) fn put_pair(batch: &mut Batch, peer: &NodeId, StoredPair { agreed, signed }: &StoredPair) {
    if let Ok(value) = codec::encode(&(agreed, signed)) {
        batch.put(Table::Receipts, *peer.public_key(), value);
    }
}

pub(super) fn put_fraud(batch: &mut Batch, culprit: &NodeId, proof: &FraudProof) {
    if let Ok(value) = codec::encode(proof) {
        batch.put(Table::Frauds, *culprit.public_key(), value);
    }
}

/// Reads what was kept. What is damaged or too much is deleted: of evidence, that which changed longest ago.
pub(super) fn read_all(store: &dyn Store) -> Result<(Found, Batch), StoreError> {
    let (mut found, mut useless) = (Found::default(), Batch::new());
    for table in [Table::Standing, Table::Receipts, Table::Frauds] {
        store.scan(table, &[], &mut |key, value| {
            if found.take(table, key, value).is_none() {
                found.damaged += 1;
                useless.delete(table, key);
            }
            ControlFlow::Continue(())
        })?;
    }
    let excess = found.evidence.len().saturating_sub(PEERS);
    let mut by_age: Vec<_> = found.evidence.iter().map(|(peer, evidence)| (evidence.updated(), *peer)).collect();
    by_age.sort_unstable();
    for (_, peer) in by_age.into_iter().take(excess) {
        found.evidence.remove(&peer);
        put(&mut useless, &peer, None);
    }
    for row in found.rows.drain(WITNESSES.min(found.rows.len())..) {
        useless.delete(Table::Standing, key(HEARD, &row.author()));
    }
    Ok((found, useless))
}

impl Found {
    fn take(&mut self, table: Table, key: &[u8], value: &[u8]) -> Option<()> {
        let (kind, name) = if table == Table::Standing { key.split_first()? } else { (&0, key) };
        let peer = NodeId::from_public_key(name.try_into().ok()?);
        match (table, *kind) {
            (Table::Standing, SEEN) => {
                let evidence: Evidence = codec::decode(value, EVIDENCE).ok()?;
                self.evidence.insert(peer, Some(evidence).filter(Evidence::is_sound)?);
            }
            (Table::Standing, HEARD) => {
                let row: Signed<Row> = codec::decode(value, ROW).ok()?;
                self.rows.push(row.reopen().ok().filter(|row| row.author() == peer)?);
            }
            (Table::Receipts, _) => {
                type Stored = (Countersigned<PairReceipt>, Option<Signed<PairReceipt>>);
                let (agreed, signed): Stored = codec::decode(value, PAIR).ok()?;
                self.pairs.push(StoredPair { agreed, signed });
            }
            (Table::Frauds, _) => drop(self.frauds.insert(peer, FraudProof::decode(value).ok()?)),
            _ => return None,
        }
        Some(())
    }
}
