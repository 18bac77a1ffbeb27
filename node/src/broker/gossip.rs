//! What is gossiped about topics: news goes out with its entries while it is little, else only how far a log has come.

use std::{collections::HashMap, sync::Arc, time::Duration};

use atoll_protocol::{
    codec,
    identity::NodeId,
    names::TopicName,
    sealed::Verified,
    topic::{
        Access, Announcement, Batch, BatchError, Head,
        log::Refused,
        sync::{Scope, TopicId},
    },
};
use atoll_registry::{exchange::Verdict, peers::conduct::Fault};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
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
/// Topics whose pace is remembered; of more the slowest are forgotten.
const TOPICS: usize = 4_096;

/// The channel that a topic is gossiped on.
pub(super) fn channel(topic: &TopicName) -> Channel {
    // Below the count, which a byte holds.
    Channel::Entries(u8::try_from(TopicId::of(topic).0 % Channel::COUNT).unwrap_or_default())
}

/// How fast a topic is published on.
struct Pace {
    tokens: f64,
    at: Instant,
    /// A head that is still to be told, and when.
    head: Option<(Instant, Verified<Head>)>,
}

/// Gossips what this node publishes, for as long as it lives.
pub(super) async fn tell(inner: Arc<Inner>, mut news: mpsc::Receiver<Arc<Batch>>) {
    let mut paces: HashMap<TopicName, Pace> = HashMap::new();
    loop {
        let due = paces.values().filter_map(|pace| Some(pace.head.as_ref()?.0)).min();
        tokio::select! {
            batch = news.recv() => match batch {
                Some(batch) => tell_batch(&inner, &mut paces, &batch).await,
                None => return,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => tell_heads(&inner, &mut paces).await,
        }
    }
}

async fn tell_batch(inner: &Inner, paces: &mut HashMap<TopicName, Pace>, batch: &Batch) {
    let (head, now) = (batch.head(), Instant::now());
    let topic = &head.value().topic;
    if head.value().first == atoll_protocol::topic::Seq::FIRST {
        send(inner, Channel::New, &Announcement::reminder(head.signed())).await;
    }
    if paces.len() >= TOPICS && !paces.contains_key(topic) {
        paces.retain(|_, pace| pace.head.is_some() || now.duration_since(pace.at) < PAUSE);
    }
    let pace = paces.entry(topic.clone()).or_insert(Pace { tokens: BURST, at: now, head: None });
    pace.tokens = (pace.tokens + RATE * now.duration_since(pace.at).as_secs_f64()).min(BURST);
    pace.at = now;
    let news = Announcement::news(batch);
    if pace.tokens >= 1.0 && !news.entries.is_empty() && pace.head.is_none() && !is_closed(inner, topic) {
        pace.tokens -= 1.0;
        send(inner, channel(topic), &news).await;
    } else {
        let due = pace.head.take().map_or(now + PAUSE, |(due, _)| due);
        pace.head = Some((due, head.clone()));
    }
}

/// Whether not everybody may read a topic: then its entries are given to those who ask, if they may have them.
fn is_closed(inner: &Inner, topic: &TopicName) -> bool {
    let logs = inner.logs.lock();
    logs.policies.of(topic).is_some_and(|policy| matches!(policy.value().access, Access::Closed(_)))
}

async fn tell_heads(inner: &Inner, paces: &mut HashMap<TopicName, Pace>) {
    let now = Instant::now();
    let due = |pace: &mut Pace| pace.head.take_if(|(due, _)| *due <= now);
    let heads: Vec<_> = paces.values_mut().filter_map(due).collect();
    for (_, head) in heads {
        send(inner, channel(&head.value().topic), &Announcement::reminder(head.signed())).await;
    }
}

async fn send(inner: &Inner, to: Channel, announcement: &Announcement) {
    match codec::encode(announcement) {
        Ok(data) => inner.net.announce(to, data).await,
        Err(error) => tracing::error!("an announcement cannot be encoded: {error}"),
    }
}

impl Inner {
    /// Gossips a batch of this node's own. Where too many wait, whoever wants it finds it by comparing.
    pub(super) fn announce(&self, batch: Arc<Batch>) {
        let _ = self.news.try_send(batch);
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
        self.interests.lock().wants(topic).is_some_and(|scope| {
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
