//! Taking in what was fetched.

use super::{Fault, Piece, Pull, Shelf, Taken};
use crate::{
    identity::NodeId,
    names::{NetworkName, TopicName},
    sealed::Verified,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Epoch, Head, Proof, Seq, SignedBatch,
        log::{Accepted, Refused, Room, Stretch},
    },
};

/// What taking in depends on.
pub struct Intake<'a> {
    /// The network.
    pub network: &'a NetworkName,
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

/// Takes in something that was fetched: checks signature, rules and that it was asked for, and changes the shelf.
///
/// # Errors
/// [`Fault`]: the peer is to be [stopped](Pull::stop) and charged.
pub fn take_in(pull: &mut Pull, taken: Taken, shelf: &mut Shelf, at: &Intake<'_>) -> Result<TakenIn, Fault> {
    match taken {
        Taken::Piece(Piece::Batch(batch)) => at.batch(pull, batch, shelf),
        Taken::Piece(Piece::Gap { want, entries }) => Ok(TakenIn::Hole(pull.admit_gap(want, entries)?, entries)),
        Taken::Proof(topic, proof) => at.proof(&topic, proof, shelf),
    }
}

impl Intake<'_> {
    fn batch(&self, pull: &mut Pull, batch: SignedBatch, shelf: &mut Shelf) -> Result<TakenIn, Fault> {
        let batch = batch.open(self.network).map_err(|error| Fault::Unchecked(error.to_string()))?;
        pull.admit(&batch)?;
        let (head, author) = (batch.head().value(), batch.author());
        let topic = &head.topic;
        let Some(room) = (self.room)(topic, &author) else {
            shelf.pause(topic, author);
            return Ok(TakenIn::Nothing(None));
        };
        let Some(log) = shelf.log_mut(topic, author) else { return Ok(TakenIn::Nothing(None)) };
        let stored = |epoch, seq| (self.stored)(&ChainId { topic: topic.clone(), author, epoch }, seq);
        // It is what comes next of what the peer has, as the pull has found.
        match log.accept_apart(&batch, self.now, room, &stored) {
            Ok(Accepted::Appended) => Ok(TakenIn::Store(Box::new(batch), None)),
            Ok(Accepted::AppendedInsteadOf(oldest)) => Ok(TakenIn::Store(Box::new(batch), Some(oldest))),
            Ok(Accepted::Known | Accepted::Unwanted) => Ok(TakenIn::Nothing(None)),
            Err(Refused::Forked(proof)) => Ok(TakenIn::Forked(author, proof)),
            // What an author did wrong, others may not have been able to see.
            Err(refused) => {
                shelf.pause(topic, author);
                Ok(TakenIn::Nothing(Some(refused)))
            }
        }
    }

    fn proof(&self, topic: &TopicName, proof: Proof, shelf: &mut Shelf) -> Result<TakenIn, Fault> {
        let proved = proof.verify(self.network).map_err(|error| Fault::Unchecked(error.to_string()))?;
        let Proof::Forked(..) = proof else { return Err(Fault::NotAsked { what: "a keeper" }) };
        if proved.chain.topic != *topic {
            return Err(Fault::NotAsked { what: "another topic" });
        }
        let Some(log) = shelf.log_mut(topic, proved.culprit) else { return Ok(TakenIn::Nothing(None)) };
        if log.forked().is_some() {
            return Ok(TakenIn::Nothing(None));
        }
        log.quarantine(proof.clone());
        Ok(TakenIn::Forked(proved.culprit, Box::new(proof)))
    }
}
