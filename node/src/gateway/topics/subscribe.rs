//! Subscribing by server-sent events.
//!
//! ```text
//! event: subscribed                          from now on; its id is where to go on, as is each that follows
//! id: AQD…
//! data: {"at_unix_ms": …}
//!
//! id: AQD…
//! data: {"topic": "rooms/lobby", "seq": 17, "json": …}       a message
//!
//! event: gap                                 messages that are no longer to be had
//! id: AQD…
//! data: {"from_seq": 3, "to_seq": 9, …}
//! ```
//!
//! `?from=latest|earliest|seq:N|time:MILLIS` says where to begin, `?key=` and `?header=NAME=VALUE` what to be given, `?session=` that the
//! node is to remember how far this has come. Whoever comes back with `Last-Event-ID` (or `?after=`) goes on behind that event: the
//! logs are the queue, so nothing is missed, and nothing given twice but what a publisher has sent twice under one id. Nothing is queued
//! here: a client that reads slowly is read for slowly, and one that takes nothing for a minute is cut off.

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use atoll_protocol::{
    names::{NameError, TopicPattern},
    rpc::Code,
};
use axum::{
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use bytes::Bytes;
use futures::{FutureExt, stream};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    super::{Shared, figures::Held, params::Params, problem::Problem, sse},
    cursor::Cursor,
};
use crate::{
    Delivery, From, Subscription,
    control::{
        self,
        api::{GapRow, MessageRow, SubscribeFrom},
    },
    error::SubscribeError,
};

/// How much is said at a time, in bytes, where there is so much to say.
const AT_A_TIME: usize = 32 * 1024;
/// The header with which a client comes back.
const LAST_EVENT_ID: &str = "last-event-id";

/// Answers with events.
pub(super) fn events(shared: &Shared, topics: &str, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    let after = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    let following = begin(shared, topics, uri, after)?;
    let mut pulse = interval(sse::PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse.reset();
    let telling = Telling { following, told: false, pulse };
    Ok(sse::response(stream::unfold(telling, Telling::next)))
}

/// A subscription, and how far it has come.
pub(super) struct Following {
    subscription: Subscription,
    pub(super) cursor: Cursor,
    pub(super) at_unix_ms: u64,
    _counted: Held,
}

/// What there is to be told.
pub(super) enum Told {
    Message(Box<MessageRow>),
    Gap(GapRow),
}

impl Following {
    /// The next thing to be told; the cursor stands behind it then. None once the node has stopped.
    pub(super) async fn next(&mut self) -> Option<Told> {
        let delivery = self.subscription.next().await?;
        Some(self.told(delivery))
    }

    /// What else is at hand.
    pub(super) fn at_hand(&mut self) -> Option<Told> {
        let delivery = self.subscription.next().now_or_never()??;
        Some(self.told(delivery))
    }

    fn told(&mut self, delivery: Delivery) -> Told {
        match delivery {
            Delivery::Message(message) => {
                self.cursor.pass(message.topic(), &message.author(), message.epoch(), message.seq());
                Told::Message(Box::new(control::message_row(&message)))
            }
            Delivery::Gap(gap) => {
                self.cursor.pass(&gap.topic, &gap.author, gap.epoch, gap.to);
                Told::Gap(control::gap_row(gap))
            }
        }
    }
}

/// Begins a subscription as the request's address says, behind what a client says to have seen.
pub(super) fn begin(shared: &Shared, topics: &str, uri: &Uri, after: Option<&str>) -> Result<Following, Problem> {
    let params = Params::of(uri, &["from", "after", "key", "header", "session"])?;
    let pattern: TopicPattern = topics.parse().map_err(|e: NameError| Problem::refused(e))?;
    let node = shared.node()?;
    let at_unix_ms = node.clock.wall().0;
    let after = after.or(params.one("after")?);
    let known = after.map(|text| Cursor::read(text).ok_or_else(|| no_cursor(text))).transpose()?;
    let from = params.one("from")?.map(|text| origin(text, at_unix_ms)).transpose()?.unwrap_or_default();
    let mut subscribe = node.broker.subscribe(pattern.clone());
    subscribe = match &known {
        None => subscribe.from(library(from)),
        Some(cursor) => {
            let mut subscribe = subscribe.from(library(cursor.origin));
            for (topic, author) in node.broker.logs_of(&pattern) {
                for (epoch, seq) in cursor.of(&topic, &author) {
                    subscribe = subscribe.after(topic.clone(), author, epoch, seq);
                }
            }
            subscribe
        }
    };
    if let Some(key) = params.one("key")? {
        subscribe = subscribe.key(key.to_owned());
    }
    for header in params.all("header") {
        let (name, value) = header.split_once('=').ok_or_else(|| {
            Problem::refused(format!("header is {header:.64?}; it takes NAME=VALUE, such as lang=en"))
        })?;
        subscribe = subscribe.header(name, value);
    }
    if let Some(session) = params.one("session")? {
        if known.is_some() {
            return Err(Problem::refused("a session remembers where to go on: leave out Last-Event-ID and after"));
        }
        subscribe = subscribe.session(session);
    }
    let subscription = subscribe.begin().map_err(|error| problem(&error))?;
    let cursor = known.unwrap_or_else(|| began(&subscription, from, at_unix_ms));
    Ok(Following { subscription, cursor, at_unix_ms, _counted: shared.figures.subscribed() })
}

/// Where a new subscription stands before anything was given.
fn began(subscription: &Subscription, from: SubscribeFrom, now_ms: u64) -> Cursor {
    let mut cursor = Cursor::begin(from, now_ms);
    for (topic, author, epoch, seq) in subscription.beginnings() {
        cursor.pass(&topic, &author, epoch, seq);
    }
    cursor
}

fn no_cursor(text: &str) -> Problem {
    Problem::refused(format!("{text:.64?} is no position: it takes the id of an event, as it was given"))
}

/// `latest`, `earliest`, `seq:7`, `time:1700000000000`, or `time:-10m` for ten minutes ago.
fn origin(text: &str, now_ms: u64) -> Result<SubscribeFrom, Problem> {
    let wrong = || {
        let said = "it takes latest, earliest, seq:N, time:MILLISECONDS since 1970, or time:-N with s, m, h or d, such as time:-10m";
        Problem::refused(format!("from is {text:.64?}; {said}"))
    };
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    match text.split_once(':') {
        None if text == "latest" => Ok(SubscribeFrom::Latest),
        None if text == "earliest" => Ok(SubscribeFrom::Earliest),
        Some(("seq", seq)) => number(seq).map(SubscribeFrom::Seq),
        Some(("time", time)) => match time.strip_prefix('-') {
            None => number(time).map(SubscribeFrom::AtUnixMs),
            Some(ago) => {
                let unit = match ago.chars().last() {
                    Some('s') => 1_000,
                    Some('m') => 60_000,
                    Some('h') => 3_600_000,
                    Some('d') => 86_400_000,
                    _ => return Err(wrong()),
                };
                let ago = number(ago.get(..ago.len() - 1).unwrap_or_default())?.saturating_mul(unit);
                Ok(SubscribeFrom::AtUnixMs(now_ms.saturating_sub(ago)))
            }
        },
        _ => Err(wrong()),
    }
}

fn library(from: SubscribeFrom) -> From {
    match from {
        SubscribeFrom::Latest => From::Latest,
        SubscribeFrom::Earliest => From::Earliest,
        SubscribeFrom::Seq(seq) => From::Seq(seq),
        SubscribeFrom::AtUnixMs(millis) => {
            From::Time(UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH))
        }
    }
}

