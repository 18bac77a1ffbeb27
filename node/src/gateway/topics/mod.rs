//! Topics over HTTP.
//!
//! | request | what for |
//! |---|---|
//! | `GET /v1/topics` | the topics that this node has to do with |
//! | `GET /v1/topics/{topic}` | one of them in full |
//! | the same with `Accept: text/event-stream` | to subscribe, to a pattern as well ([`subscribe`]) |
//! | the same as a WebSocket | likewise ([`socket`]) |
//! | `POST /v1/topics/{topic}` | to publish ([`publish`]) |

mod cursor;
mod publish;
mod socket;
mod subscribe;

use std::sync::Arc;

use atoll_protocol::names::{NameError, TopicName};
use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

pub(super) use self::publish::publish;
use super::{Shared, params::Params, problem::Problem, sse};
use crate::control;

/// `GET /v1/topics`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    Ok(Json(control::topics_report(&*shared.node()?)).into_response())
}

/// `GET /v1/topics/{topic}`, in whichever way.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(topic): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    if request.headers().contains_key(header::UPGRADE) {
        return socket::open(&shared, &topic, request).await;
    }
    if wants_events(request.headers()) {
        return subscribe::events(&shared, &topic, request.uri(), request.headers());
    }
    Params::of(request.uri(), &[])?;
    let (node, topic) = (shared.node()?, name(&topic)?);
    let described = control::topic_report(&node, &topic);
    described.map(|topic| Json(topic).into_response()).map_err(Problem::not_found)
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim() == sse::MEDIA)
}

fn name(text: &str) -> Result<TopicName, Problem> {
    text.parse().map_err(|e: NameError| Problem::refused(e))
}
