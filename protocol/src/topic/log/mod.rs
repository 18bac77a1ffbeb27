//! One author's log as a reader or a keeper knows it: what was taken in, what is missing, and what was given up.
//!
//! ```text
//!  epoch 1   ░░░░░░░░██████████████▒▒▒▒▒▒██████████           ░ below the floor: retention has passed it, or it was never wanted
//!            1       floor                     tail           █ taken in
//!  epoch 2   ███████████████████                              ▒ skipped: nobody who was asked has it; a gap that is told of
//!            1                 tail
//! ```
//!
//! Batches are taken in order: one that does not follow what is there is refused with what is [missing](Refused::Missing), and
//! found by [`sync`](super::sync). Where a holder says that it no longer has what comes next, what follows can be taken in
//! [apart](Log::accept_apart): readers wait before the hole while others are asked, and are told of a gap once the caller
//! [says so](Log::skip). It can still be filled then.
//!
//! Where two batches contradict each other the author has forked its log. The log then holds the proof and takes in nothing
//! more: there is no way to tell which branch is right, and others may have the other one.
//!
//! A log's state is small. What it holds is with the caller, who looks up heads of stored batches when asked to.

use std::{collections::BTreeMap, time::Duration};

use super::{Batch, Epoch, Head, Hlc, Proof, Seq};
use crate::{
    identity::NodeId,
    limits,
    names::TopicName,
    sealed::{SealError, Statement, Verified},
    service::UnixMillis,
};

mod chain;
mod cursor;
mod stretches;
#[cfg(test)]
mod tests;

use self::chain::{Next, Outcome};
pub use self::{
    chain::{Chain, SavedChain},
    cursor::{Cursor, Gap, Step},
    stretches::Stretch,
};

/// See the [module docs](self).
#[derive(Debug, Clone)]
pub struct Log {
    topic: TopicName,
    author: NodeId,
    /// At most [`LOG_EPOCHS`](limits::LOG_EPOCHS), the latest ones.
    chains: BTreeMap<Epoch, Chain>,
    forked: Option<Box<Proof>>,
}

/// How much more of a log there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes of encoded entries.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

impl Room {
    /// As much as there is to come.
    pub const ALL: Self = Self { bytes: u64::MAX, entries: u64::MAX };

    fn check(self, batch: &Batch) -> Result<(), Refused> {
        let (bytes, entries) = (batch.len() as u64, u64::from(batch.head().value().count));
        if bytes <= self.bytes && entries <= self.entries {
            return Ok(());
        }
        Err(Refused::OverQuota { bytes, entries, room: self })
    }
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is news, and to be stored.
    Appended,
    /// It is news, and to be stored; this epoch, the oldest one, is no longer known of, and to be deleted.
    AppendedInsteadOf(Epoch),
    /// It is here already.
    Known,
    /// It lies below what is wanted.
    Unwanted,
}

/// Why a batch was not taken in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is of another topic or author.
    #[error("a batch on {topic} by {author} does not belong to this log")]
    Elsewhere {
        /// Its topic.
        topic: TopicName,
        /// Its author.
        author: NodeId,
    },
    /// It is dated too far ahead. It may be taken in later.
    #[error("dated {ahead:?} ahead of this node's clock, at most {limit:?} are allowed", limit = limits::ENTRY_FUTURE)]
    Future {
        /// How far ahead.
        ahead: Duration,
    },
    /// It is dated before the batch that it follows.
    #[error("entry {first} of epoch {epoch} is dated {time}, not after {before} of the entry before it")]
    Backwards {
        /// The epoch.
        epoch: Epoch,
        /// Its first position.
        first: Seq,
        /// The date there.
        time: Hlc,
        /// The date before.
        before: Hlc,
    },
    /// It does not follow what is here: these are missing.
    #[error("entries {from} to {to} of epoch {epoch} are missing before it")]
    Missing {
        /// The epoch.
        epoch: Epoch,
        /// The first missing position.
        from: Seq,
        /// The last one.
        to: Seq,
    },
    /// There is no room for it.
    #[error("{bytes} bytes in {entries} entries are more than the {} bytes and {} entries that there is room for", room.bytes, room.entries)]
    OverQuota {
        /// Its bytes.
        bytes: u64,
        /// Its entries.
        entries: u64,
        /// What there is room for.
        room: Room,
    },
    /// It is of an epoch that is older than all that are known of, and there are as many as may be.
    #[error("epoch {epoch} is older than the {} latest epochs of this log", limits::LOG_EPOCHS)]
    Forgotten {
        /// The epoch.
        epoch: Epoch,
    },
    /// It contradicts what is here: this proves it.
    #[error("the author has forked this log")]
    Forked(Box<Proof>),
    /// The log was found to be forked before, and takes in nothing more.
    #[error("the author had forked this log before")]
    Quarantined,
}

