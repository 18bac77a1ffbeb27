//! A stream of messages: one call on a substream of its own, in which either side may send any number of messages.
//!
//! ```text
//! caller                              server
//!   │ Open (RequestHead)                │
//!   │ Data, Data, …                     │   as far as the server's credit reaches
//!   │ ────────────────────────────────► │
//!   │                   Credit(n), Data │   as far as the caller's credit reaches
//!   │ ◄──────────────────────────────── │
//!   │ End                               │   no more from the caller
//!   │ ────────────────────────────────► │
//!   │                          Response │   the outcome; the last frame there is
//!   │ ◄──────────────────────────────── │
//! ```
//!
//! A unary body above [`RPC_INLINE_BODY`](crate::limits::RPC_INLINE_BODY) is no stream, though it has a substream too.
//!
//! **Credit.** Each side may have [`STREAM_WINDOW`](crate::limits::STREAM_WINDOW) bytes of messages under way, headers
//! included, and as many more as the other side's credits allow. Credit is given for what the receiving *program* has taken,
//! so a slow reader stops the writer, however much room there is in between. Sending more ends the stream.
//!
//! **Giving up.** The caller may send Cancel at any time; so a caller that goes away without End never looks like one that
//! has sent all. The server ends a stream at any time with its Response.
//!
//! [`Stream`] is one end as a machine without I/O.

mod window;

use std::{
    collections::VecDeque,
    mem,
    task::{Poll, Waker},
};

use bytes::Bytes;

use self::window::{Receiving, Sending};
use super::{
    Outbox,
    frame::{Frame, FrameKind},
};
use crate::limits;

#[cfg(test)]
mod tests;

/// Which end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The end that opened it.
    Caller,
    /// The end that concludes it.
    Server,
}

/// How what comes in has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The caller has sent all (seen by the server).
    Complete,
    /// The server has concluded the stream (seen by the caller).
    Concluded {
        /// The encoded [`ResponseHead`](super::ResponseHead).
        head: Bytes,
        /// The answer, or the failure's detail.
        body: Bytes,
    },
    /// The caller has given up (seen by the server).
    Cancelled,
    /// The substream broke, or was closed too early.
    Lost,
    /// The other side broke the protocol.
    Violated(Violation),
    /// This side has no room for what comes in.
    Shed,
}

/// How the other side broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It has sent more than it was allowed to.
    #[error("the peer sent {over} bytes more than its credit allows")]
    Overrun {
        /// By how much.
        over: u64,
    },
    /// A message is too long.
    #[error("the peer sent a message of {len} bytes, more than {}", limits::STREAM_MESSAGE)]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// A frame that cannot come here or now.
    #[error("the peer sent {0:?} where it has no meaning")]
    Unexpected(FrameKind),
}

/// Why a message cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsendable {
    /// It is longer than [`STREAM_MESSAGE`](limits::STREAM_MESSAGE).
    TooLong,
    /// This side has said that it sends no more, or the stream is over.
    Over,
}

/// Tasks to be woken, each if there is one. To be done once no lock is held.
#[derive(Debug, Default)]
#[must_use = "tasks wait to be woken"]
pub struct Wakes(Vec<Waker>);

impl Wakes {
    fn add(&mut self, waker: &mut Option<Waker>) {
        self.0.extend(waker.take());
    }

    /// Wakes them.
    pub fn wake(self) {
        for waker in self.0 {
            waker.wake();
        }
    }
}

/// One end of a stream. See the [module docs](self).
#[derive(Debug)]
pub struct Stream {
    role: Role,
    outbox: Outbox,
    sending: Sending,
    receiving: Receiving,
    /// Messages that the program has not taken yet.
    queue: VecDeque<Bytes>,
    /// Their cost.
    queued: u64,
    /// Set once nothing more comes in.
    ending: Option<Ending>,
    /// Whether this side sends no more.
    finished: bool,
    /// Whether anything has come from the other side.
    answered: bool,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

/// What a message takes of a window.
fn cost(message: &Bytes) -> u64 {
    (limits::STREAM_OVERHEAD + message.len()) as u64
}

impl Stream {
    /// The caller's end, with its request on the way.
    #[must_use]
    pub fn open(head: &[u8]) -> Self {
        let mut stream = Self::new(Role::Caller);
        // The caller has checked the head's length.
        let _ = stream.outbox.push(FrameKind::Open, 0, head, Bytes::new());
        stream
    }

