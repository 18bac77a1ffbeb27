//! Subscribing, and publishing, over a WebSocket.
//!
//! What is told comes as text, one JSON object each: `{"subscribed": …}`, `{"message": …}` and `{"gap": …}` as at the control socket,
//! each with a `cursor` that `?after=` takes. What the client sends, text or binary, is published on the topic at the level `local`, if it
//! is a topic and no pattern; nothing is answered to that but what everybody is told, and the socket is closed where it fails.

use std::{sync::Arc, time::Duration};

use atoll_protocol::limits;
use axum::{
    extract::{
        FromRequestParts, Request,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream::SplitStream};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    super::{
        Shared,
        call::socket::{READ_BUFFER, WRITE_BUFFER, no_socket},
        problem::Problem,
    },
    subscribe::{Following, Told, begin},
};
use crate::{
    Topic,
    control::api::{GapRow, MessageRow},
};

/// How often a client is asked whether it is still there.
const PULSE: Duration = Duration::from_secs(15);
/// The close code for a message that cannot be published (RFC 6455, section 7.4.1: "policy violation").
const REFUSED: u16 = 1008;

/// `GET /v1/topics/{topic}`.
pub(super) async fn open(shared: &Arc<Shared>, topics: &str, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(no_socket)?;
    let following = begin(shared, topics, &parts.uri, None)?;
    let topic = topics.parse().ok().map(|topic| shared.node().map(|node| node.broker.topic(topic))).transpose()?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(limits::ENTRY_PAYLOAD)
        .max_frame_size(limits::ENTRY_PAYLOAD);
    Ok(upgrade.on_upgrade(move |socket| carry(socket, following, topic)))
}

async fn carry(socket: WebSocket, mut following: Following, topic: Option<Topic>) {
    let (mut out, mut incoming) = socket.split();
    let telling = async {
        let at = following.at_unix_ms;
        let begun = text(&Line { subscribed: Some(Begun { at_unix_ms: at }), ..Line::of(&following) });
        out.send(begun).await.ok()?;
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse.reset();
        loop {
            let message = tokio::select! {
                told = following.next() => match told? {
                    Told::Message(row) => text(&Line { message: Some(&row), ..Line::of(&following) }),
                    Told::Gap(row) => text(&Line { gap: Some(&row), ..Line::of(&following) }),
                },
                _ = pulse.tick() => Message::Ping(Bytes::new()),
            };
            out.send(message).await.ok()?;
        }
    };
    let refused: Option<String> = tokio::select! {
        refused = publish(&mut incoming, topic) => refused,
        _gone = telling => { let _: Option<std::convert::Infallible> = _gone; None },
    };
    if let Some(reason) = refused {
        let end = (0..=123.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        let reason: Utf8Bytes = reason.get(..end).unwrap_or_default().into();
        // It is told, or not there any more.
        let _ = out.send(Message::Close(Some(CloseFrame { code: REFUSED, reason }))).await;
    }
    let _ = out.close().await;
}

/// Publishes what comes until the client leaves; why not, if something cannot be.
async fn publish(incoming: &mut SplitStream<WebSocket>, topic: Option<Topic>) -> Option<String> {
    while let Some(Ok(message)) = incoming.next().await {
        let payload = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        let Some(topic) = &topic else { return Some("nothing can be published on a pattern".to_owned()) };
        if let Err(error) = topic.publish_raw(payload).await {
            return Some(error.to_string());
        }
    }
    None
}

/// One message of the socket.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribed: Option<Begun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a MessageRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'a GapRow>,
    cursor: String,
}

#[derive(Serialize)]
struct Begun {
    at_unix_ms: u64,
}

impl Line<'_> {
    fn of(following: &Following) -> Self {
        Self { subscribed: None, message: None, gap: None, cursor: following.cursor.text() }
    }
}

fn text(line: &Line<'_>) -> Message {
    // Names, numbers and text can always be written.
    Message::Text(serde_json::to_string(line).unwrap_or_default().into())
}
