//! Taking in batches, wherever they come from.

use std::sync::Arc;

use atoll_protocol::{
    identity::NodeId,
    names::{NetworkName, TopicName},
    sealed::Verified,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Entry, Epoch, Proof, Seq,
        log::{Accepted, Chain, Log, Refused, Room, Stretch},
        sync::{Fault, Intake, Opened, Pull, Scope, TakenIn, take_in},
    },
};
use atoll_registry::topics::{access::Policies, quota::Accounts};
use tokio::sync::OwnedSemaphorePermit;

use super::{Logs, Unwritten, chain_id};
use crate::{
    broker::{disk::Damage, readers::News, tail::NEWS},
    standing::Trust,
};

/// What was known when a batch came.
pub(in crate::broker) struct Taking<'a> {
    pub(in crate::broker) network: &'a NetworkName,
    pub(in crate::broker) now: UnixMillis,
}

/// What has become of a batch.
#[derive(Debug)]
pub(in crate::broker) enum Came {
    /// It is news, and in the log.
    New,
    /// It is known, or not wanted here.
    Old,
    /// It is not the peer's fault that it was not taken in.
    Refused(Refused),
    /// Its author may not publish there, or nothing of it is kept here.
    NotAllowed,
}

impl Logs {
    /// Takes in a batch that is fresh: gossiped, followed or this node's own.
    pub(in crate::broker) fn take(
        &mut self,
        batch: Arc<Batch>,
        place: Option<OwnedSemaphorePermit>,
        at: &Taking<'_>,
    ) -> Came {
        let (head, author) = (batch.head().value(), batch.author());
        let (topic, epoch, first) = (head.topic.clone(), head.epoch, head.first);
        let scope = self.shelf.scope(&topic);
        if !self.shelf.contains(&topic) || matches!(scope, Scope::Only(only) if only != author) {
            return Came::Old;
        }
        let Some(room) = self.room(&topic, &author) else { return Came::NotAllowed };
        if author == self.me && place.is_some() && self.is_ahead(&batch) {
            self.overtaken.insert(topic.clone());
        }
        let (disk, recent) = (&self.disk, &self.recent);
        let stored = |epoch, seq| {
            let chain = chain_id(&topic, author, epoch);
            recent.head(&chain, seq).or_else(|| disk.head(&chain, seq))
        };
        let Some(log) = self.shelf.log_mut(&topic, author) else { return Came::Old };
        let from_here = scope == Scope::News && log.head().is_none();
        let accepted = if from_here {
            log.accept_from_here(&batch, at.now, room, &stored)
        } else {
            log.accept(&batch, at.now, room, &stored)
        };
        match accepted {
            Ok(Accepted::Appended) => self.store(batch, place, Some((epoch, first)), at),
            Ok(Accepted::AppendedInsteadOf(oldest)) => {
                self.drop_epoch(&topic, author, oldest);
                self.store(batch, place, Some((epoch, first)), at);
            }
            Ok(Accepted::Known | Accepted::Unwanted) => return Came::Old,
            Err(refused) => {
                if let Refused::Forked(proof) = &refused {
                    self.forked(&topic, author, proof);
                }
                return Came::Refused(refused);
            }
        }
        Came::New
    }

    /// Takes in something that was fetched.
    pub(in crate::broker) fn fetched(
        &mut self,
        pull: &mut Pull,
        opened: Opened,
        place: Option<OwnedSemaphorePermit>,
        at: &Taking<'_>,
    ) -> Result<(), Fault> {
        if let Opened::Batch(batch) = &opened
            && batch.author() == self.me
            && self.is_ahead(batch)
        {
            self.overtaken.insert(batch.head().value().topic.clone());
        }
        let (disk, recent) = (&self.disk, &self.recent);
        let (policies, accounts, trust, me) = (&self.policies, &self.accounts, &self.trust, self.me);
        let intake = Intake {
            now: at.now,
            room: &|topic, author| room(policies, accounts, trust, me, topic, author),
            stored: &|chain, seq| recent.head(chain, seq).or_else(|| disk.head(chain, seq)),
        };
        match take_in(pull, opened, &mut self.shelf, &intake)? {
            TakenIn::Store(batch, forgotten) => {
                if let Some(oldest) = forgotten {
                    let topic = batch.head().value().topic.clone();
                    self.drop_epoch(&topic, batch.author(), oldest);
                }
                self.store(Arc::from(batch), place, None, at);
            }
            TakenIn::Hole(chain, hole) => self.holes.push((chain, hole, pull.peer())),
            TakenIn::Forked(author, proof) => {
                if let Proof::Forked(head, _) = &*proof
                    && let Ok(head) = head.clone().reopen()
                {
                    let topic = head.value().topic.clone();
                    self.forked(&topic, author, &proof);
                }
            }
            TakenIn::Nothing(Some(refused)) => tracing::debug!("not taken in: {refused}"),
            TakenIn::Nothing(None) => {}
        }
        Ok(())
    }

    /// How much more of an author's there is room for; none if it may not publish there.
    pub(in crate::broker) fn room(&self, topic: &TopicName, author: &NodeId) -> Option<Room> {
        room(&self.policies, &self.accounts, &self.trust, self.me, topic, author)
    }

    /// Whether a batch of this node's own, which somebody else has sent, is one that it does not know.
    fn is_ahead(&self, batch: &Batch) -> bool {
        let head = batch.head().value();
        let known = self.log(&head.topic, &self.me).and_then(Log::head).map(Verified::value);
        // What was said in an epoch before the latest one is old, even if it is not known here.
        known.is_none_or(|known| (known.epoch, known.last()) < (head.epoch, head.last()))
    }

