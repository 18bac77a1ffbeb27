//! The same halves for values that travel as JSON.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use atoll_protocol::rpc::Status;
use serde::{Serialize, de::DeserializeOwned};

use super::ends::{RawReceiver, RawSender};
use crate::rpc::service::{from_json, to_json};

/// Sends values. See [`RawSender`] for how it ends.
pub struct Sender<T> {
    raw: RawSender,
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> Sender<T> {
    pub(in crate::rpc) fn new(raw: RawSender) -> Self {
        Self { raw, of: PhantomData }
    }

    /// Sends a value, as soon as the receiver has taken enough of the former ones.
    ///
    /// # Errors
    /// As [`RawSender::send`]; `internal` if the value cannot be written as JSON.
    pub async fn send(&mut self, value: &T) -> Result<(), Status> {
        self.raw.send(to_json(value)?.bytes).await
    }

    /// Says that all has been sent.
    pub fn finish(self) {
        self.raw.finish();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

/// Receives values. See [`RawReceiver`] for how it ends. Also a [`futures::Stream`], which ends after a failure.
pub struct Receiver<T> {
    raw: RawReceiver,
    failed: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Receiver<T> {
    pub(in crate::rpc) fn new(raw: RawReceiver) -> Self {
        Self { raw, failed: false, of: PhantomData }
    }

    /// The next value; `None` when the other side has sent all and the stream has ended well.
    ///
    /// # Errors
    /// The stream's status if it has failed; `invalid_argument`, naming the field, if a value is not of the expected form.
    pub async fn next(&mut self) -> Result<Option<T>, Status> {
        match self.raw.next().await? {
            Some(bytes) => from_json(&bytes).map(Some),
            None => Ok(None),
        }
    }
}

impl<T: DeserializeOwned> futures::Stream for Receiver<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.failed {
            return Poll::Ready(None);
        }
        self.raw.poll(context).map(|next| {
            let item = next.and_then(|message| message.map(|bytes| from_json(&bytes)).transpose()).transpose();
            self.failed = matches!(item, Some(Err(_)));
            item
        })
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
