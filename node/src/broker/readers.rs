//! Whoever reads logs as they grow: subscriptions, and peers that follow.
//!
//! A reader is told which logs have grown, and reads them at its own pace: nothing is queued for it but the names of logs, so a slow one
//! costs nobody anything.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    topic::{Epoch, Seq},
};
use atoll_registry::topics::interest::{Full, Interest, Subscription};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// One author's log on one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LogId {
    pub(super) topic: TopicName,
    pub(super) author: NodeId,
}

/// A log's name, shared by all that speak of it.
pub(super) type LogRef = Arc<LogId>;

/// Where a log was when something new came to it, by gossip or from its author: what whoever wants only news begins with.
pub(super) type News = Option<(Epoch, Seq)>;

/// One reader.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Whose logs it reads, if not everybody's.
    author: Option<NodeId>,
    grown: Mutex<Grown>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Grown {
    /// In the order in which they grew, each once.
    order: VecDeque<LogRef>,
    waiting: HashSet<LogRef>,
    /// The first news of each log since the reader began.
    news: HashMap<LogRef, (Epoch, Seq)>,
    /// Whether anybody asks for that.
    wants_news: bool,
    ended: bool,
}

impl Reader {
    pub(super) fn new(author: Option<NodeId>, wants_news: bool) -> Arc<Self> {
        let reader = Self { author, ..Self::default() };
        reader.grown.lock().wants_news = wants_news;
        Arc::new(reader)
    }

    /// A log has grown.
    pub(super) fn mark(&self, log: &LogRef, news: News) {
        if self.author.is_some_and(|author| author != log.author) {
            return;
        }
        let mut grown = self.grown.lock();
        if let Some(at) = news.filter(|_| grown.wants_news) {
            grown.news.entry(Arc::clone(log)).or_insert(at);
        }
        if grown.waiting.insert(Arc::clone(log)) {
            grown.order.push_back(Arc::clone(log));
            drop(grown);
            self.wake.notify_one();
        }
    }

    /// A log of which more is to be read, but not before others have had their turn.
    pub(super) fn again(&self, log: &LogRef) {
        self.mark(log, None);
    }

    /// The next log that has grown; none once the broker has ended.
    pub(super) async fn next(&self) -> Option<LogRef> {
        loop {
            {
                let mut grown = self.grown.lock();
                if let Some(log) = grown.order.pop_front() {
                    grown.waiting.remove(&log);
                    return Some(log);
                }
                if grown.ended {
                    return None;
                }
            }
            // A notice that came in between is kept.
            self.wake.notified().await;
        }
    }

    /// Whether a log has grown that was not read since.
    pub(super) fn has_more(&self) -> bool {
        !self.grown.lock().order.is_empty()
    }

    /// The first news of a log since the reader began.
    pub(super) fn news_of(&self, log: &LogRef) -> News {
        self.grown.lock().news.get(log).copied()
    }

    fn end(&self) {
        self.grown.lock().ended = true;
        self.wake.notify_one();
    }
}

/// All readers, and what each has subscribed to.
#[derive(Debug, Default)]
pub(super) struct Readers {
    interest: Interest,
    all: HashMap<Subscription, Arc<Reader>>,
    names: HashMap<TopicName, HashMap<NodeId, LogRef>>,
    next: u64,
}

impl Readers {
    pub(super) fn begin(&mut self, patterns: &[TopicPattern], reader: &Arc<Reader>) -> Result<Vec<Subscription>, Full> {
        let mut ids = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let id = Subscription(self.next);
            self.next = self.next.wrapping_add(1);
            if let Err(full) = self.interest.subscribe(id, pattern.clone()) {
                ids.iter().for_each(|id| self.end(*id));
                return Err(full);
            }
            self.all.insert(id, Arc::clone(reader));
            ids.push(id);
        }
        Ok(ids)
    }

    pub(super) fn end(&mut self, id: Subscription) {
        self.interest.unsubscribe(id);
        self.all.remove(&id);
    }

    /// The shared name of a log.
    pub(super) fn name(&mut self, topic: &TopicName, author: NodeId) -> LogRef {
        if !self.names.contains_key(topic) {
            self.names.insert(topic.clone(), HashMap::new());
        }
        let new = || Arc::new(LogId { topic: topic.clone(), author });
        match self.names.get_mut(topic) {
            Some(of_topic) => Arc::clone(of_topic.entry(author).or_insert_with(new)),
            None => new(),
        }
    }

    /// A topic is no longer held.
    pub(super) fn forget(&mut self, topic: &TopicName) {
        self.names.remove(topic);
    }

    /// A log has grown.
    pub(super) fn mark(&mut self, topic: &TopicName, author: NodeId, news: News) {
        let interested = self.interest.of(topic);
        if interested.is_empty() {
            return;
        }
        let log = self.name(topic, author);
        for id in interested.iter() {
            if let Some(reader) = self.all.get(id) {
                reader.mark(&log, news);
            }
        }
    }

    /// Nothing more will come.
    pub(super) fn end_all(&mut self) {
        self.all.values().for_each(|reader| reader.end());
    }
}
