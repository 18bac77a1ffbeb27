//! Receipts of others: what rows claim is looked at by asking for some of them.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{
    identity::NodeId,
    sealed::Verified,
    service::UnixMillis,
    standing::{FraudProof, PairReceipt, Verdict},
};

use super::RECEIPTS;

/// The last receipt of each pair, as far as it is known; those that came longest ago go first.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    held: BTreeMap<(NodeId, NodeId), Held>,
    order: BTreeSet<(u64, NodeId, NodeId)>,
    came: u64,
    limit: usize,
}

#[derive(Debug, Clone)]
struct Held {
    halves: [Verified<PairReceipt>; 2],
    came: u64,
}

/// What has become of a receipt.
#[derive(Debug, Clone, PartialEq)]
pub enum Adopted {
    /// It is the last one of its pair now.
    Newer,
    /// It is the one that was known.
    Known,
    /// A later one is known: whoever sent it may not know that.
    Older,
    /// It is dated further ahead than clocks may differ.
    FutureDated,
    /// There was another one with its number: both of the pair have signed two things. Proofs to be spread, one against each.
    Fraud(Box<[FraudProof; 2]>),
}

impl Receipts {
    /// Room for as many as a node keeps.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(RECEIPTS)
    }

    /// Room for so many.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { limit: limit.max(1), ..Self::default() }
    }

    /// The last receipt of these two, in any order.
    #[must_use]
    pub fn of(&self, one: NodeId, other: NodeId) -> Option<&PairReceipt> {
        self.held.get(&(one.min(other), one.max(other))).map(|held| held.halves[0].value())
    }

    /// Takes a receipt, whose two signatures have been checked
    /// ([`Countersigned::open`](atoll_protocol::sealed::Countersigned::open)).
    pub fn adopt(&mut self, halves: [Verified<PairReceipt>; 2], now: UnixMillis) -> Adopted {
        let [first, second] = &halves;
        let pair = (first.value().a, first.value().b);
        let held = self.held.get(&pair);
        match first.value().judge(held.map(|held| held.halves[0].value()), now) {
            Verdict::FutureDated => Adopted::FutureDated,
            Verdict::Known => Adopted::Known,
            // The key is the pair, so it cannot be foreign.
            Verdict::Older | Verdict::Foreign => Adopted::Older,
            Verdict::Contradicts => {
                let proof = |side: &Verified<_>, at: usize| FraudProof::of(&held?.halves.get(at)?.clone(), side);
                match (proof(first, 0), proof(second, 1)) {
                    (Some(one), Some(other)) => Adopted::Fraud(Box::new([one, other])),
                    _ => Adopted::Known,
                }
            }
            Verdict::Newer => {
                self.keep(pair, halves);
                Adopted::Newer
            }
        }
    }

    fn keep(&mut self, pair: (NodeId, NodeId), halves: [Verified<PairReceipt>; 2]) {
        self.came += 1;
        if let Some(before) = self.held.insert(pair, Held { halves, came: self.came }) {
            self.order.remove(&(before.came, pair.0, pair.1));
        }
        self.order.insert((self.came, pair.0, pair.1));
        while self.held.len() > self.limit
            && let Some((_, a, b)) = self.order.pop_first()
        {
            self.held.remove(&(a, b));
        }
    }
}