    /// It is in the log: everything that depends on that.
    fn store(&mut self, batch: Arc<Batch>, place: Option<OwnedSemaphorePermit>, news: News, at: &Taking<'_>) {
        let (head, author) = (batch.head().value(), batch.author());
        let topic = head.topic.clone();
        self.accounts.stored(&topic, self.trust.author(&author), batch.len() as u64, u64::from(head.count));
        if !self.held.contains_key(&topic) {
            self.held.insert(topic.clone(), super::Held::default());
        }
        if let Some(held) = self.held.get_mut(&topic) {
            held.index.stored(&batch);
            if let Some(keys) = &mut held.keys {
                keys.stored(&batch);
            }
        }
        self.clock.observe(head.time, at.now);
        self.want_before(&batch);
        self.recent.insert(&batch);
        self.read_policies(&batch, at.network);
        self.readers.mark(&topic, author, news);
        // What this node publishes itself is on the disk before it is taken in.
        if place.is_some() {
            self.unwritten.push(Unwritten { batch, _place: place });
        }
    }

    /// Where only news is wanted a log begins with the latest batch. If that is news, what lies before it may be, too.
    fn want_before(&mut self, batch: &Batch) {
        let (head, author) = (batch.head().value(), batch.author());
        let Some(since) = self.news_since.get(&head.topic).filter(|_| self.shelf.scope(&head.topic) == Scope::News)
        else {
            return;
        };
        let is_news = batch.began().millis().0 >= since.0.saturating_sub(NEWS);
        let Some(log) = self.shelf.log_mut(&head.topic, author).filter(|_| is_news) else { return };
        let Some(chain) = log.chain(head.epoch).filter(|chain| chain.first() == head.first) else { return };
        if chain.floor() < head.first || head.first <= Seq::FIRST {
            return;
        }
        // Twice as much each time.
        let known = chain.last().0.saturating_sub(head.first.0).saturating_add(1);
        let from = Seq(head.first.0.saturating_sub(known.max(16)).max(Seq::FIRST.0));
        log.want(head.epoch, from);
        self.backfill.insert(head.chain(author));
    }

    fn read_policies(&mut self, batch: &Batch, network: &NetworkName) {
        // Nearly no entry has a header.
        for entry in batch.entries().iter().filter(|entry| !entry.headers.is_empty()) {
            let policy = Entry::policy(entry).ok().flatten().and_then(|policy| policy.open(network).ok());
            if let Some(policy) = policy.filter(|policy| policy.value().topic == batch.head().value().topic) {
                self.hear_policy(policy);
            }
        }
    }

    fn drop_epoch(&mut self, topic: &TopicName, author: NodeId, epoch: Epoch) {
        let chain = chain_id(topic, author, epoch);
        let (bytes, entries) = self.amount(&chain);
        self.accounts.deleted(topic, &author, bytes, entries);
        if let Some(held) = self.held.get_mut(topic) {
            held.index.forgotten(&author, epoch);
            if let Some(keys) = &mut held.keys {
                keys.forgotten(&author, epoch);
            }
        }
        self.forgotten.push(chain);
    }

    fn forked(&mut self, topic: &TopicName, author: NodeId, proof: &Proof) {
        tracing::warn!(%author, %topic, "an author has said two things at one position; nothing more is taken of its log");
        self.forks.push((topic.clone(), author, proof.clone()));
        self.readers.mark(topic, author, None);
    }

    /// What is damaged on the disk is missing, and others are asked for it.
    pub(in crate::broker) fn lose(&mut self, damage: Damage) {
        let Damage { chain, from, to } = damage;
        let Some(log) = self.shelf.log_mut(&chain.topic, chain.author) else { return };
        let last = log.chain(chain.epoch).map(Chain::last);
        let Some(lost) = last.and_then(|last| Stretch::between(from, to.unwrap_or(last))) else { return };
        if !log.lose(chain.epoch, lost) {
            return;
        }
        tracing::error!(
            "entries {} to {} of {chain} are damaged on the disk; others are asked for them",
            lost.from,
            lost.to
        );
        self.holes.push((chain.clone(), lost, self.me));
        self.changed.insert(chain);
    }

    /// What nobody has is given up: readers are told of a gap, unless it was overtaken by later values for the same keys.
    pub(in crate::broker) fn give_up(&mut self, chain: &ChainId, hole: Stretch) {
        let overtaken = self.policies.retention(&chain.topic).last_per_key;
        let Some(log) = self.shelf.log_mut(&chain.topic, chain.author) else { return };
        match overtaken {
            true => log.pass_over(chain.epoch, hole),
            false => log.skip(chain.epoch, hole),
        }
        self.changed.insert(chain.clone());
        self.readers.mark(&chain.topic, chain.author, None);
    }

    /// The positions of a log before this one are no longer held.
    pub(in crate::broker) fn drop_before(&mut self, chain: &ChainId, floor: Seq) {
        if let Some(log) = self.shelf.log_mut(&chain.topic, chain.author) {
            log.drop_before(chain.epoch, floor);
            self.trimmed.insert(chain.clone());
            self.changed.insert(chain.clone());
            self.readers.mark(&chain.topic, chain.author, None);
        }
    }
}

fn room(
    policies: &Policies,
    accounts: &Accounts,
    trust: &Trust,
    me: NodeId,
    topic: &TopicName,
    author: &NodeId,
) -> Option<Room> {
    if !policies.may_publish(topic, author) {
        return None;
    }
    if *author == me {
        return Some(Room::ALL);
    }
    accounts.room(topic, trust.author(author)).inspect_err(|no| tracing::debug!("{no}")).ok()
}
