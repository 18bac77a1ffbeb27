//! Server-sent events, as the HTML standard writes them (section 9.2).
//!
//! ```text
//! id: 7                      what a client that comes back says in Last-Event-ID
//! event: gap                 none for a plain message
//! data: {"from_seq": 3}      a line for each line of the text
//!
//! :                          a comment now and then, by which both ends notice that the other one is gone
//! ```

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures::Stream;

/// The media type.
pub(super) const MEDIA: &str = "text/event-stream";
/// How often something is said where there is nothing to say.
pub(super) const PULSE: Duration = Duration::from_secs(15);
/// What is said then.
pub(super) const NOTHING: Bytes = Bytes::from_static(b":\n\n");

/// One event.
pub(super) fn event(id: Option<&str>, name: Option<&str>, text: &str) -> Bytes {
    let mut event = String::with_capacity(text.len() + 64);
    write(&mut event, id, name, text);
    event.into()
}

/// Writes an event to what is said next.
pub(super) fn write(to: &mut String, id: Option<&str>, name: Option<&str>, text: &str) {
    for (field, value) in [("id", id), ("event", name)] {
        if let Some(value) = value {
            to.extend([field, ": ", value, "\n"]);
        }
    }
    // A carriage return ends a line, too.
    for line in text.split('\n') {
        for line in line.strip_suffix('\r').unwrap_or(line).split('\r') {
            to.extend(["data: ", line, "\n"]);
        }
    }
    to.push('\n');
}

/// A response of events.
pub(super) fn response(events: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that would wait for more to pass on are asked not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
