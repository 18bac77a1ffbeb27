//! The receipts of this node with each of its peers.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::NetworkName,
    sealed::{Countersigned, Signed},
    service::UnixMillis,
    standing::{Agreed, Countersign, NotSigned, Pair, PairReceipt, receipt::Numbered},
};

use super::account::Counted;

#[cfg(test)]
mod tests;

/// Pairs that are kept; of more the one that was agreed on longest ago goes first.
const PAIRS: usize = 4096;
/// A peer is proposed one receipt in this time, however much is done: what a receipt is for can wait.
const PACE: u64 = 5_000;

/// What there is on the disk of one pair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredPair {
    pub(crate) agreed: Countersigned<PairReceipt>,
    pub(crate) signed: Option<Signed<PairReceipt>>,
}

#[derive(Debug)]
struct Entry {
    pair: Pair,
    proposed: Option<UnixMillis>,
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Pairs {
    key: SecretKey,
    network: NetworkName,
    all: BTreeMap<NodeId, Entry>,
}

impl Pairs {
    pub(super) fn new(key: SecretKey, network: NetworkName, stored: Vec<StoredPair>) -> Self {
        let mut pairs = Self { key, network, all: BTreeMap::new() };
        stored.into_iter().take(PAIRS).for_each(|stored| pairs.resume(stored));
        pairs
    }

    fn resume(&mut self, StoredPair { agreed, signed }: StoredPair) {
        // What was opened when it was written; what is damaged is begun anew.
        let [half, _] = agreed.halves();
        let Ok(half) = half.reopen() else { return };
        let agreed = Agreed { receipt: half.value().clone(), signed: agreed };
        let signed = signed.and_then(|half| half.reopen().ok());
        if let Some(pair) = Pair::resume(self.key.node_id(), agreed, signed) {
            self.all.insert(pair.peer(), Entry { pair, proposed: None });
        }
    }

    fn entry(&mut self, peer: NodeId, now: UnixMillis) -> &mut Entry {
        let full = self.all.len() >= PAIRS && !self.all.contains_key(&peer);
        let age = |entry: &Entry| entry.pair.agreed().map_or(UnixMillis(0), |agreed| agreed.receipt.issued);
        if full && let Some(oldest) = self.all.iter().min_by_key(|(_, entry)| age(entry)).map(|(peer, _)| *peer) {
            self.all.remove(&oldest);
        }
        let begin = || Entry { pair: Pair::begin(self.key.node_id(), peer, now), proposed: None };
        self.all.entry(peer).or_insert_with(begin)
    }

    /// Takes in what was counted of calls to and from a peer.
    pub(super) fn count(&mut self, peer: NodeId, counted: Counted, now: UnixMillis) {
        if peer == self.key.node_id() {
            return;
        }
        let pair = &mut self.entry(peer, now).pair;
        counted.endings().for_each(|(ending, count)| pair.called_often(ending, count, now));
        pair.answered_often(counted.answered);
    }

    /// A half that a peer is to be asked to sign, if there is anything new to say to it. Where both have agreed on something before, it
    /// must be on the disk before it is sent.
    pub(super) fn propose(&mut self, peer: &NodeId, now: UnixMillis) -> Option<Signed<PairReceipt>> {
        let entry = self.all.get_mut(peer)?;
        if entry.proposed.is_some_and(|at| now.0.abs_diff(at.0) < PACE) {
            return None;
        }
        let half = entry.pair.propose(&self.key, &self.network, now);
        let half = half.inspect_err(|error| tracing::debug!(%peer, "no receipt is proposed: {error}")).ok()??;
        entry.proposed = Some(now);
        Some(half)
    }

    /// A peer proposes a receipt.
    pub(super) fn countersign(
        &mut self,
        peer: NodeId,
        half: Signed<PairReceipt>,
        now: UnixMillis,
    ) -> Result<Countersign, NotSigned> {
        let (key, network) = (self.key.clone(), self.network.clone());
        self.entry(peer, now).pair.countersign(half, &key, &network, now)
    }

    /// A peer has signed what was proposed, or shows what both have signed before. Gives whether it is the newest now.
    pub(super) fn agree(&mut self, peer: &NodeId, receipt: &Countersigned<PairReceipt>) -> Result<bool, NotSigned> {
        let network = self.network.clone();
        self.all.get_mut(peer).map_or(Ok(false), |entry| entry.pair.agree(receipt, &network))
    }

    /// The last receipt that this node and a peer have both signed.
    pub(super) fn agreed(&self, peer: &NodeId) -> Option<&Agreed> {
        self.all.get(peer)?.pair.agreed()
    }

    /// The number of that receipt.
    pub(super) fn number(&self, peer: &NodeId) -> Option<Numbered> {
        self.agreed(peer).map(|agreed| agreed.receipt.number())
    }

    /// What is to be on the disk of a pair; nothing as long as nothing was agreed on: after a restart it is begun anew.
    pub(super) fn stored(&self, peer: &NodeId) -> Option<StoredPair> {
        let pair = &self.all.get(peer)?.pair;
        let agreed = pair.agreed()?.signed.clone();
        Some(StoredPair { agreed, signed: pair.signed().map(|half| half.signed()) })
    }

    /// Peers that there is a pair with.
    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.all.keys().copied()
    }

    #[cfg(test)]
    pub(super) fn experience(&self, peer: &NodeId) -> atoll_protocol::standing::Work {
        self.all.get(peer).map(|entry| *entry.pair.experience()).unwrap_or_default()
    }
}
