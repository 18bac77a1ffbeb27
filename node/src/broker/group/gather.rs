//! Gathering what coordinators note: read as it comes, and asked for.

use std::{collections::BTreeSet, time::Duration};

use atoll_protocol::{identity::NodeId, topic::Seq};
use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::{
    election,
    host::{Host, LOOK, Role},
    notes::Learnt,
};
use crate::broker::{
    sync::Ask,
    tail::{Read, Tail},
};

/// How long others are asked for notes before this node does without.
pub(super) const SETTLE: Duration = Duration::from_secs(2);
/// How long to wait for what has just come to be read.
const GLANCE: Duration = Duration::from_millis(10);
/// Nodes that all others ask for notes.
const PARTNERS: usize = 8;
/// How soon any other node is asked after somebody has come, and how often if nobody does; about.
const SOON: Duration = Duration::from_secs(1);
const COMPARE: Duration = Duration::from_secs(15);

impl Host {
    /// Reads what coordinators note, as it comes.
    pub(super) async fn read(&self, mut tail: Tail) {
        let mut asking = std::pin::pin!(self.ask_others());
        let mut is_asked = false;
        loop {
            if is_asked && tail.is_at_end() {
                self.settled.cancel();
            }
            tokio::select! {
                () = &mut asking, if !is_asked => is_asked = true,
                // Whether that was all is known only once more was looked for.
                () = sleep(GLANCE), if is_asked && !self.settled.is_cancelled() => {}
                read = tail.next() => match read {
                    Some(read) => self.take(&read),
                    None => return,
                },
            }
        }
    }

    /// Asks whoever may have notes.
    async fn ask_others(&self) {
        let mut peers = self.inner.those_to_ask(Some(&self.name.notes));
        peers.extend(self.partners());
        self.ask(peers).await;
    }

    /// Nodes of the group need not be neighbours, and notes get about between neighbours. So all of them ask the same few others, each as
    /// soon as it takes part, and now and then any of them: two coordinators are found out that way, too.
    pub(super) async fn compare(&self) {
        let mut asked: BTreeSet<NodeId> = BTreeSet::new();
        let (mut wait, mut again) = (SOON, Instant::now() + SOON);
        loop {
            sleep(LOOK).await;
            let partners = self.partners();
            asked.retain(|node| partners.contains(node));
            let mut now: Vec<NodeId> = partners.into_iter().filter(|node| asked.insert(*node)).collect();
            if !now.is_empty() {
                // Whoever has just come may be about to claim.
                (wait, again) = (SOON, Instant::now() + SOON);
            } else if Instant::now() >= again {
                wait = (2 * wait).min(COMPARE);
                again = Instant::now() + wait / 2 + wait.mul_f64(rand::random());
                let others = self.candidates();
                let others: Vec<&NodeId> = others.iter().filter(|node| **node != self.inner.me).collect();
                let nth = rand::random_range(0..others.len().max(1));
                now.extend(others.get(nth).copied());
            }
            self.ask(now).await;
        }
    }

    /// The nodes that all others ask.
    fn partners(&self) -> Vec<NodeId> {
        let mut nodes = election::order(&self.name.notes, &self.candidates(), None, PARTNERS);
        nodes.retain(|node| *node != self.inner.me);
        nodes
    }

    async fn ask(&self, peers: Vec<NodeId>) {
        let notes = BTreeSet::from([self.name.notes.clone()]);
        let peers: BTreeSet<NodeId> = peers.into_iter().collect();
        let asked =
            peers.into_iter().map(|peer| timeout(SETTLE, self.inner.converse(peer, Ask::history(notes.clone()))));
        join_all(asked).await;
    }

    fn take(&self, read: &Read) {
        let Read::Batch { log, batch, entries } = read else { return };
        let first = batch.head().value().first;
        let now = self.inner.clock.wall();
        for (entry, nth) in batch.entries().iter().zip(0..) {
            if !entries.contains(Seq(first.0.saturating_add(nth))) {
                continue;
            }
            let learnt = self.notes.lock().read(log.author, entry, now);
            match learnt {
                Learnt::Nothing => {}
                Learnt::Claim => self.news.notify_one(),
                Learnt::Standing(log, standing) => {
                    if let Role::Coordinator(coordinator) = &*self.role.borrow() {
                        coordinator.learn(log, &standing);
                    }
                }
            }
        }
    }
}
