//! What a node holds of topics: all logs, and what depends on them. One lock, never held across anything slow but a look-up of a
//! stored head, which is seldom needed.

mod take;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    sealed::Verified,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Clock, Epoch, Head, Policy, Proof, Seq,
        log::{Log, Stretch},
        sync::{Claims, Scope, Shelf},
    },
};
use atoll_registry::topics::{
    access::{Heard, Policies},
    quota::{Accounts, Quotas},
    retention::{Front, Index, Keys},
};
use tokio::sync::OwnedSemaphorePermit;

pub(super) use self::take::{Came, Taking};
use super::{
    disk::{Disk, Found, LogRecord, chain_id},
    readers::Readers,
    recent::Recent,
};
use crate::standing::Trust;

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Logs {
    me: NodeId,
    disk: Disk,
    trust: Trust,
    pub(super) shelf: Shelf,
    pub(super) claims: Claims,
    pub(super) accounts: Accounts,
    pub(super) policies: Policies,
    pub(super) readers: Readers,
    pub(super) recent: Recent,
    pub(super) held: BTreeMap<TopicName, Held>,
    /// Stamps this node's own entries.
    pub(super) clock: Clock,
    /// What was taken in and is not on the disk, in order.
    unwritten: Vec<Unwritten>,
    /// Epochs of logs that were forgotten, still to be deleted.
    forgotten: Vec<ChainId>,
    /// Logs of which something else than their batches has changed.
    changed: BTreeSet<ChainId>,
    /// Forks that were found and are not on the disk.
    forks: Vec<(TopicName, NodeId, Proof)>,
    /// Policies that have come into force and are not on the disk.
    new_policies: Vec<Verified<Policy>>,
    /// What peers did not have of logs: others are to be asked.
    pub(super) holes: Vec<(ChainId, Stretch, NodeId)>,
    /// Logs of which the oldest entries were deleted here.
    trimmed: BTreeSet<ChainId>,
    /// Since when news of a topic is wanted, where only news is.
    pub(super) news_since: BTreeMap<TopicName, UnixMillis>,
    /// Logs that began with something that is news, before which there may be more.
    pub(super) backfill: BTreeSet<ChainId>,
    /// Topics of which it has changed whether only news is wanted, and since when.
    new_scopes: BTreeMap<TopicName, Option<UnixMillis>>,
    /// Topics on which others know entries of this node's own that it does not: it has been restored from a backup.
    pub(super) overtaken: BTreeSet<TopicName>,
}

/// What is held of a topic, for retention.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) index: Index,
    /// Where the last value for each key is what is retained.
    pub(super) keys: Option<Keys>,
}

/// A batch on its way to the disk. Its place in the queue is given back once it is there.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) batch: Arc<Batch>,
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// What the writer takes to write.
#[derive(Debug, Default)]
pub(super) struct ToWrite {
    pub(super) batches: Vec<Unwritten>,
    pub(super) records: Vec<(ChainId, LogRecord)>,
    pub(super) forgotten: Vec<ChainId>,
    pub(super) forks: Vec<(TopicName, NodeId, Proof)>,
    pub(super) policies: Vec<Verified<Policy>>,
    pub(super) scopes: BTreeMap<TopicName, Option<UnixMillis>>,
}

impl Logs {
    pub(super) fn new(me: NodeId, disk: Disk, trust: Trust, quotas: Quotas, policies: Policies) -> Self {
        Self {
            me,
            disk,
            trust,
            policies,
            accounts: Accounts::new(quotas),
            shelf: Shelf::new(),
            claims: Claims::default(),
            readers: Readers::default(),
            recent: Recent::default(),
            held: BTreeMap::new(),
            clock: Clock::default(),
            unwritten: Vec::new(),
            forgotten: Vec::new(),
            changed: BTreeSet::new(),
            forks: Vec::new(),
            new_policies: Vec::new(),
            holes: Vec::new(),
            trimmed: BTreeSet::new(),
            news_since: BTreeMap::new(),
            backfill: BTreeSet::new(),
            new_scopes: BTreeMap::new(),
            overtaken: BTreeSet::new(),
        }
    }

    /// Takes up what an earlier run has left. Gives how much of it is damaged.
    pub(super) fn restore(&mut self, found: Found) -> usize {
        let mut damaged = found.damaged;
        for (chain, record) in found.chains {
            if self.restore_chain(&chain, record).is_none() {
                damaged += 1;
            }
        }
        self.restore_scopes(found.news);
        for (chain, proof) in found.forks {
            self.shelf.add(chain.topic.clone());
            if let Some(log) = self.shelf.log_mut(&chain.topic, chain.author) {
                log.quarantine(proof);
            }
        }
        damaged
    }

