//! A stream over the control socket: lines of JSON both ways, each as it comes.

use std::{convert::Infallible, marker::PhantomData};

use atoll_node::control::{api::StreamEvent, lines::Lines};
use futures::{FutureExt, Stream, StreamExt, stream};
use http_body_util::{Full, StreamBody};
use hyper::{
    Method,
    body::{Body, Bytes, Frame, Incoming},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Client, Driver, refusal};
use crate::failure::Failure;

/// Lines that are told for as long as there is a node.
pub(crate) struct Feed<T> {
    lines: Lines<Incoming>,
    _driver: Driver,
    of: PhantomData<T>,
}

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
        let (lines, driver) = self.lines(path, body).await?;
        Ok(Events { lines, _driver: driver })
    }

    /// Asks to be told of something, on and on.
    pub(crate) async fn follow<T>(&self, path: &str, request: &impl Serialize) -> Result<Feed<T>, Failure> {
        let body = serde_json::to_vec(request).map_err(|e| Failure::Unprintable(e.to_string()))?;
        let (lines, driver) = self.lines(path, Full::new(body.into())).await?;
        Ok(Feed { lines, _driver: driver, of: PhantomData })
    }

    /// Sends lines as they come, and is told of something on and on.
    pub(crate) async fn converse<T>(
        &self,
        path: &str,
        lines: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Feed<T>, Failure> {
        let body = StreamBody::new(Box::pin(lines.map(|line| Ok::<_, Infallible>(Frame::data(line)))));
        let (lines, driver) = self.lines(path, body).await?;
        Ok(Feed { lines, _driver: driver, of: PhantomData })
    }

    async fn lines<B>(&self, path: &str, body: B) -> Result<(Lines<Incoming>, Driver), Failure>
    where
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let (response, driver) = self.send(Method::POST, path, body).await?;
        let status = response.status();
        let mut lines = Lines::new(response.into_body());
        if status.is_success() {
            return Ok((lines, driver));
        }
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
        understood(&line)
    }
}

impl<T: DeserializeOwned> Feed<T> {
    /// The next line; `None` once the node has gone.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, Failure> {
        // A connection that breaks off is a node that has gone without a word.
        match self.lines.next().await {
            Ok(Some(line)) => understood(&line).map(Some),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// The next line, if it has come already.
    pub(crate) fn ready(&mut self) -> Result<Option<T>, Failure> {
        match self.lines.next().now_or_never() {
            Some(Ok(Some(line))) => understood(&line).map(Some),
            // If it is over, that is told when it is waited for.
            _ => Ok(None),
        }
    }
}

fn understood<T: DeserializeOwned>(line: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(line)
        .map_err(|e| Failure::NoAnswer(format!("the node's answer is not understood ({e}); is it of another version?")))
}
