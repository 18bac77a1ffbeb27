//! What is subscribed to, until it is begun.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::SystemTime,
};

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    service::UnixMillis,
    topic::{Epoch, Seq, log::Cursor, sync::Scope},
};
use bytes::Bytes;

use super::{
    Inner,
    filter::{Filter, Seen},
    readers::LogRef,
    sessions::{Cursors, TakenUp},
    subscription::{State, Subscription},
    tail::{Begin, Tail},
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
        Ok(Subscription::new(state, tail))
    }
}

impl Inner {
    fn name_cursors(&self, cursors: Cursors) -> HashMap<LogRef, Cursor> {
        let mut logs = self.logs.lock();
        let named = cursors.into_iter().map(|((topic, author), cursor)| (logs.readers.name(&topic, author), cursor));
        named.collect()
    }
}
