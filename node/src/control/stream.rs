//! `/v1/call/stream`: a stream that is carried for whoever asks, over one HTTP exchange, both ways at a time.
//!
//! ```text
//! request   {"service": "chat", "method": "room", …}    what to call, as in /v1/call, without a body
//!           "hello"                                     one message a line, sent as it comes
//!           …                                           the end of the body finishes this side
//!
//! response  {"message": …}                              one line for each message, as it comes
//!                                                       a blank line now and then, while there is nothing to say
//!           {"status": {"code": "ok", …}, "micros": 12} how it ended; always the last line
//! ```
//!
//! Nothing is queued here: each side is read only as fast as the other takes it. When the connection breaks, hyper
//! drops the response's body, with it the stream's two halves, and that cancels the stream. A connection is found
//! broken by reading it or writing to it, and it is not read while the service takes nothing: hence the blank lines.

use std::{convert::Infallible, time::Duration};

use atoll_protocol::{limits, rpc::Status};
use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, Fuse},
    stream,
};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::{
    sync::oneshot,
    time::{Instant, Interval, MissedTickBehavior, interval, timeout},
};

use super::{
    api::{CallRequest, CallStatus, StreamEvent},
    call::{client, micros_since},
    lines::Lines,
    report,
    routes::{Failure, Shared},
};
use crate::{RawReceiver, RawSender, rpc::Body as Message};

/// How long a client that is gone goes unnoticed, while nothing moves.
const PULSE: Duration = Duration::from_secs(1);
/// How long a client may go on sending after the end. It would not get to read how it ended if its sending failed.
const LINGER: Duration = Duration::from_secs(5);

