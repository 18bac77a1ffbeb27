//! `/v1/tunnels` and `/v1/tickets`: what is exposed, forwarded and shared for whoever asks at the control socket.
//!
//! ```text
//! request   {"name": "photos", "http": "127.0.0.1:3000"}
//!
//! response  {"exposed": {"app": {…}, "trouble": null}}    it is exposed for as long as this is read
//!                                                         a blank line now and then, while there is nothing to say
//!           "ended"                                       somebody has taken it away
//! ```
//!
//! With `"keep": true` the answer ends after its first line.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{FutureExt, stream};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::{
    api::{
        ExposeRequest, ForwardRequest, GetEvent, GetRequest, IssuedTicket, RemoveRequest, RevokeRequest, ShareRequest,
        TicketReply, TicketRequest, TunnelEvent, TunnelsReport,
    },
    routes::{Answer, Failure, Received, Shared, node},
};
use crate::{
    Code, Node, Status,
    tunnel::{
        Exposed, Forwarded, LocalAddress, Target,
        error::{ExposeError, ForwardError, IssueError, RemoveError},
        files::get::Watched,
    },
};

/// How long a client that is gone goes unnoticed, while nothing happens.
const PULSE: Duration = Duration::from_secs(1);
/// How often it is told how far fetching has come.
const LOOK: Duration = Duration::from_millis(200);
/// How long it is looked for whether something can be reached, before it is said that it is forwarded.
const LOOKING: Duration = Duration::from_secs(8);

fn refused(reason: impl ToString) -> Failure {
    Failure(StatusCode::BAD_REQUEST, reason.to_string())
}

pub(super) async fn list(state: Shared) -> Answer<TunnelsReport> {
    Ok(Json(Node(node(&state)?).tunnels()))
}

