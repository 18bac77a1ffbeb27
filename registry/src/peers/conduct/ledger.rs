//! The account of each peer's faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::identity::NodeId;

use super::{BAR, BAR_MAX, BARRED, Fault, Faults, HALF_LIFE, LIMITED, PEERS, SAMPLE};
use crate::time::Time;

/// What is to become of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// What it only passes on is not worth checking.
    Limited,
    /// It is not to be spoken with until then.
    Barred {
        /// When that is over.
        until: Time,
    },
}

/// What a charge has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// What is now to become of the peer.
    pub verdict: Verdict,
    /// Whether that is another verdict than before: then somebody is to be told.
    pub anew: bool,
}

/// See the [module docs](super).
#[derive(Debug)]
pub struct Ledger {
    accounts: BTreeMap<NodeId, Account>,
    /// Accounts in the order in which they are forgotten: by the end of their bar, then by their last fault; those that
    /// the owner has named come last.
    order: BTreeSet<(Rank, NodeId)>,
    limit: usize,
}

type Rank = (bool, Time, Time);

#[derive(Debug, Clone, Default)]
struct Account {
    faults: Faults,
    /// As it was at `last`.
    weight: f64,
    last: Time,
    /// When its bar ends, or has ended; zero if there was none.
    barred: Time,
    /// How often it was barred.
    bars: u32,
    /// Named by the owner: counted, and never barred.
    named: bool,
    /// Messages of others that it has passed on while it was limited.
    passed_on: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(PEERS)
    }
}

impl Ledger {
    /// An empty ledger, for at most `limit` peers.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { accounts: BTreeMap::new(), order: BTreeSet::new(), limit: limit.max(1) }
    }

    /// Charges a peer with a fault.
    pub fn charge(&mut self, peer: NodeId, fault: Fault, now: Time) -> Charged {
        let before = self.verdict(&peer, now);
        self.change(peer, |account| {
            account.faults.add(fault);
            account.weight = account.weight_at(now) + if fault.is_proof() { 1.0 } else { 0.0 };
            account.last = account.last.max(now);
            if account.weight >= BARRED && !account.named && account.barred <= now {
                account.barred = now + account.next_bar();
                account.bars = account.bars.saturating_add(1);
                // A bar settles it: whoever comes back afterwards begins anew.
                account.weight = 0.0;
            }
        });
        let verdict = self.verdict(&peer, now);
        Charged { verdict, anew: std::mem::discriminant(&verdict) != std::mem::discriminant(&before) }
    }

    /// The owner has named this peer, and so wants it: a bar ends, and there will be none. Its faults are still counted.
    pub fn name(&mut self, peer: NodeId, now: Time) {
        self.change(peer, |account| {
            account.named = true;
            account.barred = Time::default();
            account.last = account.last.max(now);
        });
    }

    /// What is to become of a peer.
    #[must_use]
    pub fn verdict(&self, peer: &NodeId, now: Time) -> Verdict {
        match self.accounts.get(peer) {
            Some(account) if account.barred > now => Verdict::Barred { until: account.barred },
            Some(account) if account.weight_at(now) >= LIMITED => Verdict::Limited,
            _ => Verdict::Fine,
        }
    }

    /// Whether to check what a peer has from others and passes on now. Asked once for each message.
    pub fn is_worth_checking(&mut self, peer: &NodeId, now: Time) -> bool {
        match (self.verdict(peer, now), self.accounts.get_mut(peer)) {
            (Verdict::Limited, Some(account)) => {
                account.passed_on = account.passed_on.wrapping_add(1);
                account.passed_on.is_multiple_of(SAMPLE)
            }
            (verdict, _) => verdict == Verdict::Fine,
        }
    }

    /// What a peer has done wrong since it is remembered.
    #[must_use]
    pub fn faults(&self, peer: &NodeId) -> Faults {
        self.accounts.get(peer).map(|account| account.faults).unwrap_or_default()
    }

    /// The peers that are barred, those whose bar ends last first.
    pub fn barred(&self, now: Time) -> impl Iterator<Item = NodeId> {
        let others = self.order.iter().rev().skip_while(|((named, ..), _)| *named);
        others.map_while(move |((_, barred, _), node)| (*barred > now).then_some(*node))
    }

    /// Every peer that has done wrong since it is remembered, with what it did.
    pub fn all(&self) -> impl Iterator<Item = (NodeId, Faults)> {
        self.accounts.iter().map(|(node, account)| (*node, account.faults)).filter(|(_, faults)| faults.total() > 0)
    }

    /// Peers that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn change(&mut self, peer: NodeId, change: impl FnOnce(&mut Account)) {
        let account = self.accounts.entry(peer).or_default();
        self.order.remove(&(account.rank(), peer));
        change(account);
        self.order.insert((account.rank(), peer));
        while self.accounts.len() > self.limit
            && let Some(&(rank, oldest)) = self.order.iter().find(|(_, node)| *node != peer)
        {
            self.order.remove(&(rank, oldest));
            self.accounts.remove(&oldest);
        }
    }
}

impl Account {
    fn rank(&self) -> Rank {
        (self.named, self.barred, self.last)
    }

    fn weight_at(&self, now: Time) -> f64 {
        let halves = now.since(self.last).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.weight * (-halves).exp2()
    }

    fn next_bar(&self) -> Duration {
        BAR.saturating_mul(2_u32.saturating_pow(self.bars)).min(BAR_MAX)
    }
}
