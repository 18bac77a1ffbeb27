//! Reading logs from some position on, to their ends and beyond: what subscriptions and followers are made of.

use std::{collections::HashMap, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::TopicPattern,
    service::UnixMillis,
    topic::{
        Batch, Epoch, Hlc, Seq,
        log::{Cursor, Gap, Step, Stretch},
    },
};
use atoll_registry::topics::interest::{Full, Subscription};

use super::{
    Inner,
    disk::chain_id,
    readers::{LogRef, Reader},
};

/// Bytes that are read at a time.
const AT_A_TIME: usize = 512 * 1024;
/// How long to wait before the disk is asked again that has failed.
const RETRY: Duration = Duration::from_millis(500);
/// What is dated so much before a reader of news began is not news, unless it came as such: clocks differ.
pub(super) const NEWS: u64 = 5_000;

/// Where reading begins in each log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// After everything that is known.
    Latest,
    /// With everything that is retained.
    Earliest,
    /// With this position of each author's log, in each epoch.
    Seq(Seq),
    /// With what was published at this time, by its author's clock.
    Time(UnixMillis),
}

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    /// These entries of a batch.
    Batch { log: LogRef, batch: Arc<Batch>, entries: Stretch },
    /// There is a gap.
    Gap { log: LogRef, gap: Gap },
    /// Everything that is there has been read. What comes later follows.
    End,
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Tail {
    inner: Arc<Inner>,
    reader: Arc<Reader>,
    ids: Vec<Subscription>,
    begin: Begin,
    began: UnixMillis,
    cursors: HashMap<LogRef, Cursor>,
    /// What was read and not yet given, the last one first.
    ready: Vec<(LogRef, Epoch, Arc<Batch>, Stretch)>,
    /// Whether something was read since the end was last told.
    moved: bool,
}

impl Tail {
    /// Begins to read the logs of topics that these stand for, going on at the cursors where there are any.
    pub(super) fn new(
        inner: &Arc<Inner>,
        patterns: &[TopicPattern],
        begin: Begin,
        cursors: HashMap<LogRef, Cursor>,
    ) -> Result<Self, Full> {
        Self::with(inner, patterns, None, begin, cursors)
    }

    /// Begins to read what this node says itself, from now on.
    pub(super) fn own(inner: &Arc<Inner>, patterns: &[TopicPattern]) -> Result<Self, Full> {
        Self::with(inner, patterns, Some(inner.me), Begin::Latest, HashMap::new())
    }

    fn with(
        inner: &Arc<Inner>,
        patterns: &[TopicPattern],
        author: Option<NodeId>,
        begin: Begin,
        mut cursors: HashMap<LogRef, Cursor>,
    ) -> Result<Self, Full> {
        let latest = begin == Begin::Latest;
        let reader = Reader::new(author, latest);
        let mut logs = inner.logs.lock();
        let ids = logs.readers.begin(patterns, &reader)?;
        let matching =
            |topic: &&atoll_protocol::names::TopicName| patterns.iter().any(|pattern| pattern.matches(topic));
        let topics: Vec<_> = logs.shelf.topics().filter(matching).cloned().collect();
        for topic in topics {
            let read = logs.shelf.logs(&topic).filter(|log| author.is_none_or(|author| author == log.author()));
            let known: Vec<_> = read.map(|log| (log.author(), log.end())).collect();
            for (author, end) in known {
                let log = logs.readers.name(&topic, author);
                if latest {
                    cursors.entry(Arc::clone(&log)).or_insert(end);
                }
                reader.mark(&log, None);
            }
        }
        drop(logs);
        let began = inner.clock.wall();
        Ok(Self { inner: Arc::clone(inner), reader, ids, begin, began, cursors, ready: Vec::new(), moved: true })
    }

    /// How far each log has been read; of logs that are not known yet, and of those in which the beginning is still to be found,
    /// nothing is said.
    pub(super) fn cursors(&self) -> &HashMap<LogRef, Cursor> {
        &self.cursors
    }

