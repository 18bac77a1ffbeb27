//! `/v1/topics/subscribe`: messages, one a line, as they come, for as long as the client listens.
//!
//! ```text
//! request   {"topics": "rooms/*", "session": "mine", "confirm": true, …}    what to subscribe to
//!           {"taken": 17}                                                   with `confirm`: so many lines have been taken
//!           …                                                               the end of the body ends the subscription
//!
//! response  {"subscribed": {"at_unix_ms": …}}                               from now on
//!           {"message": {"topic": "rooms/lobby", "seq": 17, …}}             one line for each message
//!           {"gap": {"topic": …, "from_seq": 3, "to_seq": 9, …}}            what is no longer to be had
//!                                                                           a blank line now and then
//! ```
//!
//! Nothing is queued here: the logs are read as fast as the client reads. What it has not said to have taken is given again to the
//! session's next subscriber, so little is given ahead of that. What it says is read while it does not read: else a client that
//! confirms each message before it reads on, and this node, would each wait for the other to read.

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use atoll_protocol::names::{NameError, TopicPattern};
use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{FutureExt, stream};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{payload::Field, refused};
use crate::{
    Delivery, From, Gap, Message, Subscribe, Subscription,
    control::{
        api::{GapRow, MessageRow, SubscribeEvent, SubscribeFrom, SubscribeRequest, TakenCount},
        lines::Lines,
        routes::{Failure, Shared, node},
    },
    error::SubscribeError,
};

/// How long a client that is gone goes unnoticed, while nothing is published.
const PULSE: Duration = Duration::from_secs(1);
/// Messages that are given ahead of what was confirmed.
const AHEAD: usize = 1024;
/// How much is said at a time, in bytes, where there is so much to say.
const AT_A_TIME: usize = 32 * 1024;

pub(crate) async fn subscribe(state: Shared, body: Body) -> Result<Response, Failure> {
    let mut lines = Lines::new(body);
    let head = lines.next().await.map_err(refused)?;
    let head = head.ok_or_else(|| refused("the body is empty; its first line says what to subscribe to"))?;
    let request: SubscribeRequest = serde_json::from_slice(&head)
        .map_err(|e| refused(format!("the first line does not say what to subscribe to: {e}")))?;
    let pattern: TopicPattern = request.topics.parse().map_err(|e: NameError| refused(e))?;
    if request.confirm && request.session.is_none() {
        return Err(refused("only a session remembers what was confirmed; name one, or leave out confirm"));
    }
    let node = node(&state)?;
    let subscribed = SubscribeEvent::Subscribed { at_unix_ms: node.clock.wall().0 };
    let subscription = asked(node.broker.subscribe(pattern), &request).begin().map_err(|e| match e {
        SubscribeError::SessionInUse { .. } => Failure(StatusCode::CONFLICT, e.to_string()),
        SubscribeError::TooMany { .. } => Failure(StatusCode::TOO_MANY_REQUESTS, e.to_string()),
        SubscribeError::Session { .. } => refused(e),
        SubscribeError::Stopped => Failure(StatusCode::SERVICE_UNAVAILABLE, e.to_string()),
    })?;
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let telling = Telling {
        subscription,
        first: Some(subscribed),
        confirming: request.confirm.then(|| listen(lines)),
        taken: 0,
        pulse,
    };
    let body = Body::from_stream(stream::unfold(telling, Telling::next));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn asked(mut subscribe: Subscribe, request: &SubscribeRequest) -> Subscribe {
    subscribe = subscribe.from(begin(request.from));
    for at in &request.after {
        subscribe = subscribe.after(at.topic.clone(), at.author, at.epoch, at.seq);
    }
    for (name, value) in &request.headers {
        subscribe = subscribe.header(name, value);
    }
    if let Some(key) = &request.key {
        subscribe = subscribe.key(key.clone());
    }
    if request.last_per_key {
        subscribe = subscribe.last_per_key();
    }
    if let Some(session) = &request.session {
        subscribe = subscribe.session(session);
    }
    if request.confirm { subscribe.confirmed() } else { subscribe }
}

/// Where to begin, as the library says it.
pub(in crate::control) fn begin(from: SubscribeFrom) -> From {
    match from {
        SubscribeFrom::Latest => From::Latest,
        SubscribeFrom::Earliest => From::Earliest,
        SubscribeFrom::Seq(seq) => From::Seq(seq),
        SubscribeFrom::AtUnixMs(millis) => {
            // Later than any clock can say is never.
            From::Time(UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH))
        }
    }
}

