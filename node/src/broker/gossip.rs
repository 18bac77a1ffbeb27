//! What is gossiped about topics: news goes out with its entries while it is little, else only how far a log has come.

use std::{collections::HashMap, sync::Arc, time::Duration};

use atoll_protocol::{
    codec,
    identity::NodeId,
    names::TopicName,
    sealed::Verified,
    topic::{
        Access, Announcement, Batch, BatchError, Head, Seq,
        log::Refused,
        sync::{Scope, TopicId},
    },
};
use atoll_registry::{exchange::Verdict, peers::conduct::Fault, rate::TokenBucket};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Inner,
    logs::{Came, Taking},
};
use crate::net::{Channel, node_id};

/// Announcements of one topic with entries: so many at once, and so many a second after that. A faster publisher is followed over a
/// stream by whoever wants its entries.
const BURST: f64 = 32.0;
const RATE: f64 = 16.0;
/// How long the head of a log waits for a later one.
const PAUSE: Duration = Duration::from_millis(100);
/// Heads that are told at a time.
const AT_A_TIME: usize = 64;
/// Announcements about all topics together: so many at once, and so many a second after that. More would only fill queues, and be
/// dropped there.
const ALL_BURST: f64 = 512.0;
const ALL_RATE: f64 = 2_000.0;
/// Topics whose pace is remembered. Of more, those that could as well be new are forgotten.
const TOPICS: usize = 4_096;

/// The channel that a topic is gossiped on.
pub(super) fn channel(topic: &TopicName) -> Channel {
    // Below the count, which a byte holds.
    Channel::Entries(u8::try_from(TopicId::of(topic).0 % Channel::COUNT).unwrap_or_default())
}

/// How fast a topic is published on.
#[derive(Default)]
struct Pace {
    bucket: TokenBucket,
    /// A head that is still to be told, and when.
    head: Option<(Instant, Verified<Head>)>,
}

