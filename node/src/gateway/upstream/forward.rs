//! A call on its way to a program over HTTP, and how it ended there as a status.
//!
//! ```text
//! POST {url}/{method}
//! content-type: application/json       or application/octet-stream
//! x-service: math.calc
//! x-caller: 12D3KooW…                  the node that calls; proved
//! x-deadline: 9876                     milliseconds that are left
//! traceparent: 00-…                    and x-metadata-KEY for everything else that came along
//! ```
//!
//! 2xx is an answer. Anything else is a failure: with `application/problem+json` its `code` is the status and its `detail` says why; else
//! the HTTP status is translated, and the body says why if it is text.

use std::{error::Error, sync::Arc, time::Duration};

use atoll_protocol::{
    limits,
    names::ServiceName,
    rpc::{Code, ContentType, Status},
};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::pool::{Pool, Upstream};
use crate::{
    Context, DEFAULT_DEADLINE,
    rpc::{Body, trace},
};

/// How long a program may take to accept a connection, and to say whether it is well.
const CONTACT: Duration = Duration::from_secs(2);
/// How long an idle connection to a program is kept: shorter than servers commonly do.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept to one program.
const IDLE_CONNECTIONS: usize = 64;
/// Programs that are asked at a time whether they are well.
const PROBES: usize = 64;
/// How much of an error's text is read, in bytes.
const REASON: usize = 64 * 1024;

/// Where a call is to go.
#[derive(Debug)]
pub(super) struct To {
    pub(super) service: ServiceName,
    pub(super) method: Arc<str>,
    /// Whether what is given is to be JSON.
    pub(super) gives_json: bool,
}

/// Carries calls to programs; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Forwarder(Client<HttpConnector, Full<Bytes>>);

impl Forwarder {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONTACT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Self(client)
    }

    /// Makes a call at one of a service's programs; at another one if that cannot be connected to.
    pub(super) async fn call(&self, pool: &Pool, to: &To, context: &Context, body: Body) -> Result<Body, Status> {
        let mut tried: Vec<Arc<Upstream>> = Vec::new();
        let mut last = Status::unavailable(format!("no program offers {} any more", to.service));
        while let Some(under_way) = pool.choose(&tried) {
            let upstream = &under_way.0;
            let request = request(upstream, to, context, &body)?;
            match self.0.request(request).await {
                Ok(response) => {
                    upstream.set_well(true);
                    return answer(response, to, upstream).await;
                }
                Err(error) => {
                    let reason = reason(&error);
                    last = Status::unavailable(format!("the program at {} cannot be reached: {reason}", upstream.url));
                    if !error.is_connect() {
                        // It may have begun to work on it.
                        return Err(last.retryable(false));
                    }
                    upstream.set_well(false);
                }
            }
            tried.push(Arc::clone(upstream));
        }
        Err(last)
    }

    /// Asks all programs whether they are well.
    pub(super) async fn probe(&self, pools: &[Arc<Pool>]) {
        let mut all = Vec::new();
        for pool in pools {
            all.extend(pool.members().into_iter().map(|member| (member, pool.health.clone())));
        }
        let probe = |(member, health): (Arc<Upstream>, Option<String>)| {
            let forwarder = self.clone();
            async move {
                let well = timeout(CONTACT, forwarder.is_well(&member, health.as_deref())).await;
                member.set_well(well.unwrap_or(false));
            }
        };
        stream::iter(all).map(probe).buffer_unordered(PROBES).collect::<()>().await;
    }

    async fn is_well(&self, member: &Upstream, health: Option<&str>) -> bool {
        let Ok(uri) = member.url.parse::<Uri>() else { return false };
        let Some(authority) = uri.authority() else { return false };
        let Some(path) = health else {
            let host = authority.host().trim_start_matches('[').trim_end_matches(']');
            return TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.is_ok();
        };
        // The path is the server's own, whatever methods are appended to.
        let Ok(uri) = format!("http://{authority}{path}").parse() else { return false };
        self.0.get(uri).await.is_ok_and(|response| response.status().is_success())
    }
}

