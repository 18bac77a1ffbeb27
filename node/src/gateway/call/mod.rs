//! Calls over HTTP: one request, one answer; and one request, a stream of events.
//!
//! | method's kind | how |
//! |---|---|
//! | unary | `POST`, JSON in and out, or bytes where its schema is raw |
//! | server stream | `POST`, answered with server-sent events: a plain event for each message, then `end` or `error` |
//! | any stream | `GET` as a WebSocket ([`socket`]) |

mod events;
mod options;
pub(super) mod socket;
mod target;

use std::sync::Arc;

use atoll_protocol::{
    limits,
    rpc::{Code, ContentType},
    service::EndpointKind,
};
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::de::IgnoredAny;

pub(super) use self::target::Targets;
use self::{options::Options, target::Shape};
use super::{Shared, body, problem::Problem};
use crate::rpc::{Body as Message, DEFAULT_DEADLINE};

/// `POST /v1/call/{service}/{method}`.
pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    Path((service, method)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    match call(&shared, &service, &method, &parts, body).await {
        Ok(response) => response,
        Err(problem) => problem.call(&service, &method).into_response(),
    }
}

async fn call(shared: &Shared, service: &str, method: &str, parts: &Parts, body: Body) -> Result<Response, Problem> {
    let options = Options::of(parts)?;
    let target = shared.targets.find(shared.node()?, service, options.version.as_deref(), options.peer).await?;
    let shape = target.shape(service, method)?;
    let content = content(&parts.headers, shape)?;
    match shape.map_or(EndpointKind::Unary, |shape| shape.kind) {
        EndpointKind::Unary => {}
        EndpointKind::ServerStream => {
            let body = body::read(body, limits::STREAM_MESSAGE).await?;
            check(content, &body)?;
            return events::stream(&target.client, method, options, body, shape).await;
        }
        EndpointKind::ClientStream | EndpointKind::Bidirectional => return Err(wants_a_socket()),
    }
    let body = body::read(body, limits::RPC_BODY).await?;
    check(content, &body)?;
    let mut call = target.client.call_raw(method, body).deadline(options.deadline.unwrap_or(DEFAULT_DEADLINE));
    if content == ContentType::Json {
        call = call.json();
    }
    if let Some(peer) = options.peer {
        call = call.peer(peer);
    }
    for (key, value) in options.metadata {
        call = call.metadata(key, value);
    }
    call.run().await.map(answer).map_err(|status| Problem::of(&status))
}

/// How the request's body is to be read.
fn content(headers: &HeaderMap, shape: Option<Shape>) -> Result<ContentType, Problem> {
    if shape.is_some_and(|shape| shape.takes_bytes) {
        return Ok(ContentType::Raw);
    }
    let said = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let media = said.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "" | "application/json" => Ok(ContentType::Json),
        other if other.ends_with("+json") => Ok(ContentType::Json),
        // Of a method that is not listed here its caller knows more.
        "application/octet-stream" if shape.is_none() => Ok(ContentType::Raw),
        other => {
            let said = format!("this method takes JSON, not {other:.64}; send Content-Type: application/json");
            Err(Problem::refused(said).status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }
}

/// JSON must be that; nothing is, too, and means no arguments.
fn check(content: ContentType, body: &Bytes) -> Result<(), Problem> {
    if content == ContentType::Raw || body.is_empty() {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(body)
        .map(|_| ())
        .map_err(|e| Problem::refused(format!("the body is not JSON: {e}")))
}

fn answer(message: Message) -> Response {
    let (media, bytes) = match message.content {
        ContentType::Json if message.bytes.is_empty() => ("application/json", Bytes::from_static(b"null")),
        ContentType::Json => ("application/json", message.bytes),
        ContentType::Raw => ("application/octet-stream", message.bytes),
    };
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn wants_a_socket() -> Problem {
    Problem::new(Code::Unimplemented, "this method takes a stream; open a WebSocket at this path, which is a GET")
        .status(StatusCode::UPGRADE_REQUIRED)
        .header(header::UPGRADE, HeaderValue::from_static("websocket"))
}
