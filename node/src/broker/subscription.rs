//! Subscribing on this node.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    service::UnixMillis,
    topic::{
        Batch, Epoch, Seq,
        log::{Cursor, Stretch},
        sync::Scope,
    },
};
use bytes::Bytes;
use futures::Stream;
use tokio_util::sync::ReusableBoxFuture;

use super::{
    Inner,
    filter::{Filter, Seen},
    interests::InterestId,
    message::{Delivery, Gap, Message},
    readers::LogRef,
    sessions::{Cursors, TakenUp},
    tail::{Begin, Read, Tail},
    taken::Taken,
};
use crate::error::SubscribeError;

/// Longest name of a session, in bytes.
const SESSION: usize = 64;

/// Where a subscription begins in each author's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// With what is published from now on.
    #[default]
    Latest,
    /// With the oldest that is retained.
    Earliest,
    /// With this position, in each author's log.
    Seq(u64),
    /// With what was published at this time, by its author's clock.
    Time(SystemTime),
}

/// What is subscribed to; see [`Topic::subscribe`](super::Topic::subscribe) and [`Node::subscribe`](crate::Node::subscribe).
#[must_use = "nothing is subscribed to until it is begun"]
#[derive(Debug)]
pub struct Subscribe {
    inner: Arc<Inner>,
    pattern: TopicPattern,
    from: From,
    filter: Filter,
    session: Option<String>,
    after: Cursors,
    confirmed: bool,
    last_per_key: bool,
}

impl Subscribe {
    pub(super) fn new(inner: Arc<Inner>, pattern: TopicPattern) -> Self {
        Self {
            inner,
            pattern,
            from: From::Latest,
            filter: Filter::default(),
            session: None,
            after: BTreeMap::new(),
            confirmed: false,
            last_per_key: false,
        }
    }

    /// Where to begin, [`From::Latest`] by default.
    pub fn from(mut self, from: From) -> Self {
        self.from = from;
        self
    }

    /// Only messages with this header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter.headers.push((name.into(), value.into()));
        self
    }

    /// Only messages with this key.
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.filter.key = Some(key.into());
        self
    }

    /// Of what is there already only the last message for each key, and those without one; then everything.
    pub fn last_per_key(mut self) -> Self {
        self.last_per_key = true;
        self.from = From::Earliest;
        self
    }

    /// Goes on behind this position in the log of this author; in logs of which nothing is said, it begins as is said otherwise. As
    /// often as there are logs, and epochs of them.
    pub fn after(mut self, topic: TopicName, author: NodeId, epoch: Epoch, seq: Seq) -> Self {
        self.after.entry((topic, author)).or_default().pass(epoch, seq);
        self
    }

    /// Goes on where the last subscription of this name on this node has ended, as often as one begins; the first one begins as is
    /// said otherwise. A message counts as taken once the next one is asked for. 64 bytes at most.
    pub fn session(mut self, name: impl Into<String>) -> Self {
        self.session = Some(name.into());
        self
    }

    /// What a session is given counts as taken only once [`Subscription::confirm`] says so: for whoever hands it on.
    pub fn confirmed(mut self) -> Self {
        self.confirmed = true;
        self
    }

    /// Begins the subscription.
    ///
    /// # Errors
    /// [`SubscribeError`] if there are too many already, the session is in use, or the node is stopping.
    pub fn begin(self) -> Result<Subscription, SubscribeError> {
        let Self { inner, pattern, from, filter, session, after, confirmed, last_per_key } = self;
        if let Some(name) = session.as_ref().filter(|name| name.is_empty() || name.len() > SESSION) {
            return Err(SubscribeError::Session { session: name.clone(), most: SESSION });
        }
        if inner.has_ended() {
            return Err(SubscribeError::Stopped);
        }
        let begin = match from {
            From::Latest => Begin::Latest,
            From::Earliest => Begin::Earliest,
            From::Seq(seq) => Begin::Seq(Seq(seq.max(1))),
            From::Time(time) => {
                let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Begin::Time(UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
            }
        };
        let taken_up = session.as_deref().map(|name| inner.begin_session(name, &begin)).transpose()?.flatten();
        let is_new = session.is_some() && taken_up.is_none();
        let TakenUp { begin, cursors } = taken_up.unwrap_or(TakenUp { begin, cursors: after });
        // Only news is wanted, unless something may have been missed.
        let scope = if begin == Begin::Latest && cursors.is_empty() { Scope::News } else { Scope::Everything };
        let done = inner.name_cursors(cursors);
        let tail = match Tail::new(&inner, std::slice::from_ref(&pattern), begin, done) {
            Ok(tail) => tail,
            Err(full) => {
                session.iter().for_each(|name| inner.end_session(name));
                return Err(SubscribeError::TooMany { reason: full.to_string() });
            }
        };
        // Where it begins in each log is where it goes on, if nothing comes in between.
        let new = session.as_deref().filter(|_| is_new);
        new.into_iter().for_each(|name| inner.note_session(name, tail.cursors()));
        let mut taken = session.is_some().then(|| Taken::new(tail.cursors().clone()));
        if let Some(taken) = taken.as_mut().filter(|_| last_per_key) {
            taken.hold_back();
        }
        let interest = inner.begin_interest(&pattern, scope);
        let state = State {
            inner,
            interest,
            filter,
            session,
            taken,
            confirmed,
            seen: Seen::default(),
            current: None,
            latest: last_per_key.then(HashMap::new),
            ready: VecDeque::new(),
        };
        Ok(Subscription { state, tail: Reading::Idle(Some(Box::new(tail))) })
    }
}

