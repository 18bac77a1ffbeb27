//! The one thread that writes: what this node publishes, what it has taken in from others, and what is deleted.
//!
//! It takes everything that waits, writes that together, and then says so; what a promise depends on is [synced](super::syncer) next,
//! for all together. What comes while it is busy gathers, and is one batch for each topic (group commit).
//!
//! Where the disk takes nothing more, publishers are told so at once. What was taken in from others is kept in memory and tried again;
//! it holds its places in the queue meanwhile, so that no more is taken in than there is room for.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use atoll_protocol::{
    names::TopicName,
    service::UnixMillis,
    topic::{Batch, ChainId, Seq, Writer as Author, log::Log},
};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    Inner,
    disk::{Changes, LogRecord},
    drafts::{Round, Rounds, Wait},
    logs::{Taking, ToWrite},
    syncer,
};
use crate::error::PublishError;
use atoll_registry::topics::outbox::AckLevel;

/// How long to wait before what the disk did not take is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Wakes the writer, and tells it what to do beside what waits elsewhere.
#[derive(Debug, Default)]
pub(super) struct Bell {
    orders: Mutex<Orders>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    rung: bool,
    changes: Changes,
    syncs: Vec<oneshot::Sender<()>>,
    /// To write everything, sync it, and end.
    close: Option<oneshot::Sender<()>>,
    /// Nobody is there any more.
    gone: bool,
    /// The writer has ended: whoever orders something is told so, by dropping what would have told of its end.
    ended: bool,
}

impl Bell {
    /// There is something to write.
    pub(super) fn ring(&self) {
        let mut orders = self.orders.lock();
        if !std::mem::replace(&mut orders.rung, true) {
            drop(orders);
            self.rung.notify_one();
        }
    }

    /// Something else than batches is to be written.
    pub(super) fn write(&self, changes: Changes) {
        self.order(|orders| orders.changes.append(changes));
    }

    /// Everything that was taken in so far is to be written and synced. The sender is dropped if the disk does not take it.
    pub(super) fn sync(&self) -> oneshot::Receiver<()> {
        let (done, synced) = oneshot::channel();
        self.order(|orders| orders.syncs.push(done));
        synced
    }

    /// Everything is to be written and synced, and nothing after that.
    pub(super) fn close(&self) -> oneshot::Receiver<()> {
        let (done, closed) = oneshot::channel();
        self.order(|orders| orders.close = Some(done));
        closed
    }

    pub(super) fn gone(&self) {
        self.order(|orders| orders.gone = true);
    }

    fn order(&self, give: impl FnOnce(&mut Orders)) {
        let mut orders = self.orders.lock();
        give(&mut orders);
        orders.rung = true;
        if orders.ended {
            *orders = Orders { ended: true, ..Orders::default() };
            return;
        }
        drop(orders);
        self.rung.notify_one();
    }

    /// Nothing is done any more.
    fn end(&self) {
        *self.orders.lock() = Orders { ended: true, ..Orders::default() };
    }

    fn wait(&self, until: Option<Instant>) -> Orders {
        let mut orders = self.orders.lock();
        while !orders.rung {
            let Some(until) = until else {
                self.rung.wait(&mut orders);
                continue;
            };
            if self.rung.wait_until(&mut orders, until).timed_out() {
                break;
            }
        }
        std::mem::take(&mut orders)
    }
}

/// See the [module docs](self).
pub(super) struct Writer {
    /// Where this node's own logs go on.
    authors: HashMap<TopicName, Author>,
    /// What the disk did not take.
    rest: ToWrite,
    rest_changes: Changes,
    failing: bool,
}

/// A batch of this node's own, on its way.
struct Own {
    batch: Arc<Batch>,
    waits: Vec<Arc<Wait>>,
}

impl Writer {
    pub(super) fn start(inner: &Arc<Inner>) -> std::io::Result<()> {
        let (bell, weak) = (Arc::clone(&inner.bell), Arc::downgrade(inner));
        let writer = Self {
            authors: HashMap::new(),
            rest: ToWrite::default(),
            rest_changes: Changes::default(),
            failing: false,
        };
        let unsynced = Arc::clone(&inner.unsynced);
        syncer::start(inner)?;
        let started = thread::Builder::new().name("atoll-topics".to_owned()).spawn(move || {
            writer.run(&bell, &weak);
            unsynced.end();
            bell.end();
        });
        started.map(drop).inspect_err(|_| inner.unsynced.end())
    }

