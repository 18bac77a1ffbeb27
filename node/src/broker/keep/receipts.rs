//! Receipts: given by keepers once what they keep is on the disk, and taken by authors.

use std::{collections::BTreeMap, sync::Arc};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::TopicName,
    sealed::Signed,
    service::Extensions,
    topic::{ChainId, Receipt, Seq, sync::Request},
};
use atoll_registry::{peers::conduct::Fault, topics::outbox::NoReceipt};

use super::State;
use crate::broker::{Inner, disk};

impl Inner {
    /// An author that asks again has not got this node's receipts, or has been started anew.
    pub(super) fn give_again(self: &Arc<Self>, author: NodeId, topic: &TopicName) {
        let ends: Vec<(ChainId, Seq)> = {
            let logs = self.logs.lock();
            let chains = logs.log(topic, &author).into_iter().flat_map(|log| log.chains());
            chains.map(|(epoch, chain)| (disk::chain_id(topic, author, epoch), chain.last())).collect()
        };
        if ends.is_empty() {
            return;
        }
        let inner = Arc::clone(self);
        let synced = self.bell.sync();
        self.tasks.spawn(async move {
            if synced.await.is_ok() {
                ends.into_iter().for_each(|(chain, last)| inner.keeping.synced(chain, last));
            }
        });
    }

    /// Gives receipts that are due, to each author one message at a time.
    pub(in crate::broker) fn give_receipts(self: &Arc<Self>) {
        let mut state = self.keeping.state.lock();
        let State { receipts, giving, .. } = &mut *state;
        let free: Vec<NodeId> = receipts.keys().filter(|author| !giving.contains(author)).copied().collect();
        for author in free {
            giving.insert(author);
            let inner = Arc::clone(self);
            self.tasks.spawn(async move {
                while inner.give(author).await {}
                inner.keeping.state.lock().giving.remove(&author);
            });
        }
    }

    /// Gives an author its receipts. False if there are none, or it does not take them now.
    async fn give(&self, author: NodeId) -> bool {
        let Some(due) = self.keeping.state.lock().receipts.remove(&author) else { return false };
        let (now, later): (Vec<_>, Vec<_>) =
            due.into_iter().enumerate().partition(|(nth, _)| *nth < limits::TOPIC_WANTED);
        let now: BTreeMap<ChainId, Seq> = now.into_iter().map(|(_, due)| due).collect();
        let receipts = now.iter().filter_map(|(chain, last)| self.receipt(chain, *last)).collect();
        let said = self.say(author, &Request::Receipts { receipts }).await;
        let mut again: BTreeMap<ChainId, Seq> = later.into_iter().map(|(_, due)| due).collect();
        if let Err(error) = &said {
            tracing::debug!(%author, "an author was not given its receipts: {error}");
            again.extend(now);
        }
        if !again.is_empty() {
            let mut state = self.keeping.state.lock();
            let of_author = state.receipts.entry(author).or_default();
            for (chain, last) in again {
                let known = of_author.entry(chain).or_default();
                *known = last.max(*known);
            }
        }
        said.is_ok()
    }

    /// What is kept of a log up to here; none if it was deleted meanwhile.
    fn receipt(&self, chain: &ChainId, last: Seq) -> Option<Signed<Receipt>> {
        let logs = self.logs.lock();
        let held = logs.log(&chain.topic, &chain.author)?.chain(chain.epoch)?;
        let first = held.taken().find(|stretch| stretch.contains(last))?.from;
        let head = if held.last() == last { held.tail().clone() } else { logs.head(chain, last)? };
        let issued = self.clock.wall();
        let receipt =
            Receipt { chain: chain.clone(), first, last, hash: head.hash(), issued, extensions: Extensions::new() };
        drop(logs);
        let sealed = Signed::seal(&self.key, &self.network, receipt).inspect_err(|e| tracing::error!("{e}")).ok()?;
        Some(sealed.signed())
    }

    /// A keeper has sent receipts for what this node has published.
    pub(in crate::broker) fn receipts(&self, peer: NodeId, receipts: Vec<Signed<Receipt>>) {
        for receipt in receipts {
            let receipt = match receipt.open(&self.network) {
                Ok(receipt) => receipt,
                Err(error) => {
                    self.net.conduct.charge(Some(peer), (&error).into(), error);
                    return;
                }
            };
            let keeper = receipt.author();
            let keeps = self.may_keep(&receipt.value().chain.topic, &keeper);
            let hash = |chain: &ChainId, seq: Seq| {
                let head = self.logs.lock().head(chain, seq)?;
                (head.value().last() == seq).then(|| head.hash())
            };
            match self.acks.receipt(&receipt, keeps, hash) {
                Ok(()) => {}
                // Nobody else can have made it up.
                Err(lie @ NoReceipt::Contradicts { .. }) => {
                    self.net.conduct.charge(Some(keeper), Fault::Inconsistent, lie);
                }
                Err(other) => tracing::debug!("{other}"),
            }
        }
    }
}
