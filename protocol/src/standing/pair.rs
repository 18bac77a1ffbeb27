//! How two nodes come to have receipts: one end of a pair, as a machine.
//!
//! It counts how this node's calls to the peer end, and how many calls of the peer's it has answered. From time to time it proposes
//! a receipt that says so, half signed, and it signs the peer's if they only say what can be true:
//!
//! | refused | why |
//! |---|---|
//! | a pair that this node is not in, or a number that is not the proposer's | it is none of its business |
//! | a number that it has signed already, or an older one | a second body would be fraud |
//! | an epoch older than its own | it is from before this node lost count; it proposes a receipt of its own instead |
//! | counts of the peer's that have become smaller, or larger than what was answered | it did not happen |
//! | another half of its own than it last agreed on | only this node says how its own calls ended |
//! | a date that is further ahead than clocks may differ | |
//!
//! Whoever refuses answers with the last receipt that it knows both to have signed ([`Pair::agreed`]), if there is one: the other may
//! not have got the answer that made it one, and would go on repeating what was before ([`Pair::agree`]).
//!
//! What it has signed must be on the disk before it is sent, or its next life must begin a later epoch: or it might sign a second
//! body with one number, and be convicted of it.

use super::{
    proof::FraudProof,
    receipt::{DAY, Numbered, PairReceipt, Verdict, Work},
};
use crate::{
    identity::{NodeId, SecretKey},
    limits,
    names::NetworkName,
    sealed::{Countersigned, SealError, Signed, Verified},
    service::{Extensions, Seq, UnixMillis},
};

/// How one call to the peer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Well and in time.
    Good,
    /// Well, later than the service promises.
    Slow,
    /// Without an answer.
    Lost,
    /// With an answer that is provably wrong.
    Fault,
}

/// Why a peer's proposal, or its answer to one, is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSigned {
    /// A signature is missing, or the receipt breaks a rule of its kind.
    #[error(transparent)]
    Void(#[from] SealError),
    /// It is of two others, or signed by another than the peer whose turn the number is.
    #[error("the receipt is none between this node and {peer}, or not {peer}'s to propose")]
    Foreign {
        /// The peer of this pair.
        peer: NodeId,
    },
    /// This node has signed that number, or a later one.
    #[error("receipt {seq} is not signed: number {signed} has been", seq = .number.seq.0, signed = .signed.seq.0)]
    Overtaken {
        /// What was proposed.
        number: Numbered,
        /// The latest number that this node has signed.
        signed: Numbered,
    },
    /// It says what cannot be.
    #[error("the receipt of {peer} says what did not happen: {what}")]
    Untrue {
        /// The peer.
        peer: NodeId,
        /// What is wrong.
        what: &'static str,
    },
    /// Its date is further ahead than clocks may differ.
    #[error("the receipt of {peer} is dated ahead of this node's clock by more than a day")]
    FutureDated {
        /// The peer.
        peer: NodeId,
    },
}

/// What a proposal has led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Countersign {
    /// To be sent back: the receipt with both signatures.
    Agreed(Box<Countersigned<PairReceipt>>),
    /// The peer has signed two things with one number; this proves it.
    Fraud(Box<FraudProof>),
}

/// One end of a pair.
#[derive(Debug, Clone)]
pub struct Pair {
    me: NodeId,
    peer: NodeId,
    pub(super) epoch: UnixMillis,
    /// How this node's calls have ended in this epoch.
    mine: Work,
    /// The last day with a good answer.
    day: Option<u64>,
    /// Calls of the peer's that were answered here in this epoch.
    answered: u64,
    /// The last receipt that both have signed.
    agreed: Option<Agreed>,
    /// The last half that this node has signed.
    signed: Option<Verified<PairReceipt>>,
    /// The last half of the peer's, to compare with.
    theirs: Option<Verified<PairReceipt>>,
    /// The peer goes on from before this node lost count: it is to be told so by a proposal, news or not.
    owed: bool,
}

/// A receipt that both have signed.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// What it says.
    pub receipt: PairReceipt,
    /// As it is shown to others.
    pub signed: Countersigned<PairReceipt>,
}

impl Pair {
    /// The end at `me`, without any receipt so far. `now` names the epoch, and must be later than that of any receipt that this node
    /// may have signed with this peer: of two beginnings the later one counts.
    #[must_use]
    pub fn begin(me: NodeId, peer: NodeId, now: UnixMillis) -> Self {
        let (mine, day, answered) = (Work::default(), None, 0);
        Self { me, peer, epoch: now, mine, day, answered, agreed: None, signed: None, theirs: None, owed: false }
    }