    /// The caller's end of a stream on which it sends this one message, at once.
    #[must_use]
    pub fn open_with(head: &[u8], message: &Bytes) -> Self {
        let mut stream = Self::open(head);
        // The caller has checked its length, and the smallest window has room for one of any length.
        let _ = stream.poll_send(message, Waker::noop());
        stream.finish();
        stream
    }

    /// The server's end, which says that it is there.
    #[must_use]
    pub fn accept() -> Self {
        let mut stream = Self::new(Role::Server);
        stream.outbox.push_bare(FrameKind::Credit, 0);
        stream
    }

    fn new(role: Role) -> Self {
        Self {
            role,
            outbox: Outbox::default(),
            sending: Sending::default(),
            receiving: Receiving::default(),
            queue: VecDeque::new(),
            queued: 0,
            ending: None,
            finished: false,
            answered: false,
            sender: None,
            receiver: None,
        }
    }

    /// Sends a message as soon as credit and the writer allow.
    ///
    /// # Errors
    /// [`Unsendable`]; the message is then not sent.
    pub fn poll_send(&mut self, message: &Bytes, waker: &Waker) -> Poll<Result<(), Unsendable>> {
        if message.len() > limits::STREAM_MESSAGE {
            return Poll::Ready(Err(Unsendable::TooLong));
        }
        // A caller that has sent all is still heard out: only its own side is finished.
        if self.finished || self.ending.as_ref().is_some_and(|e| self.role == Role::Caller || *e != Ending::Complete) {
            return Poll::Ready(Err(Unsendable::Over));
        }
        if self.outbox.is_full() || !self.sending.take(cost(message)) {
            self.sender = Some(waker.clone());
            return Poll::Pending;
        }
        let fits = self.outbox.push(FrameKind::Data, 0, &[], message.clone());
        Poll::Ready(if fits { Ok(()) } else { Err(Unsendable::TooLong) })
    }

    /// The next message; `None` once there are no more. `budget` is how much more than the smallest window this stream may
    /// allow the other side.
    pub fn poll_next(&mut self, budget: u64, waker: &Waker) -> Poll<Option<Bytes>> {
        let Some(message) = self.queue.pop_front() else {
            if self.ending.is_some() {
                return Poll::Ready(None);
            }
            self.receiver = Some(waker.clone());
            return Poll::Pending;
        };
        self.queued -= cost(&message);
        if let Some(credit) = self.receiving.consumed(cost(&message), budget)
            && self.ending.is_none()
        {
            self.outbox.push_bare(FrameKind::Credit, credit);
        }
        Poll::Ready(Some(message))
    }

    /// Takes in a frame. After [`Ending::Violated`] the substream is to be given up.
    pub fn receive(&mut self, frame: Frame) -> Wakes {
        let mut wakes = Wakes::default();
        let heard_out = match self.ending {
            None => true,
            // The caller has sent all; it may still take what is sent to it, or give up.
            Some(Ending::Complete) => matches!(frame.kind, FrameKind::Credit | FrameKind::Cancel),
            Some(_) => false,
        };
        if !heard_out {
            return wakes;
        }
        self.answered = true;
        let Frame { kind, call, head, body } = frame;
        match (kind, self.role) {
            (FrameKind::Data, _) if body.len() > limits::STREAM_MESSAGE => {
                return self.end(Ending::Violated(Violation::TooLong { len: body.len() }));
            }
            (FrameKind::Data, _) => match self.receiving.received(cost(&body)) {
                Ok(()) => {
                    self.queued += cost(&body);
                    self.queue.push_back(body);
                    wakes.add(&mut self.receiver);
                }
                Err(over) => return self.end(Ending::Violated(Violation::Overrun { over })),
            },
            (FrameKind::Credit, _) => {
                self.sending.granted(call);
                wakes.add(&mut self.sender);
            }
            (FrameKind::End, Role::Server) => return self.end(Ending::Complete),
            (FrameKind::Cancel, Role::Server) => return self.end(Ending::Cancelled),
            (FrameKind::Response, Role::Caller) => return self.end(Ending::Concluded { head, body }),
            (kind, _) => return self.end(Ending::Violated(Violation::Unexpected(kind))),
        }
        wakes
    }

