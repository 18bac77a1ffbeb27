//! `node call --stream`: messages go out as they are read, and those that come are printed at once, one a line.
//!
//! Nothing is queued: whoever does not read what this prints stops the service, and a service that does not read stops
//! this from reading stdin.

use std::{io, thread};

use atoll_node::control::api::{CallRequest, StreamEvent};
use atoll_protocol::rpc::Code;
use futures::FutureExt;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::{failure::Failure, request, session::Session};

/// Where messages come from.
pub(super) enum Source {
    /// The command line.
    Given(Vec<Value>),
    /// Lines of stdin.
    Stdin,
}

pub(super) async fn run(request: &CallRequest, source: Source, session: &Session) -> Result<(), Failure> {
    let (messages, waiting) = mpsc::channel(1);
    let (fail, failure) = oneshot::channel();
    let mut failure = failure.fuse();
    read(source, messages, fail)?;
    let mut events = session.client.stream("/v1/call/stream", request, waiting).await?;
    loop {
        let event = tokio::select! {
            // First, since it has been told before the end that comes of it.
            biased;
            Ok(failure) = &mut failure => return Err(failure),
            event = events.next() => event?,
        };
        match event {
            StreamEvent::Message { message } => session.out.json(&message)?,
            StreamEvent::End { status, .. } if status.code == Code::Ok => return Ok(()),
            StreamEvent::End { status, .. } => return Err(Failure::Status(status)),
        }
    }
}

/// Reads messages in a thread of its own, which the end of the program does not wait for: nobody may ever type more.
fn read(source: Source, messages: mpsc::Sender<Value>, fail: oneshot::Sender<Failure>) -> Result<(), Failure> {
    let read = move || {
        let values: Box<dyn Iterator<Item = Result<Value, Failure>>> = match source {
            Source::Given(values) => Box::new(values.into_iter().map(Ok)),
            Source::Stdin => Box::new(request::lines(io::stdin().lock())),
        };
        for value in values {
            match value {
                Ok(value) => {
                    // Whoever took them has left; it says why.
                    if messages.blocking_send(value).is_err() {
                        return;
                    }
                }
                // Told before `messages` ends, or the stream would seem to be finished.
                Err(failure) => return drop(fail.send(failure)),
            }
        }
    };
    thread::Builder::new().name("requests".to_owned()).spawn(read).map(drop).map_err(Failure::Input)
}
