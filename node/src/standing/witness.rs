//! What this node says of others, and what it takes in of what they say.

use std::collections::BTreeSet;

use atoll_protocol::{
    identity::NodeId,
    limits,
    sealed::{Signed, Verified},
    service::Seq,
    standing::{PairReceipt, Row, Vouch},
};

use super::Trust;

/// A row is made anew at most once in this time, in milliseconds.
const ROW: u64 = if cfg!(test) { 1_000 } else { 30_000 };

impl Trust {
    /// Halves that are to be proposed to those of these peers that there is news for.
    pub(super) fn due(&self, connected: &BTreeSet<NodeId>) -> Vec<(NodeId, Signed<PairReceipt>)> {
        let now = self.0.clock.wall();
        let mut pairs = self.0.pairs.lock();
        let peers: Vec<NodeId> = pairs.peers().filter(|peer| connected.contains(peer)).collect();
        peers.into_iter().filter_map(|peer| Some((peer, pairs.propose(&peer, now)?))).collect()
    }

    /// Those of these peers whose word would count. The rows of others are forgotten.
    pub(super) fn wanted(&self, connected: &BTreeSet<NodeId>) -> Vec<NodeId> {
        let opinion = self.opinion();
        let mut book = self.0.book.lock();
        let wanted = book.wanted(&opinion.scores);
        book.keep_rows(&wanted);
        wanted.into_iter().filter(|peer| connected.contains(peer)).collect()
    }

    /// Takes in whom a witness vouches for, unless it is dated ahead of any clock.
    pub(super) fn hear(&self, row: &Verified<Row>) {
        let ahead = row.value().issued.0.saturating_sub(self.0.clock.wall().0);
        if u128::from(ahead) > limits::STANDING_FUTURE.as_millis() {
            return;
        }
        if self.0.book.lock().hear(row.author(), row.value()) && !self.0.storage.keep_row(row.signed()) {
            tracing::warn!("the disk is too slow: whom a peer vouches for is not remembered");
        }
    }

    /// Whether a receipt that is known bears out what a witness says.
    pub(super) fn is_shown(&self, witness: &NodeId, vouch: &Vouch) -> bool {
        let receipts = self.0.receipts.lock();
        receipts.of(*witness, vouch.peer).is_some_and(|receipt| vouch.is_shown_by(witness, receipt))
    }

    /// For whom this node vouches, signed; none if for nobody.
    pub(super) fn row(&self) -> Option<Signed<Row>> {
        let now = self.0.clock.wall();
        let mut made = self.0.row.lock();
        if let Some(row) = made.as_ref().filter(|row| now.0.saturating_sub(row.value().issued.0) < ROW) {
            return Some(row.signed());
        }
        // By the clock, so that it goes on after a restart.
        let seq = made.as_ref().map_or(now.0, |row| now.0.max(row.value().seq.0.saturating_add(1)));
        let row = {
            let pairs = self.0.pairs.lock();
            let mut row = self.0.book.lock().row(Seq(seq), now, |peer| pairs.number(peer));
            // The receipts come a few seconds after the calls, and no more is said than they show.
            let shown = |vouch: &Vouch| {
                let work = pairs.agreed(&vouch.peer)?.receipt.experience(&self.0.key.node_id())?;
                Some(vouch.within(work)).filter(|vouch| vouch.weight > 0)
            };
            row.vouches = row.vouches.iter().filter_map(shown).collect();
            row
        };
        if row.vouches.is_empty() {
            return None;
        }
        let sealed = Signed::seal(&self.0.key, &self.0.network, row).inspect_err(|error| tracing::error!("{error}"));
        *made = Some(sealed.ok()?);
        made.as_ref().map(Verified::signed)
    }

    /// Sees to it that what was signed with a peer is on the disk. False if it is not.
    pub(super) async fn keep_pair(&self, peer: &NodeId) -> bool {
        let Some(stored) = self.0.pairs.lock().stored(peer) else { return true };
        self.0.storage.keep_pair(*peer, stored).await
    }
}