/// A stream of messages; see [`Subscribe`]. It reads from the logs at its own pace: whoever takes nothing holds up nobody and
/// loses nothing.
///
/// It ends once the node has stopped.
#[derive(Debug)]
pub struct Subscription {
    state: State,
    tail: Reading,
}

type Next = ReusableBoxFuture<'static, (Box<Tail>, Option<Read>)>;

enum Reading {
    Idle(Option<Box<Tail>>),
    Under(Next),
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reading")
    }
}

#[derive(Debug)]
struct State {
    inner: Arc<Inner>,
    interest: InterestId,
    filter: Filter,
    session: Option<String>,
    /// How far messages were taken, of a session.
    taken: Option<Taken>,
    /// Whether they are so only once that is said.
    confirmed: bool,
    seen: Seen,
    current: Option<Current>,
    /// The last message for each key, until the end of what is there has been reached.
    latest: Option<HashMap<Bytes, Message>>,
    ready: VecDeque<Message>,
}

/// What was read and not given yet.
#[derive(Debug)]
struct Current {
    log: LogRef,
    batch: Arc<Batch>,
    left: Stretch,
}

impl Subscription {
    /// Everything that was given has been taken: a session goes on behind it, also if nothing more is asked for.
    pub fn commit(&mut self) {
        self.confirm(usize::MAX);
    }

    /// The oldest messages and gaps that were given and not confirmed, so many, have been taken: a session goes on behind them.
    pub fn confirm(&mut self, count: usize) {
        self.state.confirm(count);
    }

    /// How many messages and gaps a session was given that are not confirmed.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.state.taken.as_ref().map_or(0, Taken::unconfirmed)
    }

    /// The next message, or gap; none once the node has stopped.
    pub async fn next(&mut self) -> Option<Delivery> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        if !self.state.confirmed {
            // The next one is asked for.
            self.commit();
        }
        loop {
            if let Some(message) = self.state.next_ready() {
                self.state.give(&message.log, message.epoch(), message.seq);
                return Poll::Ready(Some(Delivery::Message(message)));
            }
            let (tail, read) = match &mut self.tail {
                Reading::Idle(tail) => {
                    let Some(tail) = tail.take() else { return Poll::Ready(None) };
                    self.tail = Reading::Under(ReusableBoxFuture::new(next(tail)));
                    continue;
                }
                Reading::Under(reading) => {
                    let (tail, read) = std::task::ready!(reading.poll(cx));
                    (tail, read)
                }
            };
            let Some(read) = read else {
                self.tail = Reading::Idle(None);
                return Poll::Ready(None);
            };
            if let Reading::Under(reading) = &mut self.tail {
                reading.set(next(tail));
            }
            if let Some((log, gap)) = self.state.take(read) {
                self.state.give(&log, gap.epoch, gap.to);
                return Poll::Ready(Some(Delivery::Gap(gap)));
            }
        }
    }
}