    /// The substream is gone.
    pub fn lost(&mut self) -> Wakes {
        match self.ending {
            // The caller went away after it had sent all: it does not wait for the outcome any more.
            Some(Ending::Complete) => self.end(Ending::Cancelled),
            Some(_) => Wakes::default(),
            None => self.end(Ending::Lost),
        }
    }

    /// This side has no room for what comes in, and gives up.
    pub fn shed(&mut self) -> Wakes {
        if self.ending.is_some() {
            return Wakes::default();
        }
        if self.role == Role::Caller {
            self.finished = true;
            self.outbox.push_bare(FrameKind::Cancel, 0);
        }
        self.end(Ending::Shed)
    }

    fn end(&mut self, ending: Ending) -> Wakes {
        if matches!(ending, Ending::Violated(_) | Ending::Cancelled | Ending::Shed) {
            self.queue = VecDeque::new();
            self.queued = 0;
        }
        self.ending = Some(ending);
        let mut wakes = Wakes::default();
        wakes.add(&mut self.receiver);
        wakes.add(&mut self.sender);
        wakes
    }

    /// The caller has sent all. The server's end says this with its outcome only.
    pub fn finish(&mut self) {
        if self.role == Role::Server {
            return;
        }
        if !mem::replace(&mut self.finished, true) && self.ending.is_none() {
            self.outbox.push_bare(FrameKind::End, 0);
        }
    }

    /// The caller gives up. A server's end concludes instead.
    pub fn cancel(&mut self) -> Wakes {
        if self.role == Role::Server || self.ending.is_some() {
            return Wakes::default();
        }
        self.finished = true;
        self.outbox.push_bare(FrameKind::Cancel, 0);
        self.end(Ending::Cancelled)
    }

    /// The server concludes with an outcome.
    pub fn conclude(&mut self, head: &[u8], body: Bytes) -> Wakes {
        if !mem::replace(&mut self.finished, true) {
            // Callers have checked the lengths.
            let _ = self.outbox.push(FrameKind::Response, 0, head, body);
        }
        if self.ending.is_none() {
            return self.end(Ending::Complete);
        }
        // Whoever still waits to send learns that it cannot.
        let mut wakes = Wakes::default();
        wakes.add(&mut self.sender);
        wakes
    }

    /// How what comes in has ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Whether this side says nothing more once its outbox is empty. A caller that has sent all still waits for the outcome:
    /// closing the substream would say that it does not.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        match (self.role, &self.ending) {
            (Role::Caller, ending) => ending.is_some(),
            (Role::Server, Some(Ending::Lost | Ending::Cancelled)) => true,
            (Role::Server, _) => self.finished,
        }
    }

    /// Whether nobody waits any more for what the program does at this end.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.ending.as_ref().is_some_and(|e| !matches!(e, Ending::Complete | Ending::Concluded { .. }))
    }

    /// Whether the other side has said anything.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// What the messages that wait for the program take.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// What is to be written. Whoever takes from it wakes the sender with [`Stream::written`].
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// There is room in the outbox again.
    pub fn written(&mut self) -> Wakes {
        let mut wakes = Wakes::default();
        if !self.outbox.is_full() {
            wakes.add(&mut self.sender);
        }
        wakes
    }
}
