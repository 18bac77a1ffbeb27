//! One epoch of a log.

use serde::{Deserialize, Serialize};

use super::{
    Accepted, Room,
    stretches::{Stretch, Stretches},
};
use crate::{
    limits,
    sealed::{Signed, Verified},
    topic::{Batch, Epoch, Head, Proof, Seq},
};

use super::Refused;

/// What is known of one epoch of an author's log.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The latest batch that was taken in.
    tail: Verified<Head>,
    /// What was taken in and not dropped from the front.
    taken: Stretches,
    /// What nobody who was asked had: gaps that are told of, but can still be filled.
    skipped: Stretches,
    /// Nothing before this is wanted: retention has passed it, or reading began later.
    floor: Seq,
}

/// One epoch of a log as it is kept over restarts, beside the batches themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedChain {
    tail: Signed<Head>,
    taken: Vec<Stretch>,
    skipped: Vec<Stretch>,
    floor: Seq,
}

impl SavedChain {
    /// Bytes that it may have, encoded.
    pub const MOST: usize = limits::BATCH_HEAD + 256 + 2 * (limits::LOG_STRETCHES + 1) * 20;

    /// The head of its latest batch.
    #[must_use]
    pub fn tail(&self) -> Signed<Head> {
        self.tail.clone()
    }
}

/// Where the caller looks up the head of the stored batch that holds a position.
pub(super) type Stored<'a> = &'a dyn Fn(Epoch, Seq) -> Option<Verified<Head>>;

/// What a reader does next in an epoch.
pub(super) enum Next {
    Read(Stretch),
    Gap(Stretch),
    /// What comes next is missing, but not yet given up.
    Wait,
    /// It has read everything.
    Nothing,
}

/// What comes of a batch, apart from errors that are the log's.
pub(super) enum Outcome {
    Accepted(Accepted),
    Refused(Refused),
    Forked(Proof),
}

impl Chain {
    /// Of which nothing is known but that `batch` begins it, or whatever of it is wanted.
    pub(super) fn beginning(batch: &Batch, floor: Seq) -> Self {
        let mut taken = Stretches::default();
        let head = batch.head();
        if let Some(stretch) = stretch(head.value()) {
            taken.insert(stretch);
        }
        Self { tail: head.clone(), taken, skipped: Stretches::default(), floor }
    }

    pub(super) fn resume(saved: SavedChain, tail: Verified<Head>) -> Self {
        let SavedChain { taken, skipped, floor, .. } = saved;
        let mut chain =
            Self { tail, taken: taken.into_iter().collect(), skipped: skipped.into_iter().collect(), floor };
        chain.bound();
        chain
    }

    /// What is kept of it over restarts.
    #[must_use]
    pub fn saved(&self) -> SavedChain {
        let (taken, skipped) = (self.taken.iter().collect(), self.skipped.iter().collect());
        SavedChain { tail: self.tail.signed(), taken, skipped, floor: self.floor }
    }

    /// The head of the latest batch: the head of the log, in this epoch.
    #[must_use]
    pub fn tail(&self) -> &Verified<Head> {
        &self.tail
    }