impl Log {
    /// Of which nothing is known.
    #[must_use]
    pub fn new(topic: TopicName, author: NodeId) -> Self {
        Self { topic, author, chains: BTreeMap::new(), forked: None }
    }

    /// Takes up an epoch as it was [saved](Chain::saved) by an earlier run of this node, which had checked it.
    ///
    /// # Errors
    /// [`SealError`] if it is damaged, or of another log.
    pub fn resume(&mut self, saved: SavedChain) -> Result<(), SealError> {
        let tail = saved.tail().reopen()?;
        let (author, epoch) = (tail.author(), tail.value().epoch);
        if tail.value().topic != self.topic || author != self.author {
            let rule = format!("it is of {} by {author}", tail.value().topic);
            return Err(SealError::Invalid { what: Head::NAME, author: self.author, rule });
        }
        self.chains.insert(epoch, Chain::resume(saved, tail));
        while self.chains.len() > limits::LOG_EPOCHS {
            self.chains.pop_first();
        }
        Ok(())
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The author.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.author
    }

    /// The epochs, oldest first.
    pub fn chains(&self) -> impl DoubleEndedIterator<Item = (Epoch, &Chain)> {
        self.chains.iter().map(|(epoch, chain)| (*epoch, chain))
    }

    /// One of the epochs.
    #[must_use]
    pub fn chain(&self, epoch: Epoch) -> Option<&Chain> {
        self.chains.get(&epoch)
    }

    /// The head of the log: of the latest batch in the latest epoch.
    #[must_use]
    pub fn head(&self) -> Option<&Verified<Head>> {
        self.chains.last_key_value().map(|(_, chain)| chain.tail())
    }

    /// The proof that the author has forked it.
    #[must_use]
    pub fn forked(&self) -> Option<&Proof> {
        self.forked.as_deref()
    }

    /// Somebody else has found that the author has forked it; the proof must have been verified.
    pub fn quarantine(&mut self, proof: Proof) {
        self.forked.get_or_insert_with(|| Box::new(proof));
    }

    /// Takes in a batch. `stored` gives the head of the stored batch that holds a position, and is asked only about what was taken
    /// in, and seldom: not for what goes on at the end.
    ///
    /// # Errors
    /// [`Refused`]; the state has not changed, but that a [fork](Refused::Forked) is remembered.
    pub fn accept(
        &mut self,
        batch: &Batch,
        now: UnixMillis,
        room: Room,
        stored: &dyn Fn(Epoch, Seq) -> Option<Verified<Head>>,
    ) -> Result<Accepted, Refused> {
        let head = batch.head().value();
        self.may_take(batch, now)?;
        if !self.chains.contains_key(&head.epoch) && head.first > Seq::FIRST {
            return Err(Refused::Missing { epoch: head.epoch, from: Seq::FIRST, to: head.first.before() });
        }
        self.take(batch, false, room, stored)
    }

