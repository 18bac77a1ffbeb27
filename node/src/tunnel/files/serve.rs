//! Answering requests for what is shared.

use std::{convert::Infallible, fs::File, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::{Bytes, BytesMut};
use futures::stream;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{
    page::{self, Listing},
    place::{Facts, Names},
    range::{Conditions, Wanted},
    share::{FileShare, Found},
};
use crate::tunnel::io::TunnelStream;

/// How long somebody may take to say what they want, or hold a connection without wanting anything.
const ASKING: Duration = Duration::from_secs(60);
/// Bytes that are read from the disk at a time.
const READ: usize = 256 * 1024;

/// What there is instead of an answer.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{AlreadyExists, NotADirectory, NotFound, PermissionDenied, StorageFull};
        // A link is as good as nothing: what it is called depends on the system.
        let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        match error.kind() {
            _ if is_link => Self(StatusCode::NOT_FOUND, "there is nothing of this name".to_owned()),
            NotFound | NotADirectory => Self(StatusCode::NOT_FOUND, "there is nothing of this name".to_owned()),
            PermissionDenied => Self(StatusCode::FORBIDDEN, "this cannot be read by whoever shares it".to_owned()),
            AlreadyExists => Self(StatusCode::CONFLICT, "there is something of this name already".to_owned()),
            StorageFull => Self(StatusCode::INSUFFICIENT_STORAGE, "there is no room on the disk".to_owned()),
            _ => Self(StatusCode::INTERNAL_SERVER_ERROR, format!("the disk does not give it: {error}")),
        }
    }
}

impl From<Refusal> for Response<Body> {
    fn from(Refusal(code, text): Refusal) -> Self {
        let mut response = Response::new(Body::from(format!("{text}\n")));
        *response.status_mut() = code;
        set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
        response
    }
}

/// Serves one connection, until the other side has had enough.
pub(in crate::tunnel) async fn serve(share: Arc<FileShare>, stream: TunnelStream) -> Result<(), hyper::Error> {
    let answer = service_fn(move |request| {
        let share = Arc::clone(&share);
        async move { Ok::<_, Infallible>(answer(share, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(ASKING).half_close(true);
    builder.serve_connection(TokioIo::new(stream), answer).await
}

async fn answer(share: Arc<FileShare>, request: Request<Incoming>) -> Response<Body> {
    let head = request.method() == Method::HEAD;
    let answered = match *request.method() {
        Method::GET | Method::HEAD => get(&share, &request).await,
        Method::PUT => share.take(request).await,
        _ => Err(Refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "this is for GET, HEAD and, where it is allowed, PUT".to_owned(),
        )),
    };
    let mut response = answered.unwrap_or_else(Into::into);
    // Whoever shares a page of theirs is not to run it in the name of whoever opens it.
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response.headers_mut().entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("sandbox"));
    if head {
        *response.body_mut() = Body::empty();
    }
    response
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

async fn get(share: &Arc<FileShare>, request: &Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let path = request.uri().path();
    let names = Names::of_url(path).ok_or_else(|| Refusal::from(std::io::Error::from(std::io::ErrorKind::NotFound)))?;
    let (looking, looked_for) = (Arc::clone(share), names.clone());
    let found = blocking(move || looking.find(&looked_for)).await?;
    match found {
        // Relative links count from the last slash.
        Found::Folder(_) if !path.ends_with('/') => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            set(&mut response, header::LOCATION, &format!("{}/", names.url()));
            Ok(response)
        }
        Found::Folder(listing) => Ok(folder(share, request, &names, &listing)),
        Found::File(file, facts) if request.uri().query() == Some("hashes") => {
            let hashing = Arc::clone(share);
            let hashes = blocking(move || {
                let mut file = file;
                hashing.hashes.of(&mut file, &facts)
            });
            Ok(json(&*hashes.await?))
        }
        Found::File(open, facts) => file(request, &names, open, facts).await,
    }
}

/// The disk may be slow: not on a thread that others need.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??)
}

fn json<T: serde::Serialize>(value: &T) -> Response<Body> {
    // Names and numbers can always be written.
    let mut response = Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default()));
    set(&mut response, header::CONTENT_TYPE, "application/json");
    response
}

fn folder(share: &FileShare, request: &Request<Incoming>, names: &Names, listing: &Listing) -> Response<Body> {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = if accept.contains("application/json") && !accept.contains("text/html") {
        json(listing)
    } else {
        let mut response = Response::new(Body::from(page::html(share.title(), names, listing)));
        set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
        let script = BASE64.encode(Sha256::digest(page::SCRIPT));
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
        response
    };
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::VARY, "Accept");
    response
}

async fn file(request: &Request<Incoming>, names: &Names, open: File, facts: Facts) -> Result<Response<Body>, Refusal> {
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let conditions = Conditions {
        range: text(header::RANGE),
        if_range: text(header::IF_RANGE),
        if_none_match: text(header::IF_NONE_MATCH),
    };
    let etag = facts.etag();
    let mut response = match conditions.wanted(facts.size, &etag) {
        Wanted::Known => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        Wanted::Beyond => {
            let text = format!("the file has {} bytes", facts.size);
            let mut response = Response::from(Refusal(StatusCode::RANGE_NOT_SATISFIABLE, text));
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", facts.size));
            return Ok(response);
        }
        Wanted::Whole => {
            let mut response = Response::new(body(open, 0, facts.size).await?);
            set(&mut response, header::CONTENT_LENGTH, &facts.size.to_string());
            response
        }
        Wanted::Part(range) => {
            let len = range.end - range.start;
            let mut response = Response::new(body(open, range.start, len).await?);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(&mut response, header::CONTENT_LENGTH, &len.to_string());
            let said = format!("bytes {}-{}/{}", range.start, range.end - 1, facts.size);
            set(&mut response, header::CONTENT_RANGE, &said);
            response
        }
    };
    set(&mut response, header::ETAG, &etag);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::LAST_MODIFIED, &httpdate::fmt_http_date(facts.modified()));
    let name = names.split_last().map(|(_, name)| name).unwrap_or_default();
    set(&mut response, header::CONTENT_TYPE, media_type(name));
    Ok(response)
}

/// So many bytes of a file, as they are asked for. A file that has become shorter breaks the body off.
async fn body(file: File, start: u64, len: u64) -> Result<Body, Refusal> {
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(READ);
    file.seek(std::io::SeekFrom::Start(start)).await?;
    let reading = stream::try_unfold((file, len, BytesMut::new()), async |(mut file, left, mut buffer)| {
        if left == 0 {
            return Ok(None);
        }
        buffer.reserve(READ);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(READ);
        let read = (&mut file).take(most as u64).read_buf(&mut buffer).await?;
        if read == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        let bytes: Bytes = buffer.split().freeze();
        Ok(Some((bytes, (file, left - read as u64, buffer))))
    });
    Ok(Body::from_stream(reading))
}

/// What browsers show rather than save. All else is bytes; nothing is guessed from the content.
fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "txt" | "md" | "log" | "csv" | "toml" | "rs" | "py" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        _ => "application/octet-stream",
    }
}
