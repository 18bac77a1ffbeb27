//! Both ends of a stream, what lies between them, and what must come of it all.

use std::{collections::VecDeque, task::Poll};

use bytes::Bytes;

use crate::{
    limits::{STREAM_MESSAGE, STREAM_OVERHEAD, STREAM_WINDOW, STREAM_WINDOW_MAX},
    rpc::{
        Frame, FrameKind,
        stream::{Ending, Role, Stream, Unsendable},
        tests::wire::{Task, Wire},
    },
};

/// A task that polls one thing, and need not do so again before it is woken.
#[derive(Default)]
struct Poller {
    task: Task,
    /// How often the task had been woken when it began to wait.
    since: Option<usize>,
}

impl Poller {
    fn waits(&self) -> bool {
        self.since == Some(self.task.woken())
    }

    fn polled<T>(&mut self, poll: &Poll<T>) {
        self.since = poll.is_pending().then(|| self.task.woken());
    }
}

/// One end, and what its program has done.
pub(super) struct End {
    pub(super) stream: Stream,
    wire: Wire,
    role: Role,
    /// A message that the program could not send yet.
    blocked: Option<Bytes>,
    sender: Poller,
    receiver: Poller,
    /// What it has sent, and the other program has not taken.
    sent: VecDeque<Bytes>,
    /// Cost of all it has sent, and what it was allowed.
    spent: u64,
    allowed: u64,
    /// Cost of what has come and was not taken.
    waiting: u64,
    /// Messages ever sent, and taken.
    sent_count: usize,
    taken_count: usize,
    pub(super) finished: bool,
    pub(super) concluded: bool,
    pub(super) cancelled: bool,
    pub(super) lost: bool,
    pub(super) shed: bool,
}

/// Both ends: the caller's, then the server's.
pub(super) struct Pair(pub(super) [End; 2]);

pub(super) const CALLER: usize = 0;
pub(super) const SERVER: usize = 1;
pub(super) const OUTCOME: &[u8] = b"outcome";

impl End {
    fn new(role: Role, stream: Stream) -> Self {
        Self {
            stream,
            wire: Wire::new(STREAM_MESSAGE),
            role,
            blocked: None,
            sender: Poller::default(),
            receiver: Poller::default(),
            sent: VecDeque::new(),
            spent: 0,
            allowed: STREAM_WINDOW,
            waiting: 0,
            sent_count: 0,
            taken_count: 0,
            finished: false,
            concluded: false,
            cancelled: false,
            lost: false,
            shed: false,
        }
    }

    /// Whether the program can send no more.
    fn is_over(&self) -> bool {
        let heard_out = self.role == Role::Server && self.stream.ending() == Some(&Ending::Complete);
        self.finished || self.concluded || (self.stream.ending().is_some() && !heard_out)
    }

    /// Whether a message of this cost has to wait.
    fn must_wait(&mut self, cost: u64) -> bool {
        self.spent + cost > self.allowed || self.stream.outbox().is_full()
    }

    /// Sends what was blocked, or else a message of `len` bytes.
    pub(super) fn send(&mut self, len: usize) {
        let message = self.blocked.take().unwrap_or_else(|| vec![self.sent_count as u8; len].into());
        let cost = (STREAM_OVERHEAD + message.len()) as u64;
        let expected = match () {
            () if message.len() > STREAM_MESSAGE => Poll::Ready(Err(Unsendable::TooLong)),
            () if self.is_over() => Poll::Ready(Err(Unsendable::Over)),
            () if self.must_wait(cost) => Poll::Pending,
            () => Poll::Ready(Ok(())),
        };
        let polled = self.stream.poll_send(&message, &self.sender.task.waker());
        assert_eq!(polled, expected);
        self.sender.polled(&polled);
        match polled {
            Poll::Pending => self.blocked = Some(message),
            Poll::Ready(Ok(())) => {
                self.spent += cost;
                self.sent_count += 1;
                self.sent.push_back(message);
            }
            Poll::Ready(Err(_)) => {}
        }
    }

    /// Whether the program would have its message sent if it knew.
    fn overslept(&mut self) -> bool {
        let Some(message) = &self.blocked else { return false };
        let cost = (STREAM_OVERHEAD + message.len()) as u64;
        self.sender.waits() && (self.is_over() || !self.must_wait(cost))
    }

    pub(super) fn finish(&mut self) {
        if self.blocked.is_none() {
            self.stream.finish();
            self.finished |= self.role == Role::Caller;
        }
    }

    pub(super) fn conclude(&mut self) {
        if self.role == Role::Server {
            self.stream.conclude(b"head", OUTCOME.into()).wake();
            self.concluded = true;
        }
    }

    pub(super) fn cancel(&mut self) {
        if self.role == Role::Caller && self.stream.ending().is_none() {
            self.stream.cancel().wake();
            self.cancelled = true;
        }
    }

    pub(super) fn lose(&mut self) {
        self.stream.lost().wake();
        self.lost = true;
    }

    pub(super) fn shed(&mut self) {
        self.shed |= self.stream.ending().is_none();
        self.stream.shed().wake();
    }

    /// Writes up to so many pieces of what this end has to say.
    pub(super) fn write(&mut self, pieces: usize) -> bool {
        let any = self.wire.write(self.stream.outbox(), pieces);
        if any {
            self.stream.written().wake();
        }
        any
    }

