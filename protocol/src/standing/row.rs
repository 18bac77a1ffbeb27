//! Rows: whom a node vouches for.

use serde::{Deserialize, Serialize};

use super::receipt::{Numbered, PairReceipt, Work};
use crate::{
    identity::NodeId,
    limits,
    sealed::{Sealable, Statement},
    service::{Extensions, Seq, UnixMillis},
};

/// A node's row of the matrix of local trust (S. Kamvar et al., The EigenTrust Algorithm, 2003, §4.3): the peers it has had good
/// experience with, and none of the others. It is served on request, to whoever wants to look two hops far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The author's statement number, of the same sequence as all its other statements.
    pub seq: Seq,
    /// When it was made, by the author's clock.
    pub issued: UnixMillis,
    /// Whom it vouches for, in ascending order, each once; of more than [`ROW_PEERS`](limits::ROW_PEERS) those with the most weight.
    pub vouches: Vec<Vouch>,
    /// Room for later fields.
    pub extensions: Extensions,
}

/// One peer that is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouch {
    /// The peer.
    pub peer: NodeId,
    /// How much, in thousandths: min(S, 10)/10 × max(0, 2q − 1), from 1 to 1 000.
    pub weight: u16,
    /// Days on which the peer has done something for the author.
    pub days: u32,
    /// Calls that it has answered well.
    pub successes: u32,
    /// The epoch of the receipt that shows it.
    pub epoch: UnixMillis,
    /// The number of that receipt.
    pub receipt: Seq,
}

impl Vouch {
    /// The largest weight.
    pub const FULL: u16 = 1000;

    /// Whether this receipt, whose signatures have been checked, bears out what `author` says here. Decay and recent failures only
    /// make a weight smaller, so the receipt's own sums bound it: a success counts 1, a slow one ½, a lost one ¼ of a fault.
    #[must_use]
    pub fn is_shown_by(&self, author: &NodeId, receipt: &PairReceipt) -> bool {
        let named = Numbered { epoch: self.epoch, seq: self.receipt };
        let Some(work) = receipt.experience(author).filter(|_| receipt.peer(author) == Some(self.peer)) else {
            return false;
        };
        receipt.number() >= named && self.within(work) == *self
    }

    /// As much of this as such work bears out.
    #[must_use]
    pub fn within(&self, work: &Work) -> Self {
        let success = work.good as f64 + work.slow as f64 / 2.0;
        let most = (success.min(10.0) / 10.0 * f64::from(Self::FULL)).ceil() as u16;
        let successes = u32::try_from(work.good.saturating_add(work.slow)).unwrap_or(u32::MAX);
        Self {
            weight: self.weight.min(most),
            successes: self.successes.min(successes),
            days: self.days.min(work.days),
            ..*self
        }
    }
}

impl Sealable for Row {
    const DOMAIN: &'static str = "atoll standing row 1";
}

impl Statement for Row {
    const NAME: &'static str = "standing row";
    const LIMIT: usize = limits::ROW;

    fn check(&self, author: &NodeId) -> Result<(), String> {
        let count = self.vouches.len();
        if count > limits::ROW_PEERS {
            return Err(format!("{count} peers, at most {} are allowed", limits::ROW_PEERS));
        }
        if !self.vouches.array_windows().all(|[one, next]| one.peer < next.peer) {
            return Err("peers are not in ascending order, each once".to_owned());
        }
        for vouch in &self.vouches {
            if vouch.peer == *author {
                return Err("its author vouches for itself".to_owned());
            }
            if !(1..=Vouch::FULL).contains(&vouch.weight) {
                return Err(format!("a weight of {} thousandths; 1 to {} are allowed", vouch.weight, Vouch::FULL));
            }
        }
        Ok(())
    }
}
