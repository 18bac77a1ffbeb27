//! Going through the stored batches of a log, past those that are damaged.
//!
//! What is damaged is no end of a log: what follows it is there, and others may have what it was. So it is noted which positions
//! cannot be read, for the log to ask for them again.

use std::ops::ControlFlow;

use atoll_protocol::{
    sealed::Verified,
    topic::{ChainId, Head, Seq, SignedBatch},
};
use atoll_registry::store::{Store, StoreError, Table};

use super::keys;

/// How often reading begins again behind something that cannot be read: each time twice as far behind it, which reaches any position.
const TRIES: u32 = 64;

/// What whoever is shown a batch does next.
pub(super) enum Shown {
    /// It wants more.
    On,
    /// It has what it needs.
    Enough,
    /// What is in the batch cannot be read.
    Damaged,
}

/// Takes a batch, and its head as it was read.
pub(super) type Show<'a> = &'a mut dyn FnMut(Verified<Head>, SignedBatch) -> Shown;

/// Positions of a log that cannot be read: from one, up to another, or as far as the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) struct Damage {
    pub(in crate::broker) chain: ChainId,
    pub(in crate::broker) from: Seq,
    pub(in crate::broker) to: Option<Seq>,
}

/// A reader's way through one epoch of a log.
pub(super) struct Walk<'a> {
    chain: &'a ChainId,
    show: Show<'a>,
    /// Whether the reader may be shown what lies behind damage.
    over_damage: bool,
    /// The position after the last one that was read.
    next: Seq,
    /// Where damage begins of which the end is not known yet.
    damaged: Option<Seq>,
    /// The reader is shown nothing more.
    enough: bool,
    found: Vec<Damage>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(chain: &'a ChainId, over_damage: bool, show: Show<'a>) -> Self {
        Self { chain, show, over_damage, next: Seq::FIRST, damaged: None, enough: false, found: Vec::new() }
    }

    /// Shows the batches from the one on that holds a position. Gives what was found to be damaged.
    pub(super) fn run(mut self, store: &dyn Store, seq: Seq) -> Result<Vec<Damage>, StoreError> {
        let prefix = keys::chain(self.chain);
        let mut from = match store.at_or_before(Table::Batches, &prefix, &keys::batch(self.chain, seq)) {
            Ok(found) => found.and_then(|(key, value)| begin(&key, &value, seq)).unwrap_or(seq),
            Err(StoreError::Corrupt { .. }) => {
                self.damaged_at(seq);
                seq
            }
            Err(error) => return Err(error),
        };
        self.next = from;
        for nth in 0..TRIES {
            let first = keys::batch(self.chain, from);
            match store.scan_from(Table::Batches, &prefix, &first, &mut |key, value| self.pass(key, value)) {
                Ok(()) => break,
                Err(StoreError::Corrupt { reason, .. }) => {
                    tracing::debug!("{} cannot be read from position {from} on: {reason}", self.chain);
                    self.damaged_at(self.next);
                    from = Seq(self.next.0.saturating_add(1 << nth));
                }
                Err(error) => return Err(error),
            }
        }
        self.ends(None);
        Ok(self.found)
    }

    fn pass(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        let Some(at) = keys::position(key) else { return ControlFlow::Continue(()) };
        let Some((head, batch)) = decode(value) else {
            self.damaged_at(at);
            return ControlFlow::Continue(());
        };
        let last = head.value().last();
        self.ends(Some(at.before()));
        if self.enough {
            return ControlFlow::Break(());
        }
        match (self.show)(head, batch) {
            Shown::On => self.next = last.next(),
            Shown::Enough => return ControlFlow::Break(()),
            Shown::Damaged => self.damaged_at(at),
        }
        ControlFlow::Continue(())
    }

    fn damaged_at(&mut self, at: Seq) {
        self.damaged.get_or_insert(at);
        self.next = self.next.max(at);
        self.enough |= !self.over_damage;
    }

    fn ends(&mut self, to: Option<Seq>) {
        if let Some(from) = self.damaged.take() {
            self.found.push(Damage { chain: self.chain.clone(), from, to });
        }
    }
}

/// Where the batch begins that holds a position, or may do so: what it says cannot be read.
fn begin(key: &[u8], value: &[u8], seq: Seq) -> Option<Seq> {
    let at = keys::position(key)?;
    decode(value).is_none_or(|(head, _)| head.value().last() >= seq).then_some(at)
}

fn decode(value: &[u8]) -> Option<(Verified<Head>, SignedBatch)> {
    let batch = SignedBatch::decode(value).ok()?;
    Some((batch.head.clone().reopen().ok()?, batch))
}
