//! Pair receipts: what two nodes have done for each other, signed by both.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{
    identity::NodeId,
    limits,
    names::NetworkName,
    sealed::{Countersigned, SealError, Sealable, Statement, Verified},
    service::{Extensions, Seq, UnixMillis},
};

/// Milliseconds of a day.
pub(super) const DAY: u64 = 24 * 3600 * 1000;

/// How calls to a peer have ended, as the caller has found it, since the receipts' epoch began. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    /// Answered well and in time.
    pub good: u64,
    /// Answered well, later than the service promises.
    pub slow: u64,
    /// Not answered in time.
    pub lost: u64,
    /// Answered in a way that the caller can prove to be wrong.
    pub faults: u64,
    /// Days (of 24 hours, by Unix time) with at least one good or slow answer.
    pub days: u32,
}

impl Work {
    /// How many calls there were.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.good.saturating_add(self.slow).saturating_add(self.lost).saturating_add(self.faults)
    }

    /// Whether this may be said after `earlier`: no count is smaller.
    #[must_use]
    pub const fn follows(&self, earlier: &Self) -> bool {
        self.good >= earlier.good
            && self.slow >= earlier.slow
            && self.lost >= earlier.lost
            && self.faults >= earlier.faults
            && self.days >= earlier.days
    }

    /// The rule that it breaks, if any: `span` is the time since the epoch began, in milliseconds.
    fn check(&self, span: u64) -> Result<(), String> {
        for (what, count) in [("good", self.good), ("slow", self.slow), ("lost", self.lost), ("bad", self.faults)] {
            if count > limits::PAIR_WORK {
                return Err(format!("{count} {what} calls, at most {} can be said", limits::PAIR_WORK));
            }
        }
        // A span touches one day more than it has whole ones, and one more again at its other end.
        let most = (span / DAY).saturating_add(2).min(self.good.saturating_add(self.slow));
        if u64::from(self.days) > most {
            return Err(format!("work on {} days, where there can be at most {most}", self.days));
        }
        Ok(())
    }
}

/// Position of a receipt among those of its pair: a later epoch first, then the higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Numbered {
    /// The epoch.
    pub epoch: UnixMillis,
    /// The number in it.
    pub seq: Seq,
}

/// What two nodes have done for each other since an epoch began. Only the last one of a pair needs to be kept.
///
/// Each of the two writes one half of what it says, its own experience of the other, and repeats the other half from the receipt
/// before. `a`, the smaller id, proposes odd numbers and `b` even ones, so two that propose at once do not collide. Nobody who is
/// honest signs two different bodies with one number: two of them are a [proof](super::FraudProof).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairReceipt {
    /// The one with the smaller id.
    pub a: NodeId,
    /// The other one.
    pub b: NodeId,
    /// When counting began; who has lost count begins a later epoch.
    pub epoch: UnixMillis,
    /// The receipt's number in its epoch, from 1.
    pub seq: Seq,
    /// How `a`'s calls to `b` have ended, as `a` says.
    pub to_a: Work,
    /// How `b`'s calls to `a` have ended, as `b` says.
    pub to_b: Work,
    /// When it was proposed, by the proposer's clock.
    pub issued: UnixMillis,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl PairReceipt {
    /// Where it stands among those of its pair.
    #[must_use]
    pub const fn number(&self) -> Numbered {
        Numbered { epoch: self.epoch, seq: self.seq }
    }

    /// How the calls of `caller` have ended; `None` if it is neither of the two.
    #[must_use]
    pub fn experience(&self, caller: &NodeId) -> Option<&Work> {
        match caller {
            node if *node == self.a => Some(&self.to_a),
            node if *node == self.b => Some(&self.to_b),
            _ => None,
        }
    }

    /// Who of the two is not `one`; `None` if that is neither of them.
    #[must_use]
    pub fn peer(&self, one: &NodeId) -> Option<NodeId> {
        match one {
            node if *node == self.a => Some(self.b),
            node if *node == self.b => Some(self.a),
            _ => None,
        }
    }

    /// Who may propose a receipt of this number.
    #[must_use]
    pub const fn proposer(&self) -> NodeId {
        if self.seq.0 % 2 == 1 { self.a } else { self.b }
    }

    /// What to do with it where `held` is known of the same pair already, and it is `now` here. What is not of that pair is
    /// [`Verdict::Foreign`].
    #[must_use]
    pub fn judge(&self, held: Option<&Self>, now: UnixMillis) -> Verdict {
        let future = u64::try_from(limits::STANDING_FUTURE.as_millis()).unwrap_or(u64::MAX);
        if self.issued.max(self.epoch).0 > now.0.saturating_add(future) {
            return Verdict::FutureDated;
        }
        let Some(held) = held else { return Verdict::Newer };
        if (held.a, held.b) != (self.a, self.b) {
            return Verdict::Foreign;
        }
        match self.number().cmp(&held.number()) {
            Ordering::Greater => Verdict::Newer,
            Ordering::Equal if self == held => Verdict::Known,
            Ordering::Equal => Verdict::Contradicts,
            Ordering::Less => Verdict::Older,
        }
    }
}

/// What a receipt is to somebody who holds another one of the same pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// To be kept instead.
    Newer,
    /// The same.
    Known,
    /// Overtaken: whoever shows it may not know better.
    Older,
    /// Another one with the same number: together they are a [proof](super::FraudProof) against both.
    Contradicts,
    /// Of another pair.
    Foreign,
    /// Dated further ahead than clocks may differ.
    FutureDated,
}

impl Sealable for PairReceipt {
    const DOMAIN: &'static str = "atoll pair receipt 1";
}

impl Statement for PairReceipt {
    const NAME: &'static str = "pair receipt";
    const LIMIT: usize = limits::PAIR_RECEIPT;

    fn check(&self, author: &NodeId) -> Result<(), String> {
        if self.a >= self.b {
            return Err("the two are not in ascending order, or are one".to_owned());
        }
        if *author != self.a && *author != self.b {
            return Err("signed by neither of the two".to_owned());
        }
        if self.seq == Seq(0) {
            return Err("numbers begin at 1".to_owned());
        }
        let span = self.issued.0.saturating_sub(self.epoch.0);
        self.to_a.check(span)?;
        self.to_b.check(span)
    }
}

impl Countersigned<PairReceipt> {
    /// The receipt that both have signed, which proves what the two agree on and nothing else.
    ///
    /// # Errors
    /// [`SealError`], if a signature or the receipt is void.
    pub fn verify(&self, network: &NetworkName) -> Result<Verified<PairReceipt>, SealError> {
        let [receipt, _] = self.open(network)?;
        Ok(receipt)
    }
}