pub(super) async fn expose(state: Shared, request: Received<ExposeRequest>) -> Result<Response, Failure> {
    let Json(request) = request?;
    let target = match (request.http, request.tcp) {
        (Some(address), None) => Target::Http(address),
        (None, Some(address)) => Target::Tcp(address),
        _ => return Err(refused("it takes either http or tcp, with the application's address")),
    };
    let mut expose = Node(node(&state)?).expose(&request.name, target.clone()).allow(request.allow);
    if request.private {
        expose = expose.private();
    }
    if let Some(doc) = request.doc {
        expose = expose.doc(doc);
    }
    let failed = |error: ExposeError| {
        let code = match &error {
            ExposeError::Already { .. } => StatusCode::CONFLICT,
            ExposeError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            ExposeError::Keep(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ExposeError::Register(_) => StatusCode::BAD_REQUEST,
        };
        Failure(code, error.to_string())
    };
    if request.keep {
        let app = expose.keep().await.map_err(failed)?;
        let trouble = target.trouble().await;
        return Ok(lines(vec![TunnelEvent::Exposed { app, trouble }], None));
    }
    let exposed = expose.begin().await.map_err(failed)?;
    let first = TunnelEvent::Exposed { app: exposed.report(), trouble: exposed.trouble().await };
    Ok(lines(vec![first], Some(Held::Exposed(exposed))))
}

pub(super) async fn forward(state: Shared, request: Received<ForwardRequest>) -> Result<Response, Failure> {
    let Json(request) = request?;
    let failed = |error: ForwardError| {
        let code = match &error {
            ForwardError::Listen { .. } => StatusCode::CONFLICT,
            ForwardError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            ForwardError::Keep(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ForwardError::Name(_) | ForwardError::Ticket(_) => StatusCode::BAD_REQUEST,
        };
        Failure(code, error.to_string())
    };
    let node = Node(node(&state)?);
    let mut forward = match (&request.service, request.ticket) {
        (Some(service), None) => node.forward(service).map_err(refused)?,
        (None, Some(ticket)) => node.open(&ticket).map_err(refused)?,
        _ => return Err(refused("it takes either a service or a ticket")),
    };
    drop(node);
    if let Some(peer) = request.peer {
        forward = forward.peer(peer);
    }
    let forward = forward.to(request.local.unwrap_or(LocalAddress::ANY));
    let trouble = timeout(LOOKING, forward.trouble()).await;
    let trouble = trouble.unwrap_or_else(|_| Some(Status::unavailable("no answer yet from whoever offers it")));
    if let (Some(trouble), None) = (&trouble, &request.service) {
        // Who has a ticket wants what it is for, and learns at once that it is not to be had.
        let code =
            if trouble.code() == Code::PermissionDenied { StatusCode::FORBIDDEN } else { StatusCode::BAD_GATEWAY };
        return Err(Failure(code, trouble.message().to_owned()));
    }
    let trouble = trouble.map(|trouble| trouble.message().to_owned());
    if request.keep {
        let port = forward.keep().await.map_err(failed)?;
        return Ok(lines(vec![TunnelEvent::Forwarded { port, trouble }], None));
    }
    let forwarded = forward.begin().await.map_err(failed)?;
    let first = TunnelEvent::Forwarded { port: forwarded.report(), trouble };
    Ok(lines(vec![first], Some(Held::Forwarded(forwarded))))
}

pub(super) async fn remove(state: Shared, request: Received<RemoveRequest>) -> Answer<()> {
    let Json(request) = request?;
    let node = Node(node(&state)?);
    node.remove_tunnel(&request.what).await.map(Json).map_err(|error| {
        let code = match &error {
            RemoveError::Unknown { .. } => StatusCode::NOT_FOUND,
            RemoveError::Configured { .. } => StatusCode::CONFLICT,
            RemoveError::Keep(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Failure(code, error.to_string())
    })
}

pub(super) async fn tickets(state: Shared) -> Answer<Vec<IssuedTicket>> {
    Ok(Json(Node(node(&state)?).tickets()))
}

pub(super) async fn issue(state: Shared, request: Received<TicketRequest>) -> Answer<TicketReply> {
    let Json(request) = request?;
    let node = Node(node(&state)?);
    let issuing = node.issue_ticket(&request.service, Duration::from_secs(request.for_secs));
    let (issued, ticket) = issuing.await.map_err(not_issued)?;
    Ok(Json(TicketReply { ticket, issued }))
}

pub(super) async fn revoke(state: Shared, request: Received<RevokeRequest>) -> Answer<IssuedTicket> {
    let Json(request) = request?;
    Node(node(&state)?).revoke_ticket(request.id).await.map(Json).map_err(not_issued)
}

pub(super) async fn share(state: Shared, request: Received<ShareRequest>) -> Answer<TicketReply> {
    let Json(ShareRequest { path, for_secs, upload_bytes }) = request?;
    if !path.is_absolute() {
        return Err(refused("path is to be a full path: what it is relative to is not known here"));
    }
    let node = Node(node(&state)?);
    let sharing = node.share(&path, Duration::from_secs(for_secs), upload_bytes);
    let (issued, ticket) = sharing.await.map_err(not_issued)?;
    Ok(Json(TicketReply { ticket, issued }))
}

pub(super) async fn get(state: Shared, request: Received<GetRequest>) -> Result<Response, Failure> {
    let Json(GetRequest { ticket, into }) = request?;
    if !into.is_absolute() {
        return Err(refused("into is to be a full path: what it is relative to is not known here"));
    }
    let getting = Node(node(&state)?).getting(&ticket).map_err(refused)?;
    let watched = Watched::default();
    let looking = watched.clone();
    let getting = async move { getting.run(&into, &watched).await }.boxed();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let body = stream::unfold(Some((getting, look)), move |going| {
        let watched = looking.clone();
        async move {
            let (mut getting, mut look) = going?;
            let event = tokio::select! {
                biased;
                got = &mut getting => match got {
                    Ok(got) => (GetEvent::Got(got), None),
                    Err(error) => (GetEvent::Failed { error: error.to_string() }, None),
                },
                _ = look.tick() => (GetEvent::Progress(watched.progress()), Some((getting, look))),
            };
            Some((Ok::<_, Infallible>(line(&event.0)), event.1))
        }
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(body)).into_response())
}

fn not_issued(error: IssueError) -> Failure {
    let code = match &error {
        IssueError::Unknown { .. } | IssueError::NoTicket { .. } => StatusCode::NOT_FOUND,
        IssueError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        IssueError::Keep(_) => StatusCode::INTERNAL_SERVER_ERROR,
        IssueError::Name(_) | IssueError::Life { .. } | IssueError::Share(_) => StatusCode::BAD_REQUEST,
        IssueError::Expose(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Failure(code, error.to_string())
}

/// What lasts for as long as the answer is read.
enum Held {
    Exposed(Exposed),
    Forwarded(Forwarded),
}

struct Telling {
    /// What is still to be said, last first.
    ready: Vec<TunnelEvent>,
    held: Option<Held>,
    pulse: Interval,
}

fn lines(ready: Vec<TunnelEvent>, held: Option<Held>) -> Response {
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let body = Body::from_stream(stream::unfold(Telling { ready, held, pulse }, Telling::next));
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

impl Telling {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(event) = self.ready.pop() {
            return Some((Ok(line(&event)), self));
        }
        let held = self.held.as_mut()?;
        let happens = async {
            match held {
                Held::Exposed(exposed) => {
                    exposed.ended().await;
                    None
                }
                Held::Forwarded(forwarded) => forwarded.failure().await,
            }
        };
        tokio::select! {
            happened = happens => match happened {
                Some(error) => Some((Ok(line(&TunnelEvent::Failed { error })), self)),
                None => {
                    self.held = None;
                    Some((Ok(line(&TunnelEvent::Ended)), self))
                }
            },
            _ = self.pulse.tick() => Some((Ok(Bytes::from_static(b"\n")), self)),
        }
    }
}

fn line(event: &impl serde::Serialize) -> Bytes {
    // Names and numbers can always be written.
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