struct Telling {
    subscription: Subscription,
    first: Option<SubscribeEvent>,
    /// How much the rest of the request says to have been taken; closed once that has ended.
    confirming: Option<watch::Receiver<u64>>,
    /// How much of that was noted.
    taken: u64,
    pulse: Interval,
}

impl Telling {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut said = Vec::new();
        if let Some(first) = self.first.take() {
            write(&first, &mut said);
            return Some((Ok(said.into()), self));
        }
        loop {
            let has_room = self.confirming.is_none() || self.subscription.unconfirmed() < AHEAD;
            tokio::select! {
                biased;
                Some(taken) = confirmation(&mut self.confirming) => match taken {
                    Ok(taken) => self.confirm(taken),
                    // Whoever has no more to say has left.
                    Err(_) => return None,
                },
                delivery = self.subscription.next(), if has_room => {
                    write(&event(delivery?), &mut said);
                    self.tell_more(&mut said);
                    return Some((Ok(said.into()), self));
                },
                _ = self.pulse.tick() => return Some((Ok(Bytes::from_static(b"\n")), self)),
            }
        }
    }

    /// What else is at hand.
    fn tell_more(&mut self, said: &mut Vec<u8>) {
        while said.len() < AT_A_TIME
            && (self.confirming.is_none() || self.subscription.unconfirmed() < AHEAD)
            && let Some(Some(delivery)) = self.subscription.next().now_or_never()
        {
            write(&event(delivery), said);
        }
    }

    fn confirm(&mut self, taken: u64) {
        let more = taken.saturating_sub(self.taken);
        self.taken = self.taken.max(taken);
        self.subscription.confirm(usize::try_from(more).unwrap_or(usize::MAX));
    }
}

/// Reads what has been taken, until the request ends or nobody wants to know any more.
fn listen(mut lines: Lines<Body>) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    tokio::spawn(async move {
        let listening = async {
            while let Ok(Some(line)) = lines.next().await {
                match serde_json::from_slice(&line) {
                    Ok(TakenCount { taken }) => drop(sender.send_replace(taken)),
                    Err(_) => tracing::debug!("a line of a subscriber says nothing of what was taken"),
                }
            }
        };
        tokio::select! {
            () = listening => {}
            () = sender.closed() => {}
        }
    });
    receiver
}

/// How much has been taken, once there is more of it; none if nothing is to be confirmed.
async fn confirmation(confirming: &mut Option<watch::Receiver<u64>>) -> Option<Result<u64, watch::error::RecvError>> {
    let confirming = confirming.as_mut()?;
    Some(confirming.changed().await.map(|()| *confirming.borrow_and_update()))
}

fn event(delivery: Delivery) -> SubscribeEvent {
    match delivery {
        Delivery::Message(message) => SubscribeEvent::Message(Box::new(row(&message))),
        Delivery::Gap(gap) => SubscribeEvent::Gap(gap_row(gap)),
    }
}

/// A gap, as it is told.
pub(crate) fn gap_row(Gap { topic, author, epoch, from, to }: Gap) -> GapRow {
    let messages = to.0.saturating_sub(from.0).saturating_add(1);
    GapRow { topic, author, epoch, from_seq: from, to_seq: to, messages }
}

/// A message, as it is told.
pub(crate) fn row(message: &Message) -> MessageRow {
    let name = |bytes: Option<&Bytes>| bytes.map_or((None, None), |bytes| Field::of_name(bytes).split());
    let ((key, key_base64), (id, id_base64)) = (name(message.key()), name(message.id()));
    let (mut json, mut text, mut base64) = (None, None, None);
    match Field::of_payload(message.payload()) {
        Field::Json(payload) => json = Some(payload),
        Field::Text(payload) => text = Some(payload),
        Field::Base64(payload) => base64 = Some(payload),
    }
    MessageRow {
        topic: message.topic().clone(),
        author: message.author(),
        epoch: message.epoch(),
        seq: message.seq(),
        at_unix_ms: message.time().millis().0,
        key,
        key_base64,
        id,
        id_base64,
        headers: message.headers().clone(),
        json,
        text,
        base64,
    }
}

fn write(event: &SubscribeEvent, to: &mut Vec<u8>) {
    // Names, numbers and text can always be written.
    let _ = serde_json::to_writer(&mut *to, event);
    to.push(b'\n');
}
