//! What is asked for of what a peer has, and what has come of it.

use super::{
    Fault, Scope, Shelf,
    message::{Piece, Want},
    shelf,
};
use crate::topic::{ChainId, Head, Seq, log::Stretch};

/// What is on its way.
#[derive(Debug)]
pub(super) struct Fetch {
    /// What was asked for. What has come of each is cut off.
    pub(super) wants: Vec<Want>,
    /// For each, the end of the log that the peer says to have.
    pub(super) ends: Vec<Seq>,
    /// The first that has not come as a whole.
    pub(super) at: usize,
    /// Bytes that the peer may still send.
    pub(super) left: u64,
    pub(super) moved: bool,
}

/// What a peer has of a log.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) chain: ChainId,
    /// Up to where it is to be asked for.
    pub(super) last: Seq,
    /// The end that the peer says to have.
    pub(super) end: Seq,
    /// Of its last batch, where that is to be compared.
    pub(super) check: Option<[u8; 16]>,
    /// What was before has been asked for already.
    pub(super) from: Seq,
}

impl Offer {
    /// What is missing here of it.
    pub(super) fn lacks(&self, shelf: &Shelf) -> Vec<Stretch> {
        let log = shelf.log(&self.chain.topic, &self.chain.author);
        let forked = log.is_some_and(|log| log.forked().is_some());
        if forked || shelf.is_paused(&self.chain.topic, self.chain.author) {
            return Vec::new();
        }
        let scope = shelf.scope(&self.chain.topic);
        if matches!(scope, Scope::Only(author) if author != self.chain.author) {
            return Vec::new();
        }
        let Some(known) = log.and_then(|log| log.chain(self.chain.epoch)) else {
            if scope == Scope::News && log.is_none_or(|log| log.head().is_none()) {
                // The batch that it is in: the log begins there.
                return Stretch::between(self.last, self.last).into_iter().collect();
            }
            // What the peer does not retain is asked for as well: it says so then, as anywhere else.
            return Stretch::between(self.from, self.last).into_iter().collect();
        };
        if self.last == known.last() && self.check.is_some_and(|check| check != shelf::check(&known.tail().hash())) {
            // The branches of a fork: the peer's last batch proves it.
            return Stretch::between(self.last, self.last).into_iter().collect();
        }
        let missing = known.missing(self.last).into_iter();
        missing.filter_map(|gap| Stretch::between(gap.from.max(self.from), gap.to)).collect()
    }
}

impl Fetch {
    /// Counts what the peer sends against what it was asked to.
    pub(super) fn charge(&mut self, piece: &Piece) -> Result<(), Fault> {
        let len = match piece {
            Piece::Batch(batch) => batch.wire_len() as u64,
            Piece::Gap { .. } => 24,
        };
        self.left = self.left.checked_sub(len).ok_or(Fault::NotAsked { what: "so many bytes" })?;
        Ok(())
    }

    pub(super) fn admit(&mut self, chain: &ChainId, head: &Head) -> bool {
        let covers = |want: &Want| {
            want.chain == *chain
                && Stretch::between(head.first, head.last()).is_some_and(|s| s.contains(want.entries.from))
        };
        // What was asked for comes in that order.
        let next = self.wants.get(self.at).is_some_and(covers);
        if next {
            self.pass(self.at, head.last());
        }
        next
    }

    /// Everything up to here has come, of the want at this place.
    pub(super) fn pass(&mut self, at: usize, to: Seq) {
        self.moved = true;
        if let Some(want) = self.wants.get_mut(at) {
            want.entries.from = want.entries.from.max(to.next());
        }
        while self.wants.get(self.at).is_some_and(|want| want.entries.from > want.entries.to) {
            self.at += 1;
        }
    }
}
