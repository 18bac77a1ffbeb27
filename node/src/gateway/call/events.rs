//! A server stream as server-sent events.
//!
//! ```text
//! data: {"n": 1}                                 a message in JSON, or text
//!
//! event: base64                                  a message of other bytes
//! data: AAECAw==
//!
//! event: end                                     all has been said
//! data: {"code": "ok"}
//!
//! event: error                                   it has failed; the data is a problem
//! data: {"status": 503, "code": "unavailable", …}
//! ```
//!
//! What fails before anything was said, and within a moment, is answered as a problem. Nothing is queued: the service is read as fast as
//! the client reads. A client that leaves cancels the stream.

use std::{convert::Infallible, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::stream;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::{
    super::{problem::Problem, sse},
    Options, Shape,
};
use crate::{Client, RawReceiver, Status};
use axum::response::Response;

/// How long a failure may take to be told as the response's status.
const MOMENT: Duration = Duration::from_secs(1);

/// Opens the stream with its one request.
pub(super) async fn stream(
    client: &Client,
    method: &str,
    options: Options,
    request: Bytes,
    shape: Option<Shape>,
) -> Result<Response, Problem> {
    let takes_bytes = shape.is_some_and(|shape| shape.takes_bytes);
    let (mut sender, mut receiver) = options.open(client, method, takes_bytes).await?;
    sender.send(request).await.map_err(|status| Problem::of(&status))?;
    sender.finish();
    let first = match timeout(MOMENT, receiver.next()).await {
        Ok(Err(status)) => return Err(Problem::of(&status)),
        Ok(said) => Some(said),
        Err(_) => None,
    };
    let mut pulse = interval(sse::PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse.reset();
    let flow = Flow { receiver: Some(receiver), first, pulse };
    Ok(sse::response(stream::unfold(flow, Flow::next)))
}

/// What a receiver gives.
type Said = Result<Option<Bytes>, Status>;

struct Flow {
    /// None once the end was told.
    receiver: Option<RawReceiver>,
    first: Option<Said>,
    pulse: Interval,
}

impl Flow {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let receiver = self.receiver.as_mut()?;
        let said = match self.first.take() {
            Some(said) => said,
            None => tokio::select! {
                said = receiver.next() => said,
                _ = self.pulse.tick() => return Some((Ok(sse::NOTHING), self)),
            },
        };
        self.pulse.reset();
        let event = match said {
            Ok(Some(message)) => event(&message),
            Ok(None) => {
                self.receiver = None;
                sse::event(None, Some("end"), r#"{"code":"ok"}"#)
            }
            Err(status) => {
                self.receiver = None;
                sse::event(None, Some("error"), &Problem::of(&status).text())
            }
        };
        Some((Ok(event), self))
    }
}

fn event(message: &Bytes) -> Bytes {
    match std::str::from_utf8(message) {
        Ok(text) => sse::event(None, None, text),
        Err(_) => sse::event(None, Some("base64"), &BASE64_STANDARD.encode(message)),
    }
}
