//! What went wrong, as HTTP says it: `application/problem+json` (RFC 9457), with the code that calls have.
//!
//! ```json
//! {"type": "urn:atoll:status:not_found", "title": "Not Found", "status": 404, "detail": "no node offers math.calc",
//!  "code": "not_found", "service": "math.calc", "method": "add", "retryable": false}
//! ```

use std::time::Duration;

use atoll_protocol::rpc::{Code, Status};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

#[cfg(test)]
mod tests;

/// The media type.
pub(super) const MEDIA: &str = "application/problem+json";

/// See the [module docs](self).
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    body: Box<Text>,
    retry_after: Option<Duration>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone, Serialize)]
struct Text {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// What the service says to programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    /// What of an acknowledgement was reached all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<String>,
}

/// The HTTP status of a call's code, as `google/rpc/code.proto` maps them.
pub(super) const fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        // 499, "client closed request", has no name; nobody is there to read it either.
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// A problem of this kind, with the status that goes with it.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = http_status(code);
        let body = Text {
            r#type: format!("urn:atoll:status:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            service: None,
            method: None,
            retryable: matches!(code, Code::Unavailable | Code::ResourceExhausted),
            retry_after_ms: None,
            data: None,
            reached: None,
        };
        Self { status, body: Box::new(body), retry_after: None, header: None }
    }

    /// The request itself is wrong.
    pub(super) fn refused(detail: impl ToString) -> Self {
        Self::new(Code::InvalidArgument, detail.to_string())
    }

    /// There is no such thing.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// The node is going.
    pub(super) fn stopping() -> Self {
        Self::new(Code::Unavailable, "this node is stopping")
    }

    /// How a call failed.
    pub(super) fn of(status: &Status) -> Self {
        let mut problem = Self::new(status.code(), status.message());
        problem.body.retryable = status.is_retryable();
        problem.body.retry_after_ms = status.wait().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        problem.retry_after = status.wait();
        problem.body.data = serde_json::from_slice(status.detail()).ok();
        problem
    }

    /// With another status than its code has.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self.body.title = status.canonical_reason().unwrap_or("Error");
        self.body.status = status.as_u16();
        self
    }

    /// In a call of this method.
    pub(super) fn call(mut self, service: &str, method: &str) -> Self {
        self.body.service = Some(service.to_owned());
        self.body.method = Some(method.to_owned());
        self
    }

    /// What was reached all the same.
    pub(super) fn reached(mut self, level: impl ToString) -> Self {
        self.body.reached = Some(level.to_string());
        self
    }

    /// With a header that belongs to the status.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// As an event of a stream, or a message.
    pub(super) fn text(&self) -> String {
        // Text and numbers can always be written.
        serde_json::to_string(&self.body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.text()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        if let Some(wait) = self.retry_after {
            // In whole seconds, and not before its time.
            let seconds = wait.as_millis().div_ceil(1000);
            headers.insert(header::RETRY_AFTER, u64::try_from(seconds).unwrap_or(u64::MAX).into());
        }
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}