    /// Of topics that this node has only published on, others' logs are not wanted, and of some only news; whoever subscribes wants more.
    fn restore_scopes(&mut self, news: Vec<(TopicName, UnixMillis)>) {
        for (topic, since) in news {
            if !self.shelf.contains(&topic) {
                // Nothing came of it, or all is gone: the mark goes, too.
                self.new_scopes.insert(topic, None);
                continue;
            }
            self.shelf.set_scope(&topic, Scope::News);
            self.news_since.insert(topic, since);
        }
        let topics: Vec<TopicName> = self.shelf.topics().cloned().collect();
        for topic in topics {
            self.set_own(&topic, true);
            if self.shelf.logs(&topic).all(|log| log.author() == self.me) {
                self.shelf.set_scope(&topic, Scope::Only(self.me));
            }
        }
    }

    /// Whether somebody here has a part in a topic, or it is kept for strangers.
    pub(super) fn set_own(&mut self, topic: &TopicName, own: bool) {
        let trust = &self.trust;
        self.accounts.set_own(topic, own, |author| trust.author(author).newcomer);
    }

    fn restore_chain(&mut self, chain: &ChainId, LogRecord { chain: saved, bytes, entries }: LogRecord) -> Option<()> {
        let ChainId { topic, author, epoch } = chain;
        self.shelf.add(topic.clone());
        let log = self.shelf.log_mut(topic, *author)?;
        log.resume(saved).inspect_err(|e| tracing::warn!("a log cannot be taken up: {e}")).ok()?;
        let (first, head) = (log.chain(*epoch)?.first(), log.chain(*epoch)?.tail().clone());
        if *author == self.me {
            self.clock.resume(head.value().time);
        }
        if let Some(front) = self.disk.front(chain, first) {
            let held = self.held.entry(topic.clone()).or_default();
            held.index.found(*author, *epoch, front, bytes, entries);
            self.accounts.stored(topic, self.trust.author(author), bytes, entries);
        }
        Some(())
    }

    /// The head of the batch that holds a position.
    pub(super) fn head(&self, chain: &ChainId, seq: Seq) -> Option<Verified<Head>> {
        self.recent.head(chain, seq).or_else(|| self.disk.head(chain, seq))
    }

    /// The oldest batch of a log from a position on, as it lies on the disk.
    pub(super) fn front_on_disk(&self, chain: &ChainId, from: Seq) -> Option<Front> {
        self.disk.front(chain, from)
    }

    pub(super) fn log(&self, topic: &TopicName, author: &NodeId) -> Option<&Log> {
        self.shelf.log(topic, author)
    }

    /// A topic is wanted to this extent at least. True if it was not on the shelf, or less of it was wanted.
    pub(super) fn want(&mut self, topic: &TopicName, scope: Scope, now: UnixMillis) -> bool {
        let new = self.shelf.add(topic.clone());
        if scope == Scope::News {
            self.news_since.entry(topic.clone()).or_insert(now);
        }
        let before = self.shelf.scope(topic);
        let wider = match (before, scope) {
            _ if new => true,
            (Scope::Only(_), Scope::Everything | Scope::News) | (Scope::News, Scope::Everything) => true,
            _ => return false,
        };
        self.set_scope(topic, scope);
        if scope == Scope::Everything && !new {
            self.want_all(topic);
        }
        wider
    }

    /// What is wanted of a topic, and noted for later runs: whoever has begun with the news has not asked for what was before.
    pub(super) fn set_scope(&mut self, topic: &TopicName, scope: Scope) {
        let since = self.news_since.get(topic).copied().filter(|_| scope == Scope::News);
        if since.is_some() || self.shelf.scope(topic) == Scope::News {
            self.new_scopes.insert(topic.clone(), since);
        }
        self.shelf.set_scope(topic, scope);
    }

    /// What was given up of these logs is wanted again.
    pub(super) fn want_again(&mut self, which: impl Fn(&Log) -> bool) {
        let logs = self.shelf.topics().flat_map(|topic| self.shelf.logs(topic)).filter(|log| which(log));
        let chains = logs.filter(|log| log.forked().is_none()).flat_map(|log| {
            let given_up = log.chains().flat_map(|(epoch, chain)| chain.given_up().map(move |gap| (epoch, gap)));
            given_up.map(|(epoch, gap)| (chain_id(log.topic(), log.author(), epoch), gap))
        });
        let chains: Vec<(ChainId, Stretch)> = chains.collect();
        for (chain, gap) in chains {
            if let Some(log) = self.shelf.log_mut(&chain.topic, chain.author) {
                log.want(chain.epoch, gap.from);
            }
            self.holes.push((chain.clone(), gap, self.me));
            self.changed.insert(chain);
        }
    }

