//! Taking in what was fetched.

use super::{Fault, Piece, Pull, Scope, Shelf, Taken};
use crate::{
    identity::NodeId,
    names::{NetworkName, TopicName},
    sealed::Verified,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Epoch, Equivocation, Head, Proof, Seq,
        log::{Accepted, Refused, Room, Stretch},
    },
};

/// What taking in depends on.
pub struct Intake<'a> {
    /// The time of day.
    pub now: UnixMillis,
    /// How much more of this author's log on this topic there is room for; none where it may not publish there at all.
    pub room: &'a dyn Fn(&TopicName, &NodeId) -> Option<Room>,
    /// The head of the stored batch that holds a position.
    pub stored: &'a dyn Fn(&ChainId, Seq) -> Option<Verified<Head>>,
}

/// What came of something that was fetched.
#[derive(Debug)]
pub enum TakenIn {
    /// To be stored; where an epoch is named, all that is stored of that one is to be deleted first.
    Store(Box<Batch>, Option<Epoch>),
    /// The peer does not have these: the log has a hole there, before which readers wait. Others are to be asked, by
    /// [`Pull::history`]; then it is to be [skipped](crate::topic::log::Log::skip), or, in a topic that retains the last value per key,
    /// [passed over](crate::topic::log::Log::pass_over).
    Hole(ChainId, Stretch),
    /// An author was found to have forked its log.
    Forked(NodeId, Box<Proof>),
    /// It is known or not wanted, or refused for a reason that is not the peer's fault; the log is not asked for again before it is
    /// [resumed](Shelf::resume).
    Nothing(Option<Refused>),
}

/// Something that was fetched, with its signatures and rules checked, which takes time and needs nothing but itself.
#[derive(Debug)]
pub enum Opened {
    /// A batch.
    Batch(Box<Batch>),
    /// The peer does not have these, of the want at this place.
    Gap(u16, Stretch),
    /// An author has forked its log.
    Fork(Box<Proof>, Equivocation),
}

impl Taken {
    /// Checks signatures and rules.
    ///
    /// # Errors
    /// [`Fault`]: the peer is to be [stopped](Pull::stop) and charged.
    pub fn open(self, network: &NetworkName) -> Result<Opened, Fault> {
        match self {
            Self::Piece(Piece::Batch(batch)) => {
                let batch = batch.open(network).map_err(|error| Fault::Unchecked(error.to_string()))?;
                Ok(Opened::Batch(Box::new(batch)))
            }
            Self::Piece(Piece::Gap { want, entries }) => Ok(Opened::Gap(want, entries)),
            Self::Proof(topic, proof) => {
                let proved = proof.verify(network).map_err(|error| Fault::Unchecked(error.to_string()))?;
                let Proof::Forked(..) = proof else { return Err(Fault::NotAsked { what: "a keeper" }) };
                if proved.chain.topic != topic {
                    return Err(Fault::NotAsked { what: "another topic" });
                }
                Ok(Opened::Fork(Box::new(proof), proved))
            }
        }
    }
}

/// Takes in something that was fetched, if it was asked for, and changes the shelf.
///
/// # Errors
/// [`Fault`]: the peer is to be [stopped](Pull::stop) and charged.
pub fn take_in(pull: &mut Pull, opened: Opened, shelf: &mut Shelf, at: &Intake<'_>) -> Result<TakenIn, Fault> {
    match opened {
        Opened::Batch(batch) => at.batch(pull, batch, shelf),
        Opened::Gap(want, entries) => Ok(TakenIn::Hole(pull.admit_gap(want, entries)?, entries)),
        Opened::Fork(proof, proved) => Ok(forked(proof, proved, shelf)),
    }
}

impl Intake<'_> {
    fn batch(&self, pull: &mut Pull, batch: Box<Batch>, shelf: &mut Shelf) -> Result<TakenIn, Fault> {
        pull.admit(&batch)?;
        let (head, author) = (batch.head().value(), batch.author());
        let topic = &head.topic;
        let Some(room) = (self.room)(topic, &author) else {
            shelf.pause(topic, author);
            return Ok(TakenIn::Nothing(None));
        };
        let news = shelf.scope(topic) == Scope::News;
        let Some(log) = shelf.log_mut(topic, author) else { return Ok(TakenIn::Nothing(None)) };
        let stored = |epoch, seq| (self.stored)(&ChainId { topic: topic.clone(), author, epoch }, seq);
        // It is what comes next of what the peer has, as the pull has found.
        let accepted = if news && log.head().is_none() {
            log.accept_from_here(&batch, self.now, room, &stored)
        } else {
            log.accept_apart(&batch, self.now, room, &stored)
        };
        match accepted {
            Ok(Accepted::Appended) => Ok(TakenIn::Store(batch, None)),
            Ok(Accepted::AppendedInsteadOf(oldest)) => Ok(TakenIn::Store(batch, Some(oldest))),
            Ok(Accepted::Known | Accepted::Unwanted) => Ok(TakenIn::Nothing(None)),
            Err(Refused::Forked(proof)) => Ok(TakenIn::Forked(author, proof)),
            // What an author did wrong, others may not have been able to see.
            Err(refused) => {
                shelf.pause(topic, author);
                Ok(TakenIn::Nothing(Some(refused)))
            }
        }
    }
}

fn forked(proof: Box<Proof>, proved: Equivocation, shelf: &mut Shelf) -> TakenIn {
    let Equivocation { culprit, chain, .. } = proved;
    let Some(log) = shelf.log_mut(&chain.topic, culprit) else { return TakenIn::Nothing(None) };
    if log.forked().is_some() {
        return TakenIn::Nothing(None);
    }
    log.quarantine((*proof).clone());
    TakenIn::Forked(culprit, proof)
}