    /// The end at `me` as it goes on from what was kept: the last receipt of both, and the last half that it signed. `None` if they are
    /// not of one pair that `me` is in.
    #[must_use]
    pub fn resume(me: NodeId, agreed: Agreed, signed: Option<Verified<PairReceipt>>) -> Option<Self> {
        let receipt = &agreed.receipt;
        let peer = receipt.peer(&me)?;
        let mine = *receipt.experience(&me)?;
        let answered = receipt.experience(&peer)?.calls();
        let day = (mine.days > 0).then_some(receipt.issued.0 / DAY);
        if signed.as_ref().is_some_and(|half| half.author() != me || half.value().peer(&me) != Some(peer)) {
            return None;
        }
        let epoch = receipt.epoch;
        Some(Self { me, peer, epoch, mine, day, answered, agreed: Some(agreed), signed, theirs: None, owed: false })
    }

    /// Whose end the other one is.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// How this node's calls have ended since the epoch began.
    #[must_use]
    pub const fn experience(&self) -> &Work {
        &self.mine
    }

    /// The last receipt that both have signed: what this node shows to others.
    #[must_use]
    pub const fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// The last half that this node has signed: what must be on the disk before it is sent.
    #[must_use]
    pub const fn signed(&self) -> Option<&Verified<PairReceipt>> {
        self.signed.as_ref()
    }

    /// One of this node's calls has ended.
    pub fn called(&mut self, ending: Ending, now: UnixMillis) {
        self.called_often(ending, 1, now);
    }

    /// So many of this node's calls have ended alike.
    pub fn called_often(&mut self, ending: Ending, times: u32, now: UnixMillis) {
        if times == 0 {
            return;
        }
        let work = &mut self.mine;
        let count = match ending {
            Ending::Good => &mut work.good,
            Ending::Slow => &mut work.slow,
            Ending::Lost => &mut work.lost,
            Ending::Fault => &mut work.faults,
        };
        *count = count.saturating_add(times.into()).min(limits::PAIR_WORK);
        let today = now.0 / DAY;
        if matches!(ending, Ending::Good | Ending::Slow) && self.day.is_none_or(|day| day < today) {
            self.day = Some(today);
            work.days = work.days.saturating_add(1);
        }
    }

    /// A call of the peer's has been answered here.
    pub fn answered(&mut self) {
        self.answered_often(1);
    }

    /// So many calls of the peer's have been answered here.
    pub fn answered_often(&mut self, times: u32) {
        self.answered = self.answered.saturating_add(times.into());
    }

    /// A half to be sent, if there is news and the last one is not younger than [`PAIR_PACE`](limits::PAIR_PACE).
    ///
    /// # Errors
    /// [`SealError`] if the counts are none that a receipt may say, which needs a clock that was years off.
    pub fn propose(
        &mut self,
        key: &SecretKey,
        network: &NetworkName,
        now: UnixMillis,
    ) -> Result<Option<Signed<PairReceipt>>, SealError> {
        let latest = self.latest();
        let paced = latest.is_some_and(|last| {
            u128::from(last.issued.0.abs_diff(now.0)) < limits::PAIR_PACE.as_millis() && last.epoch == self.epoch
        });
        if paced || (self.said() == self.mine && !self.owed) {
            return Ok(None);
        }
        let seq = latest.filter(|last| last.epoch == self.epoch).map_or(Seq(0), |last| last.seq);
        let half = Signed::seal(key, network, self.body(self.own_turn(seq), now))?;
        self.owed = false;
        self.signed = Some(half.clone());
        Ok(Some(half.signed()))
    }

    /// The peer proposes a receipt: signs it, or says why not.
    ///
    /// # Errors
    /// [`NotSigned`], of which only [`NotSigned::Overtaken`] can happen between honest nodes, where messages cross.
    pub fn countersign(
        &mut self,
        half: Signed<PairReceipt>,
        key: &SecretKey,
        network: &NetworkName,
        now: UnixMillis,
    ) -> Result<Countersign, NotSigned> {
        let theirs = half.open(network)?;
        self.check_pair(&theirs)?;
        if let Some(proof) = self.theirs.as_ref().and_then(|before| FraudProof::of(before, &theirs)) {
            return Ok(Countersign::Fraud(Box::new(proof)));
        }
        self.check_turn(theirs.value(), now)?;
        self.theirs = Some(theirs.clone());
        self.check_content(theirs.value())?;
        let mine = Signed::seal(key, network, theirs.value().clone())?;
        let receipt = Countersigned::join(&mine, &theirs).ok_or(NotSigned::Foreign { peer: self.peer })?;
        self.adopt(theirs.value(), receipt.clone());
        self.signed = Some(mine);
        Ok(Countersign::Agreed(Box::new(receipt)))
    }