pub(super) async fn carry(state: Shared, body: Body) -> Result<Response, Failure> {
    let started = Instant::now();
    let refused = |reason: String| Failure(StatusCode::BAD_REQUEST, reason);
    let mut lines = Lines::new(body);
    let head = lines.next().await.map_err(|e| refused(e.to_string()))?;
    let head = head.ok_or_else(|| refused("the body is empty; its first line says what to call".to_owned()))?;
    let request: CallRequest =
        serde_json::from_slice(&head).map_err(|e| refused(format!("the first line does not say what to call: {e}")))?;
    let stage = match open(&state, &request)?.await {
        Ok((sender, receiver)) => Stage::Flowing(Flow::new(lines, sender, receiver, started)),
        Err(status) => Stage::Over(ended(Err(status), started), lines.drain().boxed().fuse()),
    };
    let body = Body::from_stream(stream::unfold(stage, next));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

type Opening = BoxFuture<'static, Result<(RawSender, RawReceiver), Status>>;

fn open(state: &Shared, request: &CallRequest) -> Result<Opening, Failure> {
    let refused = |reason: &str| Err(Failure(StatusCode::BAD_REQUEST, reason.to_owned()));
    if !request.body.is_null() {
        return refused("a stream has no body; its messages follow the first line");
    }
    if request.hedge_ms.is_some() {
        return refused("a stream cannot be hedged; leave out hedge_ms");
    }
    let (client, peer) = client(state, request)?;
    let mut call = client.stream(&request.method);
    if let Some(peer) = peer {
        call = call.peer(peer);
    }
    if let Some(deadline) = request.deadline_ms {
        call = call.deadline(Duration::from_millis(deadline));
    }
    for (key, value) in &request.metadata {
        call = call.metadata(key, value);
    }
    Ok(call.json().boxed())
}

/// What the response has still to say.
enum Stage {
    Flowing(Flow),
    /// The last line, and the rest of the request.
    Over(Bytes, Feeding),
    Lingering(Feeding),
}

/// Passes the request's lines on; done at the end of the request.
type Feeding = Fuse<BoxFuture<'static, ()>>;

async fn next(stage: Stage) -> Option<(Result<Bytes, Infallible>, Stage)> {
    let (said, stage) = match stage {
        Stage::Flowing(flow) => flow.next().await,
        Stage::Over(said, feeding) => (said, Stage::Lingering(feeding)),
        Stage::Lingering(feeding) => {
            // Whether it ends by itself or not, this is the end.
            let _ = timeout(LINGER, feeding).await;
            return None;
        }
    };
    Some((Ok(said), stage))
}

/// A stream under way.
struct Flow {
    receiver: RawReceiver,
    feeding: Feeding,
    /// A line of the request that is no message.
    refusal: Fuse<oneshot::Receiver<Status>>,
    pulse: Interval,
    started: Instant,
}

impl Flow {
    fn new(lines: Lines<Body>, sender: RawSender, receiver: RawReceiver, started: Instant) -> Self {
        let (refuse, refusal) = oneshot::channel();
        let feeding = feed(lines, sender, refuse).boxed().fuse();
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { receiver, feeding, refusal: refusal.fuse(), pulse, started }
    }

    async fn next(mut self) -> (Bytes, Stage) {
        loop {
            tokio::select! {
                // A service that always has something to say is to hear what it is told all the same.
                biased;
                () = &mut self.feeding => {}
                Ok(status) = &mut self.refusal => return self.end(Err(status)).await,
                message = self.receiver.next() => return match message {
                    Ok(Some(message)) => (line(&event(message)), Stage::Flowing(self)),
                    Ok(None) => self.end(Ok(())).await,
                    Err(status) => self.end(Err(status)).await,
                },
                _ = self.pulse.tick() => return (Bytes::from_static(b"\n"), Stage::Flowing(self)),
            }
        }
    }

    /// What ends the response. A client stream's answer is its only message.
    async fn end(self, result: Result<(), Status>) -> (Bytes, Stage) {
        let Self { receiver, feeding, started, .. } = self;
        let (said, result) = match result {
            Ok(()) => match receiver.answer().await.map(|answer| answer_event(&answer)) {
                Ok(Some(Ok(answer))) => (line(&answer), Ok(())),
                Ok(Some(Err(status))) | Err(status) => (Bytes::new(), Err(status)),
                Ok(None) => (Bytes::new(), Ok(())),
            },
            Err(status) => {
                // Dropped, that is cancelled: whatever is still fed is to go nowhere.
                drop(receiver);
                (Bytes::new(), Err(status))
            }
        };
        let last = ended(result, started);
        if said.is_empty() { (last, Stage::Lingering(feeding)) } else { (said, Stage::Over(last, feeding)) }
    }
}

/// Sends the lines until there are no more, or nobody wants them; what is left then is read and dropped.
async fn feed(mut lines: Lines<Body>, mut sender: RawSender, refuse: oneshot::Sender<Status>) {
    let mut number = 0_u64;
    let refused = loop {
        number += 1;
        match lines.next().await {
            Ok(Some(message)) => {
                if let Err(status) = check(&message, number) {
                    break status;
                }
                if sender.send(message).await.is_err() {
                    // The stream is over, and the receiver tells how.
                    return lines.drain().await;
                }
            }
            Ok(None) => return sender.finish(),
            Err(error) => break Status::cancelled(error.to_string()),
        }
    };
    // Told before the sender is dropped, which cancels the stream.
    let _ = refuse.send(refused);
    drop(sender);
    lines.drain().await;
}

fn check(message: &Bytes, number: u64) -> Result<(), Status> {
    let (len, limit) = (message.len(), limits::STREAM_MESSAGE);
    if len > limit {
        let text = format!("message {number} has {len} bytes, at most {limit} can be sent at once; send it in pieces");
        return Err(Status::resource_exhausted(text).retryable(false));
    }
    serde_json::from_slice::<IgnoredAny>(message)
        .map(|_| ())
        .map_err(|e| Status::invalid_argument(format!("message {number} is not JSON: {e}")))
}

/// A message for those who read only JSON. Messages do not say what they are.
fn event(message: Bytes) -> StreamEvent {
    let message = report::body_as_json(&Message::json(message.clone()))
        .or_else(|_| report::body_as_json(&Message::raw(message)))
        .unwrap_or(Value::Null);
    StreamEvent::Message { message }
}

fn answer_event(answer: &Message) -> Option<Result<StreamEvent, Status>> {
    let message = || report::body_as_json(answer).map(|message| StreamEvent::Message { message });
    (!answer.bytes.is_empty()).then(message)
}

fn ended(result: Result<(), Status>, started: Instant) -> Bytes {
    let status = result.map_or_else(|status| (&status).into(), |()| CallStatus::ok());
    line(&StreamEvent::End { status, micros: micros_since(started) })
}

fn line(event: &StreamEvent) -> Bytes {
    // JSON values can always be written.
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
