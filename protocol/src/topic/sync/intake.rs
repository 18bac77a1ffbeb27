//! Taking in what was fetched.

use super::{Fault, Piece, Pull, Shelf, Taken};
use crate::{
    identity::NodeId,
    names::{NetworkName, TopicName},
    sealed::Verified,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Epoch, Head, Proof, Seq, SignedBatch,
        log::{Accepted, Log, Refused, Room, Stretch},
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
    /// The log has a gap there now, until another peer fills it.
    Gap(ChainId, Stretch),
    /// An author was found to have forked its log.
    Forked(NodeId, Box<Proof>),
    /// It is known or not wanted, or refused for a reason that is not the peer's fault.
    Nothing(Option<Refused>),
}

/// Takes in something that was fetched: checks signature, rules and that it was asked for, and changes the shelf.
///
/// # Errors
/// [`Fault`]: the peer is to be [stopped](Pull::stop) and charged.
pub fn take_in(pull: &mut Pull, taken: Taken, shelf: &mut Shelf, at: &Intake<'_>) -> Result<TakenIn, Fault> {
    match taken {
        Taken::Piece(Piece::Batch(batch)) => at.batch(pull, batch, shelf),
        Taken::Piece(Piece::Gap { want, entries }) => {
            let chain = pull.admit_gap(want, entries)?;
            if let Some(log) = shelf.log_mut(&chain.topic, chain.author) {
                log.skip(chain.epoch, entries);
            }
            Ok(TakenIn::Gap(chain, entries))
        }
        Taken::Proof(topic, proof) => at.proof(&topic, proof, shelf),
    }
}

impl Intake<'_> {
    fn batch(&self, pull: &mut Pull, batch: SignedBatch, shelf: &mut Shelf) -> Result<TakenIn, Fault> {
        let batch = batch.open(self.network).map_err(|error| Fault::Unchecked(error.to_string()))?;
        pull.admit(&batch)?;
        let (topic, author) = (batch.head().value().topic.clone(), batch.author());
        let Some(room) = (self.room)(&topic, &author) else { return Ok(TakenIn::Nothing(None)) };
        let Some(log) = shelf.log_mut(&topic, author) else { return Ok(TakenIn::Nothing(None)) };
        let epoch = batch.head().value().epoch;
        match self.accept(log, &batch, room) {
            Ok(Accepted::Appended) => Ok(TakenIn::Store(Box::new(batch), None)),
            Ok(Accepted::AppendedInsteadOf(oldest)) => Ok(TakenIn::Store(Box::new(batch), Some(oldest))),
            Ok(Accepted::Known | Accepted::Unwanted) => Ok(TakenIn::Nothing(None)),
            Err(Refused::Forked(proof)) => Ok(TakenIn::Forked(author, proof)),
            Err(refused @ Refused::Backwards { .. }) => Err(Fault::Unchecked(format!("epoch {epoch}: {refused}"))),
            Err(refused) => Ok(TakenIn::Nothing(Some(refused))),
        }
    }

    /// Accepts a batch; in an epoch of which nothing is known, what the peer has said to be gone may lie before it.
    fn accept(&self, log: &mut Log, batch: &Batch, room: Room) -> Result<Accepted, Refused> {
        let (head, author) = (batch.head().value(), batch.author());
        let stored = |epoch, seq| (self.stored)(&ChainId { topic: head.topic.clone(), author, epoch }, seq);
        if log.chain(head.epoch).is_some() || head.first == Seq::FIRST {
            return log.accept(batch, self.now, room, &stored);
        }
        let accepted = log.accept_from_here(batch, self.now, room, &stored)?;
        log.want(head.epoch, Seq::FIRST);
        if let Some(gap) = Stretch::between(Seq::FIRST, head.first.before()) {
            log.skip(head.epoch, gap);
        }
        Ok(accepted)
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