/// Gossips what this node publishes, for as long as it lives.
pub(super) async fn tell(inner: Arc<Inner>, mut news: mpsc::Receiver<Arc<Batch>>) {
    let mut teller = Teller { inner, all: TokenBucket::default(), paces: HashMap::new() };
    loop {
        teller.note_unsaid().await;
        let due = teller.paces.values().filter_map(|pace| Some(pace.head.as_ref()?.0)).min();
        tokio::select! {
            batch = news.recv() => match batch {
                Some(batch) => teller.tell_batch(&batch).await,
                None => return,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => teller.tell_heads().await,
        }
    }
}

struct Teller {
    inner: Arc<Inner>,
    all: TokenBucket,
    paces: HashMap<TopicName, Pace>,
}

impl Teller {
    async fn tell_batch(&mut self, batch: &Batch) {
        let (head, now) = (batch.head(), self.inner.clock.now());
        let topic = &head.value().topic;
        if head.value().first == Seq::FIRST {
            self.send(Channel::New, &Announcement::reminder(head.signed())).await;
        }
        if self.paces.len() >= TOPICS && !self.paces.contains_key(topic) {
            self.paces.retain(|_, pace| pace.head.is_some() || !pace.bucket.is_full(RATE, now));
        }
        let pace = self.paces.entry(topic.clone()).or_default();
        let news = Announcement::news(batch);
        let inline = !news.entries.is_empty() && pace.head.is_none() && !is_closed(&self.inner, topic);
        if inline && pace.bucket.take(RATE, BURST, now).is_ok() {
            self.send(channel(topic), &news).await;
        } else {
            pace.tell_later(head.clone());
        }
    }

    async fn tell_heads(&mut self) {
        let now = Instant::now();
        let due = |pace: &mut Pace| pace.head.take_if(|(due, _)| *due <= now);
        let heads: Vec<_> = self.paces.values_mut().filter_map(due).take(AT_A_TIME).collect();
        for (_, head) in heads {
            self.send(channel(&head.value().topic), &Announcement::reminder(head.signed())).await;
        }
    }

    /// Heads that there was no room for are told like those of fast publishers.
    async fn note_unsaid(&mut self) {
        let unsaid = std::mem::take(&mut *self.inner.unsaid.lock());
        for (topic, head) in unsaid {
            self.send(Channel::New, &Announcement::reminder(head.signed())).await;
            self.paces.entry(topic).or_default().tell_later(head);
        }
    }

    async fn send(&mut self, to: Channel, announcement: &Announcement) {
        while let Err(wait) = self.all.take(ALL_RATE, ALL_BURST, self.inner.clock.now()) {
            sleep(wait).await;
        }
        match codec::encode(announcement) {
            Ok(data) => self.inner.net.announce(to, data).await,
            Err(error) => tracing::error!("an announcement cannot be encoded: {error}"),
        }
    }
}

impl Pace {
    /// How far the log has come is told in a moment, unless it has come further by then.
    fn tell_later(&mut self, head: Verified<Head>) {
        let due = self.head.take().map_or_else(|| Instant::now() + PAUSE, |(due, _)| due);
        self.head = Some((due, head));
    }
}

/// Whether not everybody may read a topic: then its entries are given to those who ask, if they may have them.
fn is_closed(inner: &Inner, topic: &TopicName) -> bool {
    let logs = inner.logs.lock();
    logs.policies.of(topic).is_some_and(|policy| matches!(policy.value().access, Access::Closed(_)))
}

impl Inner {
    /// Gossips a batch of this node's own. Where too many wait, only how far the log has come is told.
    pub(super) fn announce(&self, batch: Arc<Batch>) {
        if let Err(mpsc::error::TrySendError::Full(batch)) = self.news.try_send(batch) {
            let head = batch.head();
            self.unsaid.lock().insert(head.value().topic.clone(), head.clone());
        }
    }

    /// Takes in what was gossiped, and says whether it is to be passed on.
    pub(super) fn heard(self: &Arc<Self>, source: &libp2p::PeerId, data: &[u8]) -> Verdict {
        let source = node_id(source);
        let announcement = match Announcement::decode(data) {
            Ok(announcement) => announcement,
            Err(error) => {
                self.net.conduct.charge(source, (&error).into(), error);
                return Verdict::Reject;
            }
        };
        let author = announcement.head.author();
        if author == self.me {
            return Verdict::Accept;
        }
        if let Some(peer) = source
            && peer != author
            && !self.net.conduct.is_worth_checking(&peer)
        {
            return Verdict::Ignore;
        }
        match announcement.batch() {
            Some(batch) => match batch.open(&self.network) {
                Ok(batch) => self.heard_batch(source, batch),
                Err(error) => self.refuse(source, &error),
            },
            None => match announcement.head.open(&self.network) {
                Ok(head) => self.heard_head(source, &head),
                Err(error) => self.refuse(source, &error.into()),
            },
        }
    }

    fn refuse(&self, source: Option<NodeId>, error: &BatchError) -> Verdict {
        self.net.conduct.charge(source, fault(error), error);
        Verdict::Reject
    }

    fn heard_batch(self: &Arc<Self>, source: Option<NodeId>, batch: Batch) -> Verdict {
        let (topic, author) = (batch.head().value().topic.clone(), batch.author());
        if !self.is_wanted(&topic) {
            return Verdict::Accept;
        }
        let Some(place) = self.try_place(&batch) else {
            // The disk is slow. What is not taken in now is found later.
            self.catch_up(&topic, author, source);
            return Verdict::Ignore;
        };
        let at = Taking { network: &self.network, now: self.clock.wall() };
        let came = self.logs.lock().take(Arc::new(batch), Some(place), &at);
        match came {
            Came::New => {
                self.bell.ring();
                source.into_iter().for_each(|peer| self.fill_back(peer));
                Verdict::Accept
            }
            Came::Old => Verdict::Accept,
            Came::NotAllowed => Verdict::Ignore,
            Came::Refused(refused) => self.not_taken(&topic, author, source, &refused),
        }
    }

    fn not_taken(
        self: &Arc<Self>,
        topic: &TopicName,
        author: NodeId,
        source: Option<NodeId>,
        refused: &Refused,
    ) -> Verdict {
        match refused {
            Refused::Missing { .. } => {
                self.catch_up(topic, author, source);
                Verdict::Accept
            }
            // Others are to see it, too.
            Refused::Forked(_) => {
                self.bell.ring();
                Verdict::Accept
            }
            Refused::Future { .. } => {
                self.net.conduct.charge(source.filter(|peer| *peer == author), Fault::FutureDated, refused);
                Verdict::Ignore
            }
            refused => {
                tracing::debug!(%author, %topic, "not taken in: {refused}");
                Verdict::Ignore
            }
        }
    }

    fn heard_head(self: &Arc<Self>, source: Option<NodeId>, head: &Verified<Head>) -> Verdict {
        let (at, author) = (head.value(), head.author());
        if !self.is_wanted(&at.topic) {
            return Verdict::Accept;
        }
        let behind = {
            let logs = self.logs.lock();
            let known = logs.log(&at.topic, &author).and_then(|log| log.chain(at.epoch)).map(|chain| chain.last());
            known.is_none_or(|known| known < at.last()) && !logs.shelf.is_paused(&at.topic, author)
        };
        if behind {
            self.catch_up(&at.topic, author, source);
        }
        Verdict::Accept
    }

    /// Whether others' entries of this topic are wanted here. One that a subscriber's pattern stands for is, from now on.
    fn is_wanted(self: &Arc<Self>, topic: &TopicName) -> bool {
        {
            let logs = self.logs.lock();
            if logs.shelf.contains(topic) {
                return !matches!(logs.shelf.scope(topic), Scope::Only(_));
            }
        }
        let scope = self.interests.lock().wants(topic);
        scope.is_some_and(|scope| {
            self.want(topic, scope);
            true
        })
    }
}

/// What whoever passes on such a batch has done.
pub(super) fn fault(error: &BatchError) -> Fault {
    match error {
        BatchError::Head(error) => error.into(),
        BatchError::TooLong { .. } => Fault::Oversize,
        BatchError::NotCovered { .. } => Fault::Forged,
        _ => Fault::Malformed,
    }
}