async fn next(mut tail: Box<Tail>) -> (Box<Tail>, Option<Read>) {
    let read = tail.next().await;
    (tail, read)
}

impl State {
    fn take(&mut self, read: Read) -> Option<(LogRef, Gap)> {
        match read {
            Read::Batch { log, batch, entries } => {
                self.current = Some(Current { log, batch, left: entries });
                None
            }
            Read::End => {
                self.reached_end();
                None
            }
            Read::Gap { log, gap } => {
                let (epoch, from, to) = (gap.epoch, gap.entries.from, gap.entries.to);
                let gap = Gap { topic: log.topic.clone(), author: log.author, epoch, from, to };
                Some((log, gap))
            }
        }
    }

    fn next_ready(&mut self) -> Option<Message> {
        while let Some(message) = self.next_admitted() {
            match &mut self.latest {
                None => return Some(message),
                Some(latest) => match message.key() {
                    Some(key) => drop(latest.insert(Bytes::copy_from_slice(key), message)),
                    None => self.ready.push_back(message),
                },
            }
        }
        if self.latest.is_some() { None } else { self.ready.pop_front() }
    }

    /// What is there has been read: from now on messages are given as they come.
    fn reached_end(&mut self) {
        let Some(latest) = self.latest.take() else { return };
        let mut all: Vec<Message> = latest.into_values().collect();
        all.extend(self.ready.drain(..));
        all.sort_by_key(|message| (message.time(), message.author(), message.seq));
        self.ready.extend(all);
        self.let_go();
    }

    fn next_admitted(&mut self) -> Option<Message> {
        loop {
            let Current { log, batch, left } = self.current.as_mut()?;
            let seq = left.from;
            let message = Message::new(Arc::clone(log), Arc::clone(batch), seq);
            let (log, epoch) = (Arc::clone(log), batch.head().value().epoch);
            match Stretch::between(seq.next(), left.to) {
                Some(rest) => *left = rest,
                None => self.current = None,
            }
            // What was given before has been taken.
            self.passed(&log, epoch, seq.before());
            let Some(message) = message else { continue };
            let Some(entry) = message.entry() else { continue };
            let policy = matches!(entry.policy(), Ok(Some(_)) | Err(_));
            if policy || !self.filter.admits(entry) {
                continue;
            }
            if message.id().is_some_and(|id| !self.seen.is_new(id)) {
                continue;
            }
            return Some(message);
        }
    }

    /// Something is given that ends at this position.
    fn give(&mut self, log: &LogRef, epoch: Epoch, to: Seq) {
        if let Some(taken) = &mut self.taken {
            taken.give(log, epoch, to);
        }
        self.let_go();
    }

    /// Up to here there is nothing more to be given.
    fn passed(&mut self, log: &LogRef, epoch: Epoch, to: Seq) {
        let changed = self.taken.as_mut().and_then(|taken| taken.pass(log, epoch, to));
        if let (Some(session), Some(cursor)) = (&self.session, changed) {
            self.inner.note_session(session, [(log, cursor)]);
        }
    }

    /// The last of what was held back has been given, or there was nothing.
    fn let_go(&mut self) {
        if self.latest.is_some() || !self.ready.is_empty() {
            return;
        }
        let changed = self.taken.as_mut().map(Taken::let_go).unwrap_or_default();
        self.note(&changed);
    }

    fn confirm(&mut self, count: usize) {
        let changed = self.taken.as_mut().map(|taken| taken.confirm(count)).unwrap_or_default();
        self.note(&changed);
    }

    fn note(&self, changed: &[(LogRef, Cursor)]) {
        if let Some(session) = self.session.as_ref().filter(|_| !changed.is_empty()) {
            self.inner.note_session(session, changed.iter().map(|(log, cursor)| (log, cursor)));
        }
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.get_mut().poll(cx)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.inner.end_interest(self.interest);
        if let Some(session) = &self.session {
            self.inner.end_session(session);
        }
    }
}

impl Inner {
    fn name_cursors(&self, cursors: Cursors) -> HashMap<LogRef, Cursor> {
        let mut logs = self.logs.lock();
        let named = cursors.into_iter().map(|((topic, author), cursor)| (logs.readers.name(&topic, author), cursor));
        named.collect()
    }
}
