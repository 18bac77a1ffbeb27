//! `POST /v1/topics/{topic}`: the body is the message, whatever it is.
//!
//! `?ack=gossip|local|kept:2` says what to wait for, `?within_ms=` how long, `?key=` what it is about, `?id=` (or `Idempotency-Key`) what
//! tells repeated attempts; each header `X-Header-NAME` goes along as NAME.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{limits, rpc::Code};
use axum::{
    Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};

use super::{
    super::{Shared, body, params::Params, problem::Problem},
    name,
};
use crate::{AckLevel, control::api::PublishedRow, error::PublishError};

/// What the names of headers begin with that go along.
const HEADER: &str = "x-header-";

pub(in crate::gateway) async fn publish(
    State(shared): State<Arc<Shared>>,
    Path(topic): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let params = Params::of(&parts.uri, &["ack", "within_ms", "key", "id"])?;
    let topic = name(&topic)?;
    // `kept2` is easier to write in an address.
    let ack = params.one("ack")?.map(|text| match text.strip_prefix("kept").filter(|rest| !rest.starts_with(':')) {
        Some(count) => format!("kept:{count}"),
        None => text.to_owned(),
    });
    let ack: Option<AckLevel> = ack
        .map(|text| text.parse())
        .transpose()
        .map_err(|e: <AckLevel as std::str::FromStr>::Err| Problem::refused(e))?;
    let payload = body::read(body, limits::ENTRY_PAYLOAD).await?;
    let mut publish =
        shared.node()?.broker.topic(topic.clone()).publish_raw(payload).ack(ack.unwrap_or(AckLevel::Local));
    if let Some(within) = params.parsed("within_ms")? {
        publish = publish.within(Duration::from_millis(within));
    }
    if let Some(key) = params.one("key")? {
        publish = publish.key(key.to_owned());
    }
    let header = parts.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    if let Some(id) = params.one("id")?.or(header) {
        publish = publish.id(id.to_owned());
    }
    for (header, value) in &parts.headers {
        if let Some(name) = header.as_str().strip_prefix(HEADER) {
            let text = value.to_str().map_err(|_| Problem::refused(format!("the header {header} is no plain text")))?;
            publish = publish.header(name, text);
        }
    }
    let published = publish.await.map_err(|error| problem(&error))?;
    let row = PublishedRow { topic, epoch: published.epoch, seq: published.seq, level: published.level.to_string() };
    Ok(Json(row).into_response())
}

fn problem(error: &PublishError) -> Problem {
    let code = match error {
        PublishError::Invalid { .. } => Code::InvalidArgument,
        PublishError::NotAllowed { .. } | PublishError::NotTheOwner { .. } => Code::PermissionDenied,
        PublishError::Quarantined { .. } => Code::FailedPrecondition,
        PublishError::NotReached { reached, .. } => {
            return Problem::new(Code::DeadlineExceeded, error.to_string()).reached(reached);
        }
        PublishError::Disk { .. } => Code::Internal,
        PublishError::TooMany { .. } => Code::ResourceExhausted,
        PublishError::Stopped => Code::Unavailable,
    };
    Problem::new(code, error.to_string())
}