fn request(upstream: &Upstream, to: &To, context: &Context, body: &Body) -> Result<Request<Full<Bytes>>, Status> {
    let media = match body.content {
        ContentType::Json => "application/json",
        ContentType::Raw => "application/octet-stream",
    };
    // A caller without arguments may send nothing; parsers of JSON mostly want something.
    let bytes = match body.content {
        ContentType::Json if body.bytes.is_empty() => Bytes::from_static(b"null"),
        _ => body.bytes.clone(),
    };
    let left = context.remaining().unwrap_or(DEFAULT_DEADLINE);
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}/{}", upstream.url, to.method))
        .header(header::CONTENT_TYPE, media)
        .header("x-service", to.service.as_str())
        .header("x-caller", context.caller().to_string())
        .header("x-deadline", left.as_millis().to_string());
    with_metadata(request, context)
        .body(Full::new(bytes))
        .map_err(|e| Status::internal(format!("the call cannot be written as HTTP: {e}")))
}

/// What came along goes along; what is no header is left out.
fn with_metadata(mut request: request::Builder, context: &Context) -> request::Builder {
    for (key, value) in trace::onward(context.metadata(), rand::random()) {
        let name = match key.as_str() {
            trace::TRACEPARENT | "tracestate" => key,
            _ => format!("x-metadata-{key}"),
        };
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            request = request.header(name, value);
        }
    }
    request
}

async fn answer(response: Response<Incoming>, to: &To, upstream: &Upstream) -> Result<Body, Status> {
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        let text = Limited::new(body, REASON).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        return Err(failure(head.status, &head.headers, &text));
    }
    let broken = |e: &dyn std::fmt::Display| {
        Status::unavailable(format!("the answer of the program at {} broke off: {e}", upstream.url)).retryable(false)
    };
    let bytes = Limited::new(body, limits::RPC_BODY).collect().await.map_err(|e| broken(&*e))?.to_bytes();
    if !to.gives_json {
        return Ok(Body::raw(bytes));
    }
    if !bytes.is_empty()
        && let Err(error) = serde_json::from_slice::<IgnoredAny>(&bytes)
    {
        let said = format!("the program that offers {} has answered what is not JSON: {error}", to.service);
        return Err(Status::internal(said));
    }
    Ok(Body::json(bytes))
}

/// How a call failed, by what the program says.
fn failure(status: StatusCode, headers: &axum::http::HeaderMap, text: &[u8]) -> Status {
    let problem: Option<Value> = serde_json::from_slice(text).ok();
    let field = |name: &str| problem.as_ref().and_then(|problem| problem.get(name));
    let words = |name: &str| field(name).and_then(Value::as_str);
    let code = words("code").and_then(|code| code.parse().ok()).filter(|code| *code != Code::Ok);
    let text = std::str::from_utf8(text).ok().map(str::trim).filter(|text| !text.is_empty() && !text.starts_with('<'));
    let message = words("detail").or(words("message")).or(words("title")).or(text.filter(|_| problem.is_none()));
    let message = message.map_or_else(|| format!("the program answered with the status {status}"), str::to_owned);
    let mut failure = Status::new(code.unwrap_or(code_of(status)), message);
    if let Some(retryable) = field("retryable").and_then(Value::as_bool) {
        failure = failure.retryable(retryable);
    }
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(wait) = seconds.map(Duration::from_secs).filter(|_| failure.is_retryable()) {
        failure = failure.retry_after(wait);
    }
    match field("data") {
        Some(data) => failure.with_detail(data.to_string().into_bytes()),
        None => failure,
    }
}

/// The code that an HTTP status stands for, the other way round than `problem::http_status`.
fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        400 | 405 | 406 | 415 | 422 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 | 410 => Code::NotFound,
        408 | 504 => Code::DeadlineExceeded,
        409 => Code::Aborted,
        412 | 428 => Code::FailedPrecondition,
        413 | 429 => Code::ResourceExhausted,
        416 => Code::OutOfRange,
        501 => Code::Unimplemented,
        502 | 503 => Code::Unavailable,
        500..=599 => Code::Internal,
        _ => Code::Unknown,
    }
}

/// The innermost reason, which is the one that says something.
fn reason(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
