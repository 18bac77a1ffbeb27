//! A program's two halves of a stream of bytes.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use atoll_protocol::{
    limits,
    rpc::{
        ResponseHead, Status,
        stream::{Ending, Unsendable},
    },
};
use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::carry::{Pipe, failure};
use crate::{
    rpc::{Body, balance::InFlight, client::ending},
    standing::{Account, Trust},
};

/// Sends messages. A server's ends with its handler; a caller says with [`finish`](RawSender::finish) that it has sent all,
/// and cancels the stream by dropping this before.
pub struct RawSender {
    pipe: Arc<Pipe>,
    /// Whether dropping this without having finished cancels the stream.
    caller: bool,
    deadline: Option<Instant>,
}

impl RawSender {
    pub(in crate::rpc) fn new(pipe: Arc<Pipe>, caller: bool, deadline: Option<Instant>) -> Self {
        Self { pipe, caller, deadline }
    }

    /// Sends a message, as soon as the receiver has taken enough of the former ones.
    ///
    /// # Errors
    /// `resource_exhausted` if it is longer than [`STREAM_MESSAGE`](limits::STREAM_MESSAGE): send it in pieces. The stream's
    /// own status if it is over.
    pub async fn send(&mut self, message: impl Into<Bytes>) -> Result<(), Status> {
        let message = message.into();
        let sending = poll_fn(|context| self.poll_send(&message, context));
        match self.deadline {
            None => sending.await,
            Some(end) => match tokio::time::timeout_at(end, sending).await {
                Ok(sent) => sent,
                Err(_) => Err(too_late(&self.pipe)),
            },
        }
    }

    /// The same as a poll, which looks at no deadline.
    pub(crate) fn poll_send(&self, message: &Bytes, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let sent = self.pipe.with(|stream, _| stream.poll_send(message, context.waker()));
        sent.map_err(|why| match why {
            Unsendable::TooLong => too_long(message.len()),
            Unsendable::Over => self.pipe.with(|stream, _| match stream.ending() {
                Some(ending) => outcome(ending).err().unwrap_or_else(|| failure(ending)),
                None => Status::failed_precondition("this side of the stream has been finished"),
            }),
        })
    }

    /// Whether the server has concluded the stream: it takes no more, and the receiver tells how it ended.
    pub(crate) fn is_concluded(&self) -> bool {
        self.pipe.with(|stream, _| matches!(stream.ending(), Some(Ending::Concluded { .. })))
    }

    /// Says that all has been sent.
    pub fn finish(mut self) {
        self.caller = false;
        self.pipe.with(|stream, _| stream.finish());
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        if self.caller {
            self.pipe.with(|stream, _| stream.cancel()).wake();
        }
    }
}

impl fmt::Debug for RawSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawSender")
    }
}

/// Receives messages. A caller cancels the stream by dropping this before the end.
pub struct RawReceiver {
    pipe: Arc<Pipe>,
    /// A caller's stream counts as a call under way for as long as this is held.
    calling: Option<InFlight>,
    deadline: Option<Pin<Box<Sleep>>>,
    late: bool,
    /// Until the caller's stream is over: whose it is, and since when.
    counted: Option<(Counts, Instant)>,
}

/// Where a caller's stream counts for or against the node that it leads to.
pub(in crate::rpc) struct Counts {
    pub(in crate::rpc) trust: Trust,
    pub(in crate::rpc) account: Arc<Account>,
}

impl RawReceiver {
    /// The caller's.
    pub(in crate::rpc) fn of_caller(
        pipe: Arc<Pipe>,
        deadline: Option<Instant>,
        calling: InFlight,
        counts: Counts,
    ) -> Self {
        let deadline = deadline.map(|end| Box::pin(tokio::time::sleep_until(end)));
        let counted = Some((counts, Instant::now()));
        Self { pipe, calling: Some(calling), deadline, late: false, counted }
    }

    /// The handler's, whose deadline is looked after elsewhere.
    pub(in crate::rpc) fn of_handler(pipe: Arc<Pipe>) -> Self {
        Self { pipe, calling: None, deadline: None, late: false, counted: None }
    }

    /// The next message; `None` when the other side has sent all and the stream has ended well.
    ///
    /// # Errors
    /// The stream's status, if it has failed. It stays the same however often it is asked for.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        poll_fn(|context| self.poll(context)).await
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        let next = self.poll_in_time(context);
        let outcome = match &next {
            Poll::Ready(Ok(None)) => Ok(()),
            Poll::Ready(Err(status)) => Err(status),
            Poll::Ready(Ok(Some(_))) | Poll::Pending => return next,
        };
        if let Some((Counts { trust, account }, opened)) = self.counted.take()
            && let Some(ending) = ending::of_stream(outcome, opened.elapsed())
        {
            trust.ended(&account, ending);
        }
        next
    }

    fn poll_in_time(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        if self.late {
            return Poll::Ready(Err(too_late(&self.pipe)));
        }
        let next = self.poll_message(context.waker());
        if next.is_pending()
            && let Some(end) = &mut self.deadline
            && end.as_mut().poll(context).is_ready()
        {
            self.late = true;
            return Poll::Ready(Err(too_late(&self.pipe)));
        }
        next
    }

    fn poll_message(&self, waker: &Waker) -> Poll<Result<Option<Bytes>, Status>> {
        self.pipe.with(|stream, memory| {
            stream.poll_next(memory.budget(), waker).map(|message| match (message, stream.ending()) {
                (Some(message), _) => Ok(Some(message)),
                (None, Some(ending)) => outcome(ending).map(|_| None),
                (None, None) => Ok(None),
            })
        })
    }

    /// The single answer of a stream of requests.
    pub(crate) async fn answer(mut self) -> Result<Body, Status> {
        while self.next().await?.is_some() {}
        self.pipe.with(|stream, _| match stream.ending() {
            Some(ending) => outcome(ending),
            None => Err(Status::internal("the stream has no outcome")),
        })
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        if self.calling.is_some() {
            self.pipe.with(|stream, _| stream.cancel()).wake();
        }
    }
}

impl fmt::Debug for RawReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawReceiver")
    }
}

/// What to do about a message of so many bytes.
pub(in crate::rpc) fn too_long(len: usize) -> Status {
    let limit = limits::STREAM_MESSAGE;
    let text = format!("a message of {len} bytes, at most {limit} can be sent at once; send it in pieces");
    Status::resource_exhausted(text).retryable(false)
}

/// The deadline has passed: nobody waits for the stream any more.
fn too_late(pipe: &Pipe) -> Status {
    pipe.with(|stream, _| stream.cancel()).wake();
    Status::deadline_exceeded("the stream was not over in time")
}

/// How a stream ended, as an answer or a failure.
fn outcome(ending: &Ending) -> Result<Body, Status> {
    match ending {
        Ending::Complete => Ok(Body::json(Bytes::new())),
        Ending::Concluded { head, body } => {
            let head = ResponseHead::decode(head)
                .map_err(|e| Status::internal(format!("the stream's outcome cannot be read: {e}")))?;
            match head.failure(body) {
                Some(status) => Err(status),
                None => Ok(Body { content: head.content, bytes: body.clone() }),
            }
        }
        other => Err(failure(other)),
    }
}