    /// The same for a batch that need not follow what is here, because whoever sends it does not have what is before it. What is
    /// [missing](Chain::missing) then is a hole, which others may fill; readers wait for that until it is [skipped](Log::skip).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn accept_apart(
        &mut self,
        batch: &Batch,
        now: UnixMillis,
        room: Room,
        stored: &dyn Fn(Epoch, Seq) -> Option<Verified<Head>>,
    ) -> Result<Accepted, Refused> {
        self.may_take(batch, now)?;
        self.take(batch, true, room, stored)
    }

    fn take(
        &mut self,
        batch: &Batch,
        apart: bool,
        room: Room,
        stored: &dyn Fn(Epoch, Seq) -> Option<Verified<Head>>,
    ) -> Result<Accepted, Refused> {
        let epoch = batch.head().value().epoch;
        let Some(chain) = self.chains.get_mut(&epoch) else { return self.open(batch, Seq::FIRST, room) };
        match chain.accept(batch, apart, room, stored) {
            Outcome::Accepted(accepted) => Ok(accepted),
            Outcome::Refused(refused) => Err(refused),
            Outcome::Forked(proof) => {
                self.quarantine(proof.clone());
                Err(Refused::Forked(Box::new(proof)))
            }
        }
    }

    /// Takes in a batch of an epoch of which nothing is known, with everything before it neither known nor wanted: where reading
    /// begins with the latest. In an epoch that is known, what is missing before it is skipped.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn accept_from_here(
        &mut self,
        batch: &Batch,
        now: UnixMillis,
        room: Room,
        stored: &dyn Fn(Epoch, Seq) -> Option<Verified<Head>>,
    ) -> Result<Accepted, Refused> {
        let head = batch.head().value();
        self.may_take(batch, now)?;
        if !self.chains.contains_key(&head.epoch) {
            return self.open(batch, head.first, room);
        }
        let accepted = self.take(batch, true, room, stored)?;
        if let Some(gap) = Stretch::between(Seq::FIRST, head.first.before()) {
            self.skip(head.epoch, gap);
        }
        Ok(accepted)
    }

    fn may_take(&self, batch: &Batch, now: UnixMillis) -> Result<(), Refused> {
        let head = batch.head().value();
        if head.topic != self.topic || batch.author() != self.author {
            return Err(Refused::Elsewhere { topic: head.topic.clone(), author: batch.author() });
        }
        if self.forked.is_some() {
            return Err(Refused::Quarantined);
        }
        let ahead = head.time.ahead(now).max(Duration::from_millis(head.epoch.0.saturating_sub(now.0)));
        if ahead > limits::ENTRY_FUTURE { Err(Refused::Future { ahead }) } else { Ok(()) }
    }

    /// Begins an epoch.
    fn open(&mut self, batch: &Batch, floor: Seq, room: Room) -> Result<Accepted, Refused> {
        let head = batch.head().value();
        let epoch = head.epoch;
        let oldest = self.chains.first_key_value().map(|(oldest, _)| *oldest);
        let full = self.chains.len() >= limits::LOG_EPOCHS;
        if full && oldest.is_some_and(|oldest| epoch < oldest) {
            return Err(Refused::Forgotten { epoch });
        }
        room.check(batch)?;
        self.chains.insert(epoch, Chain::beginning(batch, floor));
        match oldest.filter(|_| full) {
            Some(oldest) => {
                self.chains.remove(&oldest);
                Ok(Accepted::AppendedInsteadOf(oldest))
            }
            None => Ok(Accepted::Appended),
        }
    }

    /// Nobody who was asked has these, of what lies before the end: readers are told of a gap. It can still be filled, and is asked
    /// for again after [`Log::want`].
    pub fn skip(&mut self, epoch: Epoch, gap: Stretch) {
        if let Some(chain) = self.chains.get_mut(&epoch) {
            chain.skip(gap);
        }
    }

    /// Nobody has these because later entries with the same keys have overtaken them, in a topic of which the last value for
    /// each key is retained: to readers they are no gap.
    pub fn pass_over(&mut self, epoch: Epoch, overtaken: Stretch) {
        if let Some(chain) = self.chains.get_mut(&epoch) {
            chain.pass_over(overtaken);
        }
    }

    /// What was taken in there is damaged where it is stored: it is missing again. False if nothing had been, or it is not wanted any more.
    pub fn lose(&mut self, epoch: Epoch, lost: Stretch) -> bool {
        self.chains.get_mut(&epoch).is_some_and(|chain| chain.lose(lost))
    }

    /// From this position on an epoch is wanted, also what was passed or given up before.
    pub fn want(&mut self, epoch: Epoch, from: Seq) {
        if let Some(chain) = self.chains.get_mut(&epoch) {
            chain.want(from);
        }
    }

    /// Everything before this position was deleted.
    pub fn drop_before(&mut self, epoch: Epoch, floor: Seq) {
        if let Some(chain) = self.chains.get_mut(&epoch) {
            chain.drop_before(floor);
        }
    }

    /// What a reader at this cursor does next: older epochs first, as far as they are known. None where there is nothing new, or
    /// what comes next is still [missing](Chain::missing): it is fetched, or else to be [skipped](Log::skip).
    ///
    /// What lies below the first retained position is a gap to a reader that has not passed it.
    #[must_use]
    pub fn read(&self, cursor: &Cursor) -> Option<Step> {
        for (epoch, chain) in self.chains() {
            match chain.after(cursor.read(epoch)) {
                Next::Read(entries) => return Some(Step::Read { epoch, entries }),
                Next::Gap(entries) => return Some(Step::Gap(Gap { epoch, entries })),
                Next::Wait => return None,
                Next::Nothing => {}
            }
        }
        None
    }

    /// The cursor of a reader that wants only what comes after this.
    #[must_use]
    pub fn end(&self) -> Cursor {
        let mut cursor = Cursor::default();
        self.chains.iter().for_each(|(epoch, chain)| cursor.pass(*epoch, chain.last()));
        cursor
    }
}