    fn run(mut self, bell: &Bell, inner: &Weak<Inner>) {
        loop {
            let orders = bell.wait(self.next_wake());
            let Some(inner) = inner.upgrade().filter(|_| !orders.gone) else { return };
            let closing = orders.close.is_some();
            let rounds = if closing { inner.drafts.close() } else { inner.drafts.take() };
            let wrote = self.write(&inner, rounds, orders.changes);
            // Where it is not even written nobody is told that it is synced.
            if wrote && !orders.syncs.is_empty() {
                inner.unsynced.sync(orders.syncs);
            }
            if let Some(closed) = orders.close {
                inner.ended(wrote && synced(&inner));
                drop(inner);
                let _ = closed.send(());
                return;
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        self.failing.then(|| Instant::now() + RETRY)
    }

    /// Writes everything that waits. False if the disk does not take it.
    fn write(&mut self, inner: &Inner, rounds: Rounds, changes: Changes) -> bool {
        let mut all = Changes::default();
        all.append(changes);
        let others = self.gather(inner, &mut all);
        let mut before = HashMap::new();
        let mut with_own = Changes::default();
        let own = self.append(inner, rounds, &mut with_own, &mut before);
        if all.is_empty() && with_own.is_empty() {
            return !self.failing;
        }
        // What is known of this node's own logs once these are taken in comes last.
        let mut together = all.clone();
        together.append(with_own);
        match inner.disk.write(together) {
            Ok(()) => {
                self.failing = false;
                inner.unsynced.wrote();
                written(inner, own, others);
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!("{error}");
                }
                self.authors.extend(before);
                let error = PublishError::Disk { reason: error.to_string() };
                own.iter().flat_map(|own| &own.waits).for_each(|wait| wait.resolve(Err(error.clone())));
                (self.rest, self.rest_changes) = (others, all);
                false
            }
        }
    }

    /// What was taken in from others, together with what the disk did not take before.
    fn gather(&mut self, inner: &Inner, changes: &mut Changes) -> ToWrite {
        let new = inner.logs.lock().take_unwritten();
        let mut fresh = std::mem::take(&mut self.rest_changes);
        for batch in &new.batches {
            let _ = fresh.put(&batch.batch);
        }
        for chain in &new.forgotten {
            fresh.delete_chain(chain, &inner.disk);
        }
        for (chain, record) in &new.records {
            let _ = fresh.put_log(chain, record);
        }
        for (topic, author, proof) in &new.forks {
            fresh.put_fork(topic, *author, proof);
            inner.net.conduct.has_forked(author);
        }
        for policy in &new.policies {
            fresh.put_policy(policy);
        }
        for (topic, since) in &new.scopes {
            fresh.put_news(topic, *since);
        }
        changes.append(fresh);
        let mut all = std::mem::take(&mut self.rest);
        all.batches.extend(new.batches);
        all
    }

    /// Makes batches of what is to be published. What they need to be written is added to `changes`, and how their authors were
    /// before to `before`.
    fn append(
        &mut self,
        inner: &Inner,
        rounds: Rounds,
        changes: &mut Changes,
        before: &mut HashMap<TopicName, Author>,
    ) -> Vec<Own> {
        let mut own = Vec::new();
        for (topic, rounds) in rounds {
            let Some((mut author, mut log, mut amount)) = self.author(inner, &topic, &rounds) else { continue };
            before.insert(topic.clone(), author.clone());
            for round in rounds {
                let Some(made) = self.append_round(inner, &mut author, &mut log, round) else { continue };
                let _ = changes.put(&made.batch);
                amount.0 += made.batch.len() as u64;
                amount.1 += u64::from(made.batch.head().value().count);
                own.push(made);
            }
            let chain = ChainId { topic: topic.clone(), author: inner.me, epoch: author.epoch() };
            if let Some(known) = log.chain(author.epoch()) {
                let record = LogRecord { chain: known.saved(), bytes: amount.0, entries: amount.1 };
                let _ = changes.put_log(&chain, &record);
            }
            self.authors.insert(topic, author);
        }
        own
    }

    /// Where a log of this node's own goes on, the log itself, and how much of that epoch is held.
    fn author(
        &mut self,
        inner: &Inner,
        topic: &TopicName,
        rounds: &VecDeque<Round>,
    ) -> Option<(Author, Log, (u64, u64))> {
        let mut logs = inner.logs.lock();
        let refuse = |error: PublishError| rounds.iter().for_each(|round| round.fail(&error));
        if !logs.policies.may_publish(topic, &inner.me) {
            refuse(PublishError::NotAllowed { topic: topic.clone() });
            return None;
        }
        let log = logs.log(topic, &inner.me).cloned().unwrap_or_else(|| Log::new(topic.clone(), inner.me));
        if log.forked().is_some() {
            refuse(PublishError::Quarantined { topic: topic.clone() });
            return None;
        }
        let overtaken = logs.overtaken.remove(topic);
        let first = inner.mark.first();
        let author = match self.authors.remove(topic).filter(|_| !overtaken) {
            Some(author) => author,
            // Of epochs before that one this node may know less than others do.
            None => match log.head().filter(|head| head.value().epoch >= first && !overtaken) {
                Some(head) => Author::resume(head),
                None => Author::begin(topic.clone(), inner.clock.wall().max(UnixMillis(first.0)), log.head()),
            },
        };
        let amount = logs.amount(&ChainId { topic: topic.clone(), author: inner.me, epoch: author.epoch() });
        Some((author, log, amount))
    }

    fn append_round(&self, inner: &Inner, author: &mut Author, log: &mut Log, round: Round) -> Option<Own> {
        let now = inner.clock.wall();
        let mut clock = inner.logs.lock().clock;
        let Round { drafts, waits, .. } = round;
        let made = author.append(&inner.key, &inner.network, &mut clock, now, drafts);
        inner.logs.lock().clock.resume(clock.last());
        let fail = |error: PublishError| waits.iter().for_each(|wait| wait.resolve(Err(error.clone())));
        let batch = match made {
            Ok(batch) => Arc::new(batch),
            Err(error) => {
                fail(PublishError::Invalid { reason: error.to_string() });
                return None;
            }
        };
        // Dated by this node's own clock, and the next one: there is nothing to refuse.
        let all = atoll_protocol::topic::log::Room::ALL;
        if let Err(refused) = log.accept(&batch, batch.head().value().time.millis(), all, &|_, _| None) {
            fail(PublishError::Invalid { reason: refused.to_string() });
            return None;
        }
        Some(Own { batch, waits })
    }
}

/// It is with the operating system: readers, neighbours and publishers may know.
fn written(inner: &Inner, own: Vec<Own>, others: ToWrite) {
    let at = Taking { network: &inner.network, now: inner.clock.wall() };
    if !own.is_empty() {
        let topics = own.iter().map(|own| own.batch.head().value().topic.clone());
        inner.keeping.wrote(topics);
    }
    {
        let mut logs = inner.logs.lock();
        for taken in &others.batches {
            logs.recent.written(&taken.batch);
        }
        for Own { batch, .. } in &own {
            logs.take(Arc::clone(batch), None, &at);
            logs.recent.written(batch);
        }
    }
    let others = others.batches.iter().filter(|taken| inner.keeping.is_kept(&taken.batch.head().value().topic));
    let mut urgent = false;
    let mut to: Vec<(ChainId, Seq)> = others.map(|taken| end(&taken.batch)).inspect(|_| urgent = true).collect();
    let mut news = Vec::with_capacity(own.len());
    for Own { batch, waits } in own {
        urgent |= waits.iter().any(|wait| wait.level > AckLevel::Gossip);
        to.push(end(&batch));
        inner.acks.written(batch.head(), waits);
        news.push(batch);
    }
    // Before anything else, so that the disk is at work meanwhile.
    inner.unsynced.wrote_to(to, urgent);
    news.into_iter().for_each(|batch| inner.announce(batch));
}

/// How far a log has come with this batch.
fn end(batch: &Batch) -> (ChainId, Seq) {
    let head = batch.head().value();
    (head.chain(batch.author()), head.last())
}

/// Waits until everything is on the disk; false if it does not take it.
fn synced(inner: &Inner) -> bool {
    let (done, synced) = oneshot::channel();
    inner.unsynced.sync(vec![done]);
    synced.blocking_recv().is_ok() && inner.unsynced.is_empty()
}