fn problem(error: &SubscribeError) -> Problem {
    let said = error.to_string();
    match error {
        SubscribeError::SessionInUse { .. } => Problem::new(Code::Aborted, said).status(StatusCode::CONFLICT),
        SubscribeError::TooMany { .. } => Problem::new(Code::ResourceExhausted, said),
        SubscribeError::Session { .. } => Problem::refused(said),
        SubscribeError::Stopped => Problem::new(Code::Unavailable, said),
    }
}

/// What is said of a subscription.
struct Telling {
    following: Following,
    /// Whether it was said that it has begun.
    told: bool,
    pulse: Interval,
}

impl Telling {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut said = String::new();
        if !self.told {
            self.told = true;
            let text = format!("{{\"at_unix_ms\":{}}}", self.following.at_unix_ms);
            sse::write(&mut said, Some(&self.following.cursor.text()), Some("subscribed"), &text);
            return Some((Ok(said.into()), self));
        }
        let told = tokio::select! {
            told = self.following.next() => told?,
            _ = self.pulse.tick() => return Some((Ok(sse::NOTHING), self)),
        };
        self.write(&told, &mut said);
        while said.len() < AT_A_TIME
            && let Some(told) = self.following.at_hand()
        {
            self.write(&told, &mut said);
        }
        self.pulse.reset();
        Some((Ok(said.into()), self))
    }

    fn write(&self, told: &Told, to: &mut String) {
        // Names, numbers and text can always be written.
        let (name, text) = match told {
            Told::Message(row) => (None, serde_json::to_string(row)),
            Told::Gap(row) => (Some("gap"), serde_json::to_string(row)),
        };
        sse::write(to, Some(&self.following.cursor.text()), name, &text.unwrap_or_default());
    }
}