    /// The last position.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.tail.value().last()
    }

    /// The first position that is retained here; beyond the last one if none is.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.taken.first().map_or(self.last().next(), |stretch| stretch.from)
    }

    /// Nothing before this position is wanted.
    #[must_use]
    pub fn floor(&self) -> Seq {
        self.floor
    }

    /// The stretches that were taken in and are retained.
    pub fn taken(&self) -> impl Iterator<Item = Stretch> {
        self.taken.iter()
    }

    /// What nobody who was asked had. It may be wanted [again](super::Log::want).
    pub fn given_up(&self) -> impl Iterator<Item = Stretch> {
        self.skipped.iter()
    }

    /// How many positions between the first that is retained and the last are not held.
    #[must_use]
    pub fn holes(&self) -> u64 {
        let all = Stretch::between(self.first(), self.last());
        all.into_iter().flat_map(|all| self.taken.missing(all)).map(Stretch::count).sum()
    }

    /// What is missing up to `last`, and neither below what is wanted nor given up.
    #[must_use]
    pub fn missing(&self, last: Seq) -> Vec<Stretch> {
        let Some(within) = Stretch::between(self.floor.max(Seq::FIRST), last) else { return Vec::new() };
        let missing = self.taken.missing(within);
        missing.into_iter().flat_map(|gap| self.skipped.missing(gap)).collect()
    }

    /// What a reader that has come to `read` does next.
    pub(super) fn after(&self, read: Seq) -> Next {
        let from = read.next();
        let until = |to: Seq| Stretch::between(from, to);
        if let Some(dropped) = until(self.floor.before()) {
            return Next::Gap(dropped);
        }
        if let Some(there) = self.taken.at(from).and_then(|taken| until(taken.to)) {
            return Next::Read(there);
        }
        match self.skipped.at(from).and_then(|skipped| until(skipped.to)) {
            Some(gap) => Next::Gap(gap),
            None if from > self.last() => Next::Nothing,
            None => Next::Wait,
        }
    }

    /// Takes in a batch. With `apart` it need not follow what is there.
    pub(super) fn accept(&mut self, batch: &Batch, apart: bool, room: Room, stored: Stored<'_>) -> Outcome {
        let head = batch.head().value();
        let Some(new) = stretch(head) else { return Outcome::Accepted(Accepted::Unwanted) };
        if let Some(known) = self.overlap(new) {
            return self.compare(batch, known, stored);
        }
        if new.to < self.floor {
            return Outcome::Accepted(Accepted::Unwanted);
        }
        if !apart && !self.may_begin_at(new.from) {
            let known = self.taken.before(new.from).map_or(self.floor, |stretch| stretch.to.next());
            return Outcome::Refused(Refused::Missing { epoch: head.epoch, from: known, to: new.from.before() });
        }
        match self.contradiction(batch, new, stored) {
            Err(refused) => return Outcome::Refused(refused),
            Ok(Some(proof)) => return Outcome::Forked(proof),
            Ok(None) => {}
        }
        if let Err(refused) = room.check(batch) {
            return Outcome::Refused(refused);
        }
        self.taken.insert(new);
        self.skipped.remove(new);
        // Batches are taken whole: of one that what is wanted begins in, the rest is there, too.
        self.floor = self.floor.min(new.from);
        self.bound();
        if new.to > self.last() {
            self.tail = batch.head().clone();
        }
        Outcome::Accepted(Accepted::Appended)
    }

    /// A position of `new` that was taken in already.
    fn overlap(&self, new: Stretch) -> Option<Seq> {
        // What follows everything is not searched for.
        if new.from > self.last() {
            return None;
        }
        self.taken.from(new.from).and_then(|stretch| stretch.overlap(new)).map(|both| both.from)
    }

    /// Whether everything before is known, given up or not wanted.
    fn may_begin_at(&self, seq: Seq) -> bool {
        let before = seq.before();
        seq <= self.floor || before < Seq::FIRST || self.taken.contains(before) || self.skipped.contains(before)
    }

    /// A batch at a position that was taken in: the same one, or the other branch of a fork.
    fn compare(&self, batch: &Batch, at: Seq, stored: Stored<'_>) -> Outcome {
        let head = batch.head();
        let tail = Some(&self.tail).filter(|tail| stretch(tail.value()).is_some_and(|tail| tail.contains(at)));
        match tail.cloned().or_else(|| stored(head.value().epoch, at)) {
            Some(known) if known.hash() == head.hash() => Outcome::Accepted(Accepted::Known),
            Some(known) => match Proof::of_heads(&known, head) {
                Some(proof) => Outcome::Forked(proof),
                None => Outcome::Accepted(Accepted::Known),
            },
            // It is gone from here, and cannot be compared.
            None => Outcome::Accepted(Accepted::Unwanted),
        }
    }

    /// Whether the batch fits to what lies before and after it.
    fn contradiction(&self, batch: &Batch, new: Stretch, stored: Stored<'_>) -> Result<Option<Proof>, Refused> {
        let (head, epoch) = (batch.head(), batch.head().value().epoch);
        let neighbour = |seq: Seq| {
            let tail = self.tail.value();
            if tail.last() == seq || tail.first == seq {
                return Some(self.tail.clone());
            }
            self.taken.contains(seq).then(|| stored(epoch, seq)).flatten()
        };
        let before = neighbour(new.from.before());
        let after = neighbour(new.to.next()).filter(|_| new.to < self.last());
        // Where all has been dropped its head is still known.
        let tail = Some(self.tail.clone()).filter(|_| new.from <= self.last());
        for known in [&before, &after, &tail].into_iter().flatten() {
            if let Some(proof) = Proof::of_heads(known, head) {
                return Ok(Some(proof));
            }
        }
        match before.map(|before| before.value().time).filter(|time| *time >= batch.began()) {
            Some(before) => Err(Refused::Backwards { epoch, first: new.from, time: batch.began(), before }),
            None => Ok(None),
        }
    }

    /// Nobody who was asked has what is missing there. Of what lies beyond the end nobody can know: a peer that says so lies.
    pub(super) fn skip(&mut self, gap: Stretch) {
        let Some(known) = Stretch::between(gap.from, gap.to.min(self.last())) else { return };
        for missing in self.taken.missing(known) {
            self.skipped.insert(missing);
        }
        self.bound();
    }

    /// What is missing there has been overtaken.
    pub(super) fn pass_over(&mut self, overtaken: Stretch) {
        // Beyond the end nothing can have been.
        if let Some(known) = Stretch::between(overtaken.from, overtaken.to.min(self.last())) {
            self.taken.insert(known);
            self.skipped.remove(known);
        }
    }

    /// What was taken in there cannot be read any more: it is missing. False if nothing had been, or it is not wanted.
    pub(super) fn lose(&mut self, lost: Stretch) -> bool {
        let held = self.taken.from(lost.from.max(self.floor)).is_some_and(|stretch| stretch.overlap(lost).is_some());
        self.taken.remove(lost);
        self.bound();
        held
    }

    /// Whether the latest batch is one that can be read, or that retention has passed.
    #[must_use]
    pub fn ends_well(&self) -> bool {
        self.taken.is_empty() || self.taken.contains(self.last())
    }

    /// Of too many stretches apart the oldest end.
    fn bound(&mut self) {
        while self.taken.are_too_many() || self.skipped.are_too_many() {
            let oldest = [self.taken.first(), self.skipped.first()].into_iter().flatten().min();
            let Some(oldest) = oldest else { return };
            self.drop_before(oldest.to.next());
        }
    }

    /// Asks again for what was given up.
    pub(super) fn want(&mut self, from: Seq) {
        self.floor = self.floor.min(from).max(Seq::FIRST);
        if let Some(all) = Stretch::between(self.floor, self.last()) {
            self.skipped.remove(all);
        }
    }

    /// Retention has passed everything before `floor`.
    pub(super) fn drop_before(&mut self, floor: Seq) {
        if let Some(gone) = Stretch::between(Seq::FIRST, floor.before()) {
            self.taken.remove(gone);
            self.skipped.remove(gone);
        }
        self.floor = self.floor.max(floor);
    }
}

pub(super) fn stretch(head: &Head) -> Option<Stretch> {
    Stretch::between(head.first, head.last())
}