    /// Takes in what has come from the other side.
    fn receive(&mut self, frame: Frame) {
        let ended = self.stream.ending().cloned();
        match frame.kind {
            FrameKind::Data if ended.is_none() => self.waiting += (STREAM_OVERHEAD + frame.body.len()) as u64,
            FrameKind::Credit if matches!(ended, None | Some(Ending::Complete)) => self.allowed += frame.call,
            _ => {}
        }
        self.stream.receive(frame).wake();
    }

    /// What was given up is not read any more.
    fn forget(&mut self) {
        if let Some(Ending::Cancelled | Ending::Shed) = self.stream.ending() {
            self.waiting = 0;
        }
    }

    /// What must hold at any time.
    fn check(&mut self) {
        self.forget();
        assert_eq!(self.stream.queued(), self.waiting);
        assert!(self.waiting <= STREAM_WINDOW_MAX);
        assert!(!self.overslept(), "a sender was not woken");
        let there = self.waiting > 0 || self.stream.ending().is_some();
        assert!(!(self.receiver.waits() && there), "a receiver was not woken");
        match self.stream.ending() {
            None => {}
            Some(Ending::Complete) => assert_eq!(self.role, Role::Server),
            Some(Ending::Concluded { head, body }) => {
                assert_eq!((self.role, head.as_ref(), body.as_ref()), (Role::Caller, b"head".as_slice(), OUTCOME));
            }
            Some(Ending::Cancelled) => assert!(self.role == Role::Server || self.cancelled),
            Some(Ending::Lost) => assert!(self.lost),
            Some(Ending::Shed) => assert!(self.shed),
            Some(Ending::Violated(violation)) => panic!("nobody broke the protocol: {violation}"),
        }
    }
}

impl Pair {
    pub(super) fn new() -> Self {
        Self([End::new(Role::Caller, Stream::open(b"head")), End::new(Role::Server, Stream::accept())])
    }

    /// Lets up to so many bytes from the other end arrive at this one. Returns whether there were any.
    pub(super) fn deliver(&mut self, to: usize, bytes: usize) -> bool {
        let any = self.0[1 - to].wire.is_busy();
        let frames = self.0[1 - to].wire.frames(bytes);
        for frame in frames {
            // The driver has read it already.
            if frame.kind != FrameKind::Open {
                self.0[to].receive(frame);
            }
        }
        any
    }

    /// Takes the next message, which must be the next that was sent. Returns whether there was one.
    pub(super) fn next(&mut self, at: usize, budget: u64) -> bool {
        let end = &mut self.0[at];
        end.forget();
        let polled = end.stream.poll_next(budget, &end.receiver.task.waker());
        end.receiver.polled(&polled);
        let waiting = end.waiting;
        match polled {
            Poll::Ready(Some(message)) => {
                end.waiting -= (STREAM_OVERHEAD + message.len()) as u64;
                end.taken_count += 1;
                assert!(self.0[1 - at].sent.pop_front() == Some(message), "another message than was sent");
                true
            }
            Poll::Ready(None) => {
                assert!(waiting == 0 && end.stream.ending().is_some());
                false
            }
            Poll::Pending => {
                assert!(waiting == 0 && end.stream.ending().is_none());
                false
            }
        }
    }

    /// What must hold at any time.
    pub(super) fn check(&mut self) {
        self.0.iter_mut().for_each(End::check);
        let [caller, server] = &self.0;
        if server.stream.ending() == Some(&Ending::Complete) && !server.concluded {
            assert!(caller.finished, "it only looks as if it had sent all");
            assert_eq!(server.stream.queued(), caller.unseen(), "all has come before the end");
        }
        if let Some(Ending::Concluded { .. }) = caller.stream.ending() {
            assert!(server.concluded);
            assert_eq!(caller.stream.queued(), server.unseen(), "all has come before the outcome");
        }
        if server.stream.ending() == Some(&Ending::Cancelled) {
            assert!(caller.cancelled || caller.shed || server.lost, "nobody gave up");
        }
    }

    /// Both programs do what they can until they both wait, each polling only what was woken. Whoever reads, reads all.
    pub(super) fn run(&mut self, budget: u64) {
        loop {
            let mut moved = false;
            for at in [CALLER, SERVER] {
                moved |= self.0[at].write(1);
                moved |= self.deliver(at, 70_000);
                while !self.0[at].receiver.waits() && self.next(at, budget) {
                    moved = true;
                }
                if self.0[at].blocked.is_some() && !self.0[at].sender.waits() {
                    self.0[at].send(0);
                    moved = true;
                }
            }
            self.check();
            if !moved {
                return;
            }
        }
    }

    /// Nobody gave up: all that was begun to be sent has been sent, and taken.
    pub(super) fn check_all_taken(&self) {
        for at in [CALLER, SERVER] {
            let end = &self.0[at];
            assert!(end.blocked.is_none() && end.sent.is_empty() && end.wire.is_empty());
            assert_eq!(end.sent_count, self.0[1 - at].taken_count);
        }
    }
}

impl End {
    /// Cost of what the other program has not taken.
    fn unseen(&self) -> u64 {
        self.sent.iter().map(|message| (STREAM_OVERHEAD + message.len()) as u64).sum()
    }
}
