//! Streams over WebSockets (RFC 6455): what is sent is a message, and so is what comes.
//!
//! | the client sends | it means |
//! |---|---|
//! | text | a message in JSON |
//! | binary | a message of bytes |
//! | an empty text | that it has sent all; it goes on listening |
//! | a close frame, or nothing more | that it has left: the stream is cancelled |
//!
//! The gateway sends text for what is text, and binary for other bytes; a client stream's answer is its only message. It closes with
//! 1000 when the stream has ended well, else with 4000 plus the number of the code, and the reason in words. A stream that cannot be
//! opened is refused before, as a problem.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    limits,
    rpc::{Code, Status},
    service::EndpointKind,
};
use axum::{
    extract::{
        FromRequestParts, Path, Request, State,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde::de::IgnoredAny;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    super::{Shared, problem::Problem},
    Options,
};
use crate::{RawReceiver, RawSender};

/// How often a client is asked whether it is still there.
const PULSE: Duration = Duration::from_secs(15);
/// What is read of a connection at a time, in bytes: it is kept for as long as the connection lasts.
pub(in crate::gateway) const READ_BUFFER: usize = 4 * 1024;
/// What may wait to be written, in bytes, beyond which writing waits: two of the largest messages, and their heads.
pub(in crate::gateway) const WRITE_BUFFER: usize = 2 * limits::STREAM_MESSAGE + 1024;
/// Longest reason that a close frame carries, in bytes (RFC 6455, section 5.5).
const REASON: usize = 123;
/// What is added to a code's number; the range below is not the application's (RFC 6455, section 7.4.2).
const CLOSE_CODES: u16 = 4000;

/// `GET /v1/call/{service}/{method}`.
pub(in crate::gateway) async fn open(
    State(shared): State<Arc<Shared>>,
    Path((service, method)): Path<(String, String)>,
    request: Request,
) -> Response {
    match upgrade(&shared, &service, &method, request).await {
        Ok(response) => response,
        Err(problem) => problem.call(&service, &method).into_response(),
    }
}

async fn upgrade(shared: &Shared, service: &str, method: &str, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(no_socket)?;
    let options = Options::of(&parts)?;
    let target = shared.targets.find(shared.node()?, service, options.version.as_deref(), options.peer).await?;
    let shape = target.shape(service, method)?;
    let kind = shape.map_or(EndpointKind::Bidirectional, |shape| shape.kind);
    if kind == EndpointKind::Unary {
        return Err(Problem::refused("this method is no stream: POST its request to this path"));
    }
    let takes_bytes = shape.is_some_and(|shape| shape.takes_bytes);
    let (sender, receiver) = options.open(&target.client, method, takes_bytes).await?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(limits::STREAM_MESSAGE)
        .max_frame_size(limits::STREAM_MESSAGE);
    let feed = Feed { sender: Some(sender), only_one: kind == EndpointKind::ServerStream, takes_bytes };
    Ok(upgrade.on_upgrade(move |socket| carry(socket, feed, receiver)))
}

/// Somebody looks at the path with a browser, or gets the handshake wrong.
pub(in crate::gateway) fn no_socket(rejection: WebSocketUpgradeRejection) -> Problem {
    let said = format!("a GET here opens a WebSocket ({rejection}); one request and its answer are a POST");
    Problem::new(Code::Unimplemented, said)
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .header(header::ALLOW, HeaderValue::from_static("POST"))
}

async fn carry(socket: WebSocket, mut feed: Feed, receiver: RawReceiver) {
    let (mut out, mut incoming) = socket.split();
    let ended = tokio::select! {
        // Whoever has left is told nothing, and what is dropped is cancelled.
        failed = feed.run(&mut incoming) => match failed {
            Some(status) => Err(status),
            None => return,
        },
        ended = tell(&mut out, receiver) => match ended {
            Some(result) => result,
            None => return,
        },
    };
    let frame = match ended {
        Ok(()) => CloseFrame { code: 1000, reason: Utf8Bytes::from_static("ok") },
        Err(status) => CloseFrame { code: CLOSE_CODES + u16::from(status.code() as u8), reason: reason(&status) },
    };
    // It knows already, or is not there any more.
    let _ = out.send(Message::Close(Some(frame))).await;
    let _ = out.close().await;
}

fn reason(status: &Status) -> Utf8Bytes {
    let text = status.to_string();
    let end = (0..=REASON.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().into()
}

/// What the client sends, and where it goes.
struct Feed {
    /// None once all has been sent.
    sender: Option<RawSender>,
    only_one: bool,
    takes_bytes: bool,
}

impl Feed {
    /// Passes messages on until the client leaves, or sends what is none.
    async fn run(&mut self, incoming: &mut SplitStream<WebSocket>) -> Option<Status> {
        while let Some(Ok(message)) = incoming.next().await {
            let message = match message {
                Message::Text(text) if text.is_empty() => {
                    self.finish();
                    continue;
                }
                Message::Text(text) => {
                    if !self.takes_bytes
                        && let Err(error) = serde_json::from_str::<IgnoredAny>(&text)
                    {
                        return Some(Status::invalid_argument(format!("a message is not JSON: {error}")));
                    }
                    Bytes::from(text)
                }
                Message::Binary(bytes) => bytes,
                Message::Close(_) => return None,
                Message::Ping(_) | Message::Pong(_) => continue,
            };
            // Of a stream that is over the receiver tells how it ended.
            if let Some(sender) = &mut self.sender
                && sender.send(message).await.is_ok()
                && self.only_one
            {
                self.finish();
            }
        }
        None
    }

    fn finish(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.finish();
        }
    }
}

/// Tells the client what comes, and how it ends; nothing if the client is gone.
async fn tell(out: &mut SplitSink<WebSocket, Message>, mut receiver: RawReceiver) -> Option<Result<(), Status>> {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse.reset();
    loop {
        let message = tokio::select! {
            said = receiver.next() => match said {
                Ok(Some(message)) => text_or_bytes(message),
                Ok(None) => break,
                Err(status) => return Some(Err(status)),
            },
            _ = pulse.tick() => Message::Ping(Bytes::new()),
        };
        out.send(message).await.ok()?;
    }
    match receiver.answer().await {
        Ok(answer) if answer.bytes.is_empty() => Some(Ok(())),
        Ok(answer) => {
            out.send(text_or_bytes(answer.bytes)).await.ok()?;
            Some(Ok(()))
        }
        Err(status) => Some(Err(status)),
    }
}

fn text_or_bytes(message: Bytes) -> Message {
    match Utf8Bytes::try_from(message.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(message),
    }
}