    /// Everything before what is known of others' logs of a topic is wanted, too, but for what retention has passed here.
    fn want_all(&mut self, topic: &TopicName) {
        let others = self.shelf.logs(topic).filter(|log| log.author() != self.me);
        let chains = others.flat_map(|log| log.chains().map(|(epoch, _)| chain_id(topic, log.author(), epoch)));
        let chains: Vec<ChainId> = chains.filter(|chain| !self.trimmed.contains(chain)).collect();
        for chain in chains {
            let Some(log) = self.shelf.log_mut(topic, chain.author) else { continue };
            log.want(chain.epoch, Seq::FIRST);
            let missing = log.chain(chain.epoch).map(|known| known.missing(known.last())).unwrap_or_default();
            // Whoever is asked first may be nobody.
            self.holes.extend(missing.into_iter().map(|hole| (chain.clone(), hole, self.me)));
            self.changed.insert(chain);
        }
    }

    /// Takes in a policy that was found on its topic, if it is the owner's.
    pub(super) fn hear_policy(&mut self, policy: Verified<Policy>) {
        let topic = policy.value().topic.clone();
        if self.policies.hear(policy.clone()) != Heard::News {
            return;
        }
        self.new_policies.push(policy);
        let authors: Vec<NodeId> = self.shelf.logs(&topic).map(Log::author).collect();
        authors.into_iter().for_each(|author| self.shelf.resume(&topic, author));
        let last = self.policies.retention(&topic).last_per_key;
        let held = self.held.entry(topic).or_default();
        match (last, &held.keys) {
            (true, None) => held.keys = Some(Keys::new()),
            (false, Some(_)) => held.keys = None,
            _ => {}
        }
    }

    /// Something else than the batches of a log has changed.
    pub(super) fn touched(&mut self, chain: ChainId) {
        self.changed.insert(chain);
    }

    /// Everything that is to be written now, with the state of the logs at this very moment.
    pub(super) fn take_unwritten(&mut self) -> ToWrite {
        let batches = std::mem::take(&mut self.unwritten);
        let mut changed = std::mem::take(&mut self.changed);
        changed.extend(batches.iter().map(|Unwritten { batch, .. }| batch.head().value().chain(batch.author())));
        let records = changed.into_iter().filter_map(|chain| Some((chain.clone(), self.record(&chain)?))).collect();
        let (forgotten, forks) = (std::mem::take(&mut self.forgotten), std::mem::take(&mut self.forks));
        let (policies, scopes) = (std::mem::take(&mut self.new_policies), std::mem::take(&mut self.new_scopes));
        ToWrite { batches, records, forgotten, forks, policies, scopes }
    }

    fn record(&self, chain: &ChainId) -> Option<LogRecord> {
        let saved = self.log(&chain.topic, &chain.author)?.chain(chain.epoch)?.saved();
        let (bytes, entries) = self.amount(chain);
        Some(LogRecord { chain: saved, bytes, entries })
    }

    /// Bytes and entries that are held of one epoch of a log.
    pub(super) fn amount(&self, chain: &ChainId) -> (u64, u64) {
        self.held.get(&chain.topic).map_or((0, 0), |held| held.index.of_log(&chain.author, chain.epoch))
    }

    /// A topic is of no interest here any more: all that is held of it goes.
    pub(super) fn forget(&mut self, topic: &TopicName) {
        self.set_scope(topic, Scope::Everything);
        let Some(logs) = self.shelf.remove(topic) else { return };
        for (author, log) in logs {
            let epochs: Vec<Epoch> = log.chains().map(|(epoch, _)| epoch).collect();
            for epoch in epochs {
                let chain = chain_id(topic, author, epoch);
                let (bytes, entries) = self.amount(&chain);
                self.accounts.deleted(topic, &author, bytes, entries);
                self.changed.remove(&chain);
                self.trimmed.remove(&chain);
                self.forgotten.push(chain);
            }
        }
        self.held.remove(topic);
        self.news_since.remove(topic);
        self.policies.forget(topic);
        self.readers.forget(topic);
    }
}