    /// Whether everything that is there has been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.ready.is_empty() && !self.reader.has_more()
    }

    /// The next thing to be read; none once the node has stopped. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Read> {
        loop {
            if let Some((log, epoch, batch, entries)) = self.ready.pop() {
                self.pass(&log, epoch, entries.to);
                self.moved = true;
                return Some(Read::Batch { log, batch, entries });
            }
            if self.moved && !self.reader.has_more() {
                self.moved = false;
                return Some(Read::End);
            }
            let log = self.reader.next().await?;
            let unread = Unread { reader: Arc::clone(&self.reader), log: Some(Arc::clone(&log)) };
            let gap = self.read(&log).await;
            unread.was_read();
            if let Some(gap) = gap {
                self.reader.again(&log);
                self.moved = true;
                return Some(Read::Gap { log, gap });
            }
        }
    }

    fn pass(&mut self, log: &LogRef, epoch: Epoch, to: Seq) {
        if let Some(cursor) = self.cursors.get_mut(log) {
            cursor.pass(epoch, to);
        }
    }

    /// Reads on in a log: batches become ready, or there is a gap.
    async fn read(&mut self, log: &LogRef) -> Option<Gap> {
        if !self.begin_in(log).await {
            return None;
        }
        let cursor = self.cursors.get(log).cloned().unwrap_or_default();
        let (epoch, entries, recent) = {
            let logs = self.inner.logs.lock();
            match logs.log(&log.topic, &log.author)?.read(&cursor)? {
                Step::Gap(gap) => {
                    drop(logs);
                    self.pass(log, gap.epoch, gap.entries.to);
                    return Some(gap);
                }
                Step::Read { epoch, entries } => {
                    let chain = chain_id(&log.topic, log.author, epoch);
                    let recent = logs.recent.read(&chain, entries, AT_A_TIME);
                    // What is here may not be on the disk yet: what the disk does not have before it is passed, and no more.
                    let next = logs.recent.from(&chain, entries.from).map(|batch| batch.head().value().first);
                    let before = next.and_then(|next| Stretch::between(entries.from, next.before()));
                    (epoch, before.and_then(|before| before.overlap(entries)).unwrap_or(entries), recent)
                }
            }
        };
        let batches = if recent.is_empty() { self.read_stored(log, epoch, entries).await } else { Ok(recent) };
        let Ok(batches) = batches else {
            // What is there is not known: nothing may be passed over.
            tokio::time::sleep(RETRY).await;
            self.reader.again(log);
            return None;
        };
        // What is damaged is missing, and waited for; what lies behind it is read on from there.
        if self.inner.lose_damaged() && batches.is_empty() {
            self.reader.again(log);
            return None;
        }
        if batches.is_empty() {
            // What is gone between those that are there has been overtaken.
            self.pass(log, epoch, entries.to);
            self.reader.again(log);
            return None;
        }
        for batch in batches.into_iter().rev() {
            let head = batch.head().value();
            let wanted = Stretch::between(head.first.max(entries.from), head.last().min(entries.to));
            if let Some(wanted) = wanted {
                self.ready.push((Arc::clone(log), epoch, batch, wanted));
            }
        }
        // There may be more, in this epoch or the next.
        self.reader.again(log);
        None
    }

    async fn read_stored(&self, log: &LogRef, epoch: Epoch, entries: Stretch) -> Result<Vec<Arc<Batch>>, Unreadable> {
        let (disk, chain) = (self.inner.disk.clone(), chain_id(&log.topic, log.author, epoch));
        let read = tokio::task::spawn_blocking(move || disk.read(&chain, entries, AT_A_TIME));
        let read = read.await.map_err(|_| Unreadable)?;
        read.map_err(|error| {
            tracing::error!("{error}");
            Unreadable
        })
    }

    /// Finds where to begin in a log, and in epochs of it that are new. False if that cannot be said yet.
    async fn begin_in(&mut self, log: &LogRef) -> bool {
        let known = self.cursors.get(log);
        if self.begin == Begin::Earliest || (known.is_some() && !matches!(self.begin, Begin::Seq(_) | Begin::Time(_))) {
            self.cursors.entry(Arc::clone(log)).or_default();
            return true;
        }
        let epochs: Vec<(Epoch, Seq, Seq)> = {
            let logs = self.inner.logs.lock();
            let Some(held) = logs.log(&log.topic, &log.author) else { return false };
            // What was published since the reader began, or since the time that it begins with, may still be on its way.
            let by_time = matches!(self.begin, Begin::Latest | Begin::Time(_));
            if by_time
                && held.forked().is_none()
                && held.chains().any(|(_, chain)| !chain.missing(chain.last()).is_empty())
            {
                return false;
            }
            let chains =
                held.chains().filter(|(epoch, _)| known.is_none_or(|known| known.read(*epoch) == Seq::default()));
            chains.map(|(epoch, chain)| (epoch, chain.first(), chain.last())).collect()
        };
        let mut cursor = known.cloned().unwrap_or_default();
        for (epoch, first, last) in epochs {
            let from = match &self.begin {
                Begin::Seq(seq) => *seq,
                Begin::Time(time) => self.at_time(log, epoch, (first, last), *time).await,
                Begin::Latest | Begin::Earliest => self.first_news(log, epoch, (first, last)).await,
            };
            cursor.pass(epoch, from.before());
        }
        self.cursors.insert(Arc::clone(log), cursor);
        true
    }

    /// In a log that has just become known: what came as news, or is dated as such.
    async fn first_news(&self, log: &LogRef, epoch: Epoch, held: (Seq, Seq)) -> Seq {
        let dated = self.at_time(log, epoch, held, UnixMillis(self.began.0.saturating_sub(NEWS))).await;
        match self.reader.news_of(log) {
            Some((of, seq)) if of == epoch => dated.min(seq),
            Some((of, _)) if of < epoch => held.0,
            _ => dated,
        }
    }

    /// The first batch that ends at this time or later: times rise within an epoch, so half of what is left is looked at each time.
    async fn at_time(&self, log: &LogRef, epoch: Epoch, (first, last): (Seq, Seq), time: UnixMillis) -> Seq {
        let (inner, chain) = (Arc::clone(&self.inner), chain_id(&log.topic, log.author, epoch));
        let search = tokio::task::spawn_blocking(move || {
            let (mut from, mut to) = (first, last.next());
            while from < to {
                let middle = Seq(from.0 + (to.0 - from.0) / 2);
                // Not every position is held: what was overtaken is not.
                match inner.batch_from(&chain, middle).and_then(|stored| stored.batch.head.reopen().ok()) {
                    Some(head) if head.value().time < Hlc::at(time) => from = head.value().last().next(),
                    Some(head) => to = head.value().first.clamp(from, middle),
                    None => to = middle,
                }
            }
            from
        });
        search.await.unwrap_or(first)
    }
}

/// The disk does not say what is there.
struct Unreadable;

/// A log that is being read: if that is broken off, it is still to be read.
struct Unread {
    reader: Arc<Reader>,
    log: Option<LogRef>,
}

impl Unread {
    fn was_read(mut self) {
        self.log = None;
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(log) = &self.log {
            self.reader.again(log);
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let mut logs = self.inner.logs.lock();
        self.ids.iter().for_each(|id| logs.readers.end(*id));
    }
}