    /// The peer's answer to a proposal: the receipt with both signatures. Gives whether it is the newest now.
    ///
    /// # Errors
    /// [`NotSigned`] if it is none, or not what this node has signed.
    pub fn agree(&mut self, receipt: &Countersigned<PairReceipt>, network: &NetworkName) -> Result<bool, NotSigned> {
        let [one, other] = receipt.open(network)?;
        let foreign = NotSigned::Foreign { peer: self.peer };
        let [mine, theirs] = if one.author() == self.me { [one, other] } else { [other, one] };
        if mine.author() != self.me || theirs.author() != self.peer {
            return Err(foreign);
        }
        let number = mine.value().number();
        let held = self.agreed.as_ref().map(|held| held.receipt.number());
        if number.epoch < self.epoch || held.is_some_and(|held| held >= number) {
            return Ok(false);
        }
        self.adopt(mine.value(), receipt.clone());
        self.theirs = Some(theirs);
        Ok(true)
    }

    /// Takes it as the last one of both. Where both had agreed on something before and the epoch is another one now, counting begins
    /// anew: what was before is in the receipts of before.
    fn adopt(&mut self, receipt: &PairReceipt, signed: Countersigned<PairReceipt>) {
        if receipt.epoch != self.epoch && self.agreed.is_some() {
            (self.mine, self.day) = (Work::default(), None);
            self.answered = receipt.experience(&self.peer).map_or(0, Work::calls);
        } else if receipt.epoch > self.epoch {
            // The other one began later; days before that would not fit into the epoch.
            self.mine.days = self.mine.days.min(1);
        }
        self.epoch = receipt.epoch;
        self.owed = false;
        self.agreed = Some(Agreed { receipt: receipt.clone(), signed });
    }

    fn check_pair(&self, half: &Verified<PairReceipt>) -> Result<(), NotSigned> {
        let receipt = half.value();
        let ours = receipt.peer(&self.me) == Some(self.peer);
        let theirs = half.author() == self.peer && receipt.proposer() == self.peer;
        if ours && theirs { Ok(()) } else { Err(NotSigned::Foreign { peer: self.peer }) }
    }

    fn check_turn(&mut self, receipt: &PairReceipt, now: UnixMillis) -> Result<(), NotSigned> {
        if receipt.judge(None, now) == Verdict::FutureDated {
            return Err(NotSigned::FutureDated { peer: self.peer });
        }
        // Epochs before this node's own are from before it lost count: it may have signed any number of them.
        let begun = Numbered { epoch: self.epoch, seq: Seq(0) };
        let signed = self.latest().map_or(begun, PairReceipt::number).max(begun);
        let number = receipt.number();
        if number > signed {
            return Ok(());
        }
        self.owed |= number.epoch < self.epoch;
        Err(NotSigned::Overtaken { number, signed })
    }

    fn check_content(&self, receipt: &PairReceipt) -> Result<(), NotSigned> {
        let untrue = |what| Err(NotSigned::Untrue { peer: self.peer, what });
        let before = |node| self.agreed_in(receipt.epoch, node);
        if receipt.experience(&self.me) != Some(&before(&self.me)) {
            return untrue("this node's own half is not as it was");
        }
        let said = receipt.experience(&self.peer).copied().unwrap_or_default();
        if !said.follows(&before(&self.peer)) {
            return untrue("counts have become smaller");
        }
        // In a new epoch the peer counts from zero, and so does this node.
        if said.calls() > self.answered.saturating_add(limits::PAIR_SLACK) {
            return untrue("more calls than were answered");
        }
        Ok(())
    }

    /// The later of what this node has signed alone and what both have.
    fn latest(&self) -> Option<&PairReceipt> {
        let agreed = self.agreed.as_ref().map(|agreed| &agreed.receipt);
        let halves = [agreed, self.signed.as_ref().map(Verified::value)];
        halves.into_iter().flatten().max_by_key(|receipt| receipt.number())
    }

    /// What both have last agreed on of this node's calls.
    fn said(&self) -> Work {
        self.agreed_in(self.epoch, &self.me)
    }

    /// What both have last agreed on of the calls of one of them; nothing if that was in another epoch.
    fn agreed_in(&self, epoch: UnixMillis, caller: &NodeId) -> Work {
        let agreed = self.agreed.as_ref().map(|agreed| &agreed.receipt).filter(|agreed| agreed.epoch == epoch);
        agreed.and_then(|agreed| agreed.experience(caller)).copied().unwrap_or_default()
    }

    /// The next number after this one that is this node's to propose.
    fn own_turn(&self, after: Seq) -> Seq {
        let odd = self.me < self.peer;
        let next = after.0.saturating_add(1);
        Seq(if (next % 2 == 1) == odd { next } else { next.saturating_add(1) })
    }

    fn body(&self, seq: Seq, issued: UnixMillis) -> PairReceipt {
        let theirs = self.agreed_in(self.epoch, &self.peer);
        let (a, b) = (self.me.min(self.peer), self.me.max(self.peer));
        let (to_a, to_b) = if self.me == a { (self.mine, theirs) } else { (theirs, self.mine) };
        PairReceipt { a, b, epoch: self.epoch, seq, to_a, to_b, issued, extensions: Extensions::new() }
    }
}
