//! Subscriptions under way on this node.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{
        Batch, Epoch, Seq,
        log::{Cursor, Stretch},
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
    tail::{Read, Tail},
    taken::Taken,
};

/// A stream of messages; see [`Subscribe`](super::Subscribe). It reads from the logs at its own pace: whoever takes nothing holds up nobody and
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
pub(super) struct State {
    pub(super) inner: Arc<Inner>,
    pub(super) interest: InterestId,
    pub(super) filter: Filter,
    pub(super) session: Option<String>,
    /// How far messages were taken, of a session.
    pub(super) taken: Option<Taken>,
    /// Whether they are so only once that is said.
    pub(super) confirmed: bool,
    pub(super) seen: Seen,
    pub(super) current: Option<Current>,
    /// The last message for each key, until the end of what is there has been reached.
    pub(super) latest: Option<HashMap<Bytes, Message>>,
    pub(super) ready: VecDeque<Message>,
}

/// What was read and not given yet.
#[derive(Debug)]
pub(super) struct Current {
    log: LogRef,
    batch: Arc<Batch>,
    left: Stretch,
}

impl Subscription {
    pub(super) fn new(state: State, tail: Tail) -> Self {
        Self { state, tail: Reading::Idle(Some(Box::new(tail))) }
    }

    /// Where it begins in the logs that there are, before anything was asked for; of those in which that is still to be found, nothing.
    pub(crate) fn beginnings(&self) -> Vec<(TopicName, NodeId, Epoch, Seq)> {
        let Reading::Idle(Some(tail)) = &self.tail else { return Vec::new() };
        let of_log = |(log, cursor): (&LogRef, &Cursor)| {
            let (topic, author) = (log.topic.clone(), log.author);
            cursor.positions().map(|(epoch, seq)| (topic.clone(), author, epoch, seq)).collect::<Vec<_>>()
        };
        tail.cursors().iter().flat_map(of_log).collect()
    }

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
            if message.id().is_some_and(|id| !self.seen.is_new(&log, id)) {
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
