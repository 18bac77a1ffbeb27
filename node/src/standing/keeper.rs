//! Once a second, if anything has happened: what was counted goes into the book, everybody is judged anew, and what has changed is
//! written down.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use atoll_protocol::{identity::NodeId, service::UnixMillis};
use atoll_registry::standing::Book;

use super::{Opinion, Trust, account::Counted};
use crate::net::Net;

/// What happens within this time is taken in together. As much may be lost when the process is killed.
const PACE: Duration = Duration::from_secs(1);
/// How often losses are looked at, and whether anybody's evidence has faded, if nothing happens.
const REFRESH: Duration = Duration::from_secs(10);

/// Keeps the book for as long as the node lives.
pub(crate) async fn keep(trust: Trust, net: Net) {
    loop {
        let _ = tokio::time::timeout(REFRESH, trust.0.accounts.stirred()).await;
        tokio::time::sleep(PACE).await;
        let alone = net.connections.len() == 0;
        let trust = trust.clone();
        // With many peers it takes milliseconds, which nobody else should have to wait for.
        let _ = tokio::task::spawn_blocking(move || trust.take_in(alone)).await;
    }
}

impl Trust {
    /// Takes in what was counted. Who is connected to nobody has lost its own way to the network, and charges nobody for what
    /// was lost.
    pub(crate) fn take_in(&self, alone: bool) {
        let now = self.0.clock.wall();
        let counted = self.0.accounts.take();
        {
            let mut pairs = self.0.pairs.lock();
            counted.iter().for_each(|(peer, counted)| pairs.count(*peer, *counted, now));
        }
        let changed = update(&mut self.0.book.lock(), counted, alone, now);
        self.judge_all();
        self.write(changed);
    }

    /// Thinks of everybody anew.
    pub(super) fn judge_all(&self) {
        let now = self.0.clock.wall();
        let opinion = {
            let book = self.0.book.lock();
            Arc::new(Opinion { scores: book.scores(now), trials: book.trials(now) })
        };
        self.0.accounts.for_each(|account| {
            let standing = opinion.scores.of(&account.peer);
            account.judge(self.judged(&standing, &account.peer), standing.tier);
        });
        *self.0.opinion.write() = opinion;
    }

    /// Has written what has changed, and deleted what the book has let go of.
    fn write(&self, changed: BTreeSet<NodeId>) {
        let mut stored = self.0.stored.lock();
        let changes = {
            let book = self.0.book.lock();
            let seen = |peer: &NodeId| Some(book.evidence(peer)).filter(|evidence| evidence.calls() > 0);
            let mut changes: Vec<_> = changed.iter().map(|peer| (*peer, seen(peer))).collect();
            changes.retain(|(peer, seen)| seen.is_some() || stored.contains(peer));
            stored.extend(changes.iter().filter(|(_, seen)| seen.is_some()).map(|(peer, _)| *peer));
            if stored.len() > book.all().count() {
                let held: BTreeSet<NodeId> = book.all().map(|(peer, _)| *peer).collect();
                let gone: Vec<NodeId> = stored.iter().filter(|peer| !held.contains(peer)).copied().collect();
                changes.extend(gone.iter().map(|peer| (*peer, None)));
                stored.retain(|peer| held.contains(peer));
            }
            changes
        };
        if !changes.is_empty() && !self.0.storage.keep_evidence(changes) {
            tracing::warn!("the disk is too slow: what was seen of some peers is not remembered");
        }
    }
}

/// Takes what was counted into the book; gives of whom something else is known than before.
fn update(book: &mut Book, counted: Vec<(NodeId, Counted)>, alone: bool, now: UnixMillis) -> BTreeSet<NodeId> {
    let mut changed = BTreeSet::new();
    for (peer, counted) in counted {
        counted.endings().for_each(|(ending, count)| book.record_many(peer, ending, count, now));
        changed.insert(peer);
    }
    if alone {
        book.link_down();
    }
    changed.extend(book.settle(now));
    changed
}
