//! Reading a request's body, within bounds of size and time.

use std::time::Duration;

use atoll_protocol::rpc::Code;
use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// How long a client may send nothing of its body.
const PAUSE: Duration = Duration::from_secs(20);
/// How long it may take for all of it.
const WHOLE: Duration = Duration::from_secs(120);

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// 413 for a larger one, 408 for a slow one, 400 for one that breaks off.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limit {
        return Err(too_large(limit));
    }
    let end = Instant::now() + WHOLE;
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    loop {
        if body.is_end_stream() {
            break;
        }
        let frame = timeout_at((Instant::now() + PAUSE).min(end), body.frame()).await.map_err(|_| too_slow())?;
        let data = match frame {
            None => break,
            Some(Err(error)) => {
                return Err(Problem::new(Code::InvalidArgument, format!("the body breaks off: {error}")));
            }
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        if first.len().saturating_add(more.len()).saturating_add(data.len()) > limit {
            return Err(too_large(limit));
        }
        // Most bodies come in one piece, which need not be copied.
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            more.extend_from_slice(&std::mem::take(&mut first));
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

fn too_large(limit: usize) -> Problem {
    let said = format!("the body has more than {limit} bytes, which is the most that is taken here");
    Problem::new(Code::ResourceExhausted, said).status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn too_slow() -> Problem {
    let said = format!(
        "the body did not come in time: at most {} s for a part of it, {} s for all",
        PAUSE.as_secs(),
        WHOLE.as_secs()
    );
    Problem::new(Code::DeadlineExceeded, said).status(StatusCode::REQUEST_TIMEOUT)
}
