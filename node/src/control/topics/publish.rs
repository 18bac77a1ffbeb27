//! `/v1/topics/publish`: any number of messages over one HTTP exchange.
//!
//! ```text
//! request   {"topic": "rooms/lobby", "ack": "kept:2", "text": "ahoy"}    one message a line, published as it comes
//!           {"json": {"a": 1}}                                           topic, ack and within_ms as in the first line
//!           …
//!
//! response  {"published": {"topic": "rooms/lobby", "seq": 17, …}}        one line for each message, in their order
//!           {"failed": {"error": "…", "reached": "local"}}
//! ```
//!
//! Many messages are under way at a time, so that they are written together. A first line that says nothing sensible is refused as a
//! whole; from then on each line fails by itself, and the next ones are published all the same.

use std::{
    convert::Infallible,
    sync::{Arc, Weak},
    time::Duration,
};

use atoll_protocol::names::TopicName;
use axum::{
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream::{self, FuturesOrdered},
};

use super::{name, refused};
use crate::{
    AckLevel,
    control::{
        api::{FailedRow, PublishEvent, PublishRequest, PublishedRow},
        lines::Lines,
        routes::{Failure, Shared, node},
    },
    error::PublishError,
    node::Inner,
};

/// Messages of one request that may be under way.
const UNDER_WAY: usize = 8 * 1024;
/// How much of the answer is said at a time, in bytes, where there is so much to say.
const AT_A_TIME: usize = 32 * 1024;

pub(crate) async fn publish(state: Shared, body: Body) -> Result<Response, Failure> {
    let mut lines = Lines::new(body);
    let head = lines.next().await.map_err(refused)?;
    let head = head.ok_or_else(|| refused("the body is empty; each of its lines is a message"))?;
    let first: PublishRequest =
        serde_json::from_slice(&head).map_err(|e| refused(format!("the first line is no message: {e}")))?;
    let topic = first.topic.as_deref().ok_or_else(|| refused("the first line names no topic"))?;
    let (topic, ack) = (name(topic)?, level(first.ack.as_deref())?.unwrap_or(AckLevel::Local));
    // It must not stay because somebody may still have something to say.
    let node = Arc::downgrade(&node(&state)?);
    let publisher = Publisher { node, topic, ack, within: first.within_ms.map(Duration::from_millis) };
    let mut publishing = Publishing { lines, publisher, under_way: FuturesOrdered::new(), is_read: false };
    publishing.take(Ok(first)).await;
    let body = Body::from_stream(stream::unfold(publishing, Publishing::next));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn level(text: Option<&str>) -> Result<Option<AckLevel>, Failure> {
    text.map(str::parse).transpose().map_err(|e: <AckLevel as std::str::FromStr>::Err| refused(e))
}

/// Publishes, with what the first line has said.
struct Publisher {
    node: Weak<Inner>,
    topic: TopicName,
    ack: AckLevel,
    within: Option<Duration>,
}

struct Publishing {
    lines: Lines<Body>,
    publisher: Publisher,
    under_way: FuturesOrdered<BoxFuture<'static, PublishEvent>>,
    /// Whether the request has been read to its end.
    is_read: bool,
}

impl Publishing {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut said = Vec::new();
        loop {
            let may_read = !self.is_read && self.under_way.len() < UNDER_WAY;
            tokio::select! {
                // What there is to read is read first, since what is published together costs least.
                biased;
                line = self.lines.next(), if may_read => match line {
                    Ok(Some(line)) => {
                        let read = serde_json::from_slice(&line).map_err(|e| format!("this line is no message: {e}"));
                        self.take(read).await;
                    }
                    Ok(None) => self.is_read = true,
                    Err(error) => {
                        self.is_read = true;
                        self.take(Err(error.to_string())).await;
                    }
                },
                Some(event) = self.under_way.next(), if !self.under_way.is_empty() => {
                    write(&event, &mut said);
                    while said.len() < AT_A_TIME && let Some(Some(event)) = self.under_way.next().now_or_never() {
                        write(&event, &mut said);
                    }
                    return Some((Ok(said.into()), self));
                },
                else => return None,
            }
        }
    }

    /// Publishes what a line says, once there is room for it.
    async fn take(&mut self, read: Result<PublishRequest, String>) {
        let sent = match read {
            Ok(message) => self.publisher.send(&message).await,
            Err(error) => Err(failed(error)),
        };
        self.under_way.push_back(sent.unwrap_or_else(|event| future::ready(event).boxed()));
    }
}

impl Publisher {
    async fn send(&self, message: &PublishRequest) -> Result<BoxFuture<'static, PublishEvent>, PublishEvent> {
        let topic = message.topic.as_deref().map(name).transpose().map_err(|e| failed(e.1))?;
        let topic = topic.unwrap_or_else(|| self.topic.clone());
        let ack = level(message.ack.as_deref()).map_err(|e| failed(e.1))?.unwrap_or(self.ack);
        let node = self.node.upgrade().ok_or_else(|| failed(PublishError::Stopped.to_string()))?;
        let mut publish = node.broker.topic(topic.clone()).publish_raw(message.payload().map_err(failed)?).ack(ack);
        drop(node);
        if let Some(within) = message.within_ms.map(Duration::from_millis).or(self.within) {
            publish = publish.within(within);
        }
        if let Some(key) = message.key().map_err(failed)? {
            publish = publish.key(key);
        }
        if let Some(id) = message.id().map_err(failed)? {
            publish = publish.id(id);
        }
        for (name, value) in &message.headers {
            publish = publish.header(name, value);
        }
        let sent = publish.send().await.map_err(|error| not_published(&error))?;
        let published = sent.map(|outcome| match outcome {
            Ok(done) => PublishEvent::Published(PublishedRow {
                topic,
                epoch: done.epoch,
                seq: done.seq,
                level: done.level.to_string(),
            }),
            Err(error) => not_published(&error),
        });
        Ok(published.boxed())
    }
}

fn not_published(error: &PublishError) -> PublishEvent {
    let reached = match error {
        PublishError::NotReached { reached, .. } => Some(reached.to_string()),
        _ => None,
    };
    PublishEvent::Failed(FailedRow { error: error.to_string(), reached })
}

fn failed(error: String) -> PublishEvent {
    PublishEvent::Failed(FailedRow { error, reached: None })
}

fn write(event: &PublishEvent, to: &mut Vec<u8>) {
    // Names and numbers can always be written.
    let _ = serde_json::to_writer(&mut *to, event);
    to.push(b'\n');
}
