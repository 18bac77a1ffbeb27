//! A stream over the control socket: lines of JSON both ways, each as it comes.

use std::convert::Infallible;

use atoll_node::control::{api::StreamEvent, lines::Lines};
use futures::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::{
    Method,
    body::{Bytes, Frame, Incoming},
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Client, Driver, refusal};
use crate::failure::Failure;

/// What comes. Dropping it ends the stream.
pub(crate) struct Events {
    lines: Lines<Incoming>,
    _driver: Driver,
}

impl Client {
    /// Opens a stream: `head`, then `messages` until there are no more of them.
    pub(crate) async fn stream(
        &self,
        path: &str,
        head: &impl Serialize,
        messages: mpsc::Receiver<Value>,
    ) -> Result<Events, Failure> {
        let head = serde_json::to_value(head).map_err(|e| Failure::Unprintable(e.to_string()))?;
        let body = StreamBody::new(Box::pin(body(head, messages)));
        let (response, driver) = self.send(Method::POST, path, body).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Events { lines: Lines::new(response.into_body()), _driver: driver });
        }
        let mut lines = Lines::new(response.into_body());
        // The node's words are one line.
        let said = lines.next().await.ok().flatten().unwrap_or_default();
        Err(refusal(status, path, &said))
    }
}

fn body(
    head: Value,
    messages: mpsc::Receiver<Value>,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static {
    let messages = stream::unfold(messages, async |mut from| from.recv().await.map(|message| (message, from)));
    stream::iter([head]).chain(messages).map(|value| Ok(Frame::data(format!("{value}\n").into())))
}

impl Events {
    /// The next event; the last one is the end.
    pub(crate) async fn next(&mut self) -> Result<StreamEvent, Failure> {
        let line =
            self.lines.next().await.map_err(|e| Failure::NoAnswer(format!("the node's answer is cut off: {e}")))?;
        let line = line.ok_or_else(|| Failure::NoAnswer("the node went away before the stream was over".to_owned()))?;
        serde_json::from_slice(&line).map_err(|e| {
            Failure::NoAnswer(format!("the node's answer is not understood ({e}); is it of another version?"))
        })
    }
}
