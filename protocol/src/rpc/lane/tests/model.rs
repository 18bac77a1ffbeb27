//! Both ends of a lane, what lies between them, and what must come of it all.

use std::{
    collections::HashSet,
    task::{Poll, Waker},
};

use bytes::Bytes;

use crate::{
    limits::{LANE_CALLS, RPC_INLINE_BODY},
    rpc::{
        Code, Frame, FrameKind, ResponseHead,
        frame::Decoded,
        lane::{Caller, Refused, Reply, Request, Server},
        tests::wire::{Task, Wire},
    },
};

#[derive(Debug, PartialEq)]
enum State {
    Waiting,
    Replied(Reply),
    Over,
}

/// A call as its caller sees it.
struct Call {
    id: u64,
    /// What its request says, and its answer must say.
    serial: u64,
    /// Where its request begins.
    start: u64,
    movable: bool,
    state: State,
    task: Task,
    registered: bool,
    wakes: usize,
    /// Whether the caller has said something about it that may be refused, in place of an answer.
    confused: bool,
}

/// A call as its server sees it.
struct Job {
    id: u64,
    serial: u64,
    /// What stops it, which no other job has.
    handle: usize,
    attached: bool,
    cancelled: bool,
}

/// Towards which end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum To {
    Server,
    Caller,
}

pub(super) struct Lane {
    /// Whether a request was repeated.
    crowded: bool,
    caller: Caller,
    server: Server<usize>,
    requests: Wire,
    replies: Wire,
    calls: Vec<Call>,
    jobs: Vec<Job>,
    /// Jobs ever started.
    started: usize,
    /// Requests that the server has seen.
    seen: HashSet<u64>,
    /// Calls that have been answered.
    answered: Vec<u64>,
    heard: u64,
    strays: u64,
}

/// A request's body: its serial, and as many bytes more as it takes.
fn request(serial: u64, len: usize) -> Bytes {
    let mut body = serial.to_le_bytes().to_vec();
    body.resize(len.max(8), 0);
    body.into()
}

/// What a request is answered with, depending on nothing but itself.
fn answer(serial: u64) -> (Vec<u8>, Bytes) {
    let len = [8, 8, 100, 20_000, RPC_INLINE_BODY][serial as usize % 5];
    (vec![serial as u8; serial as usize % 3], request(serial, len))
}

fn serial(body: &Bytes) -> Option<u64> {
    body.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The `nth` of what there is, going round.
fn pick<T>(all: &[T], nth: usize) -> Option<usize> {
    (!all.is_empty()).then(|| nth % all.len())
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            crowded: false,
            caller: Caller::default(),
            server: Server::default(),
            requests: Wire::new(RPC_INLINE_BODY),
            replies: Wire::new(RPC_INLINE_BODY),
            calls: Vec::new(),
            jobs: Vec::new(),
            started: 0,
            seen: HashSet::new(),
            answered: Vec::new(),
            heard: 0,
            strays: 0,
        }
    }

    /// The `nth` call that is, or is not, over.
    fn call(&self, nth: usize, over: bool) -> Option<usize> {
        let calls: Vec<usize> =
            (0..self.calls.len()).filter(|i| (self.calls[*i].state == State::Over) == over).collect();
        pick(&calls, nth).map(|i| calls[i])
    }

    fn live(&self) -> usize {
        self.calls.iter().filter(|call| call.state != State::Over).count()
    }

    fn running(&self) -> usize {
        self.jobs.len() - self.unwanted()
    }

    /// Jobs that are cancelled and cannot be stopped yet.
    fn unwanted(&self) -> usize {
        self.jobs.iter().filter(|job| job.cancelled).count()
    }

    pub(super) fn begin(&mut self, len: usize, movable: bool) {
        let (start, serial) = (self.caller.outbox().pushed(), self.calls.len() as u64);
        let full = self.caller.outbox().is_full() || self.live() >= LANE_CALLS;
        let expected = match () {
            () if self.caller.is_closed() => Err(Refused::Closed),
            () if full => Err(Refused::Full),
            () if len > RPC_INLINE_BODY => Err(Refused::TooLong),
            () => Ok(()),
        };
        let begun = self.caller.begin(b"head", request(serial, len), movable);
        assert_eq!(begun.map(|_| ()), expected);
        let Ok(id) = begun else { return assert_eq!(self.caller.outbox().pushed(), start) };
        assert!(self.calls.iter().all(|call| call.id != id), "a number given twice");
        let (task, state) = (Task::default(), State::Waiting);
        self.calls.push(Call { id, serial, start, movable, state, task, registered: false, wakes: 0, confused: false });
    }

    pub(super) fn poll(&mut self, nth: usize) {
        let Some(index) = self.call(nth, false) else { return };
        let call = &mut self.calls[index];
        let polled = self.caller.poll(call.id, &call.task.waker());
        match &call.state {
            State::Replied(reply) => {
                assert_eq!(polled, Poll::Ready(reply.clone()));
                call.state = State::Over;
            }
            _ => {
                assert_eq!(polled, Poll::Pending);
                call.registered = true;
            }
        }
    }

    /// Asks for, and abandons, what is over already.
    pub(super) fn disturb(&mut self, nth: usize) {
        let Some(index) = self.call(nth, true) else { return };
        assert_eq!(self.caller.poll(self.calls[index].id, Waker::noop()), Poll::Ready(Reply::Lost));
        self.caller.abandon(self.calls[index].id);
    }

    pub(super) fn abandon(&mut self, nth: usize) {
        let Some(index) = self.call(nth, false) else { return };
        self.caller.abandon(self.calls[index].id);
        self.calls[index].state = State::Over;
    }

    pub(super) fn ping(&mut self) {
        self.caller.ping();
    }

    pub(super) fn give_up(&mut self) {
        self.end_all(|call| call.movable.then_some(Reply::Lost));
        self.caller.give_up_movable().into_iter().for_each(Waker::wake);
    }

    pub(super) fn close(&mut self) {
        let taken = self.caller.outbox().taken();
        self.end_all(|call| Some(if call.start >= taken { Reply::Unsent } else { Reply::Lost }));
        self.caller.close().into_iter().for_each(Waker::wake);
    }

    fn end_all(&mut self, how: impl Fn(&Call) -> Option<Reply>) {
        for call in self.calls.iter_mut().filter(|call| call.state == State::Waiting) {
            if let Some(reply) = how(call) {
                call.replied(reply, false);
            }
        }
    }

    /// A caller that says something of a call, by its number, that no caller says.
    pub(super) fn confuse_server(&mut self, kind: FrameKind, nth: usize) {
        let Some(index) = pick(&self.calls, nth) else { return };
        if !self.caller.is_closed() {
            // Of a call that was given up it may take the place of one that keeps to the limit.
            self.crowded |= kind == FrameKind::Request;
            self.caller.outbox().push_bare(kind, self.calls[index].id);
            self.calls[index].confused = true;
        }
    }

    /// A server that says something of a call that is no answer.
    pub(super) fn confuse_caller(&mut self, kind: FrameKind, nth: usize) {
        let id = pick(&self.calls, nth).map_or(nth as u64, |index| self.calls[index].id);
        if kind != FrameKind::Response {
            self.server.outbox().push_bare(kind, id);
        }
    }

    /// A server that answers again what it has answered.
    pub(super) fn answer_again(&mut self, nth: usize) {
        let Some(index) = pick(&self.answered, nth) else { return };
        let id = self.answered[index];
        if self.jobs.iter().all(|job| job.id != id) {
            assert!(!self.server.answer(FrameKind::Response, id, b"", Bytes::new()));
            assert!(self.server.outbox().push(FrameKind::Response, id, b"", "again".into()));
        }
    }

    pub(super) fn attach(&mut self, nth: usize) {
        let Some(index) = pick(&self.jobs, nth) else { return };
        let job = &mut self.jobs[index];
        if job.attached {
            return;
        }
        let back = self.server.attach(job.id, job.handle);
        assert_eq!(back, job.cancelled.then_some(job.handle));
        job.attached = true;
        if job.cancelled {
            self.jobs.swap_remove(index);
        }
    }

    pub(super) fn answer(&mut self, nth: usize, parked: bool) {
        let Some(index) = pick(&self.jobs, nth) else { return };
        let job = self.jobs.swap_remove(index);
        let pushed = self.server.outbox().pushed();
        let sent = if parked {
            let ticket = Bytes::copy_from_slice(&job.serial.to_le_bytes());
            self.server.answer(FrameKind::Parked, job.id, &[], ticket)
        } else {
            let (head, body) = answer(job.serial);
            self.server.answer(FrameKind::Response, job.id, &head, body)
        };
        assert_eq!(sent, !job.cancelled);
        assert_eq!(self.server.outbox().pushed() > pushed, sent);
        self.answered.push(job.id);
    }

    pub(super) fn write(&mut self, to: To, pieces: usize) -> bool {
        match to {
            To::Server => self.requests.write(self.caller.outbox(), pieces),
            To::Caller => self.replies.write(self.server.outbox(), pieces),
        }
    }

    pub(super) fn deliver(&mut self, to: To, bytes: usize) -> bool {
        let read = match to {
            To::Server => self.requests.deliver(bytes),
            To::Caller => self.replies.deliver(bytes),
        };
        let any = !read.is_empty();
        for decoded in read {
            let Decoded::Frame(frame) = decoded else { panic!("{decoded:?}") };
            match to {
                To::Server => self.served(frame),
                To::Caller => self.heard(frame),
            }
        }
        any
    }

    /// A frame reaches the caller.
    fn heard(&mut self, frame: Frame) {
        self.heard += 1;
        let Frame { kind, call, head, body } = frame.clone();
        let reply = match kind {
            FrameKind::Response => Some(Reply::Answer { head, body }),
            FrameKind::Parked => serial(&body).map(|ticket| Reply::Parked { ticket }),
            _ => None,
        };
        let waiting = self.calls.iter_mut().find(|c| c.id == call && c.state == State::Waiting);
        match (reply, waiting) {
            (Some(reply), Some(call)) => call.replied(reply, self.crowded),
            _ => self.strays += u64::from(kind != FrameKind::Pong),
        }
        self.caller.receive(frame).into_iter().for_each(Waker::wake);
    }

    /// A frame reaches the server.
    fn served(&mut self, frame: Frame) {
        let Frame { kind, call: id, head, body } = frame.clone();
        let pushed = self.server.outbox().pushed();
        let asked = self.server.receive(Decoded::Frame(frame));
        let replied = self.server.outbox().pushed() > pushed;
        let job = self.jobs.iter().position(|job| job.id == id);
        match (kind, job) {
            (FrameKind::Request, None) if self.running() < LANE_CALLS && self.unwanted() < LANE_CALLS => {
                let serial = serial(&body).unwrap_or(u64::MAX);
                assert_eq!((asked, replied), (Some(Request::Start { call: id, head, body }), false));
                self.seen.insert(serial);
                self.jobs.push(Job { id, serial, handle: self.started, attached: false, cancelled: false });
                self.started += 1;
            }
            (FrameKind::Cancel, Some(index)) if self.jobs[index].attached => {
                let job = self.jobs.swap_remove(index);
                assert_eq!((asked, replied), (Some(Request::Stop(job.handle)), false));
            }
            (FrameKind::Cancel, index) => {
                assert_eq!((asked, replied), (None, false));
                index.into_iter().for_each(|index| self.jobs[index].cancelled = true);
            }
            _ => {
                assert_eq!((asked, replied), (None, true));
                // A request that takes its number from a call may be refused in that one's place. Any may be where so
                // many are still to be stopped; never for those under way alone, which its caller has counted.
                let refusable = body.is_empty() || self.unwanted() >= LANE_CALLS;
                self.calls.iter_mut().filter(|call| call.id == id && refusable).for_each(|call| call.confused = true);
            }
        }
    }

    /// What must hold at any time.
    pub(super) fn check(&self) {
        let waiting = self.calls.iter().filter(|call| call.state == State::Waiting).count();
        assert_eq!(self.caller.waiting(), waiting);
        assert!(self.live() <= LANE_CALLS && self.running() <= LANE_CALLS && self.jobs.len() < 2 * LANE_CALLS);
        assert_eq!((self.caller.heard(), self.caller.strays()), (self.heard, self.strays));
        assert_eq!(self.server.running(), self.running());
        for call in &self.calls {
            assert_eq!(call.task.woken(), call.wakes, "woken when, and only when, its reply is there");
        }
    }

    fn carry(&mut self) {
        while [To::Server, To::Caller].map(|to| self.write(to, usize::MAX) | self.deliver(to, usize::MAX)) != [false; 2]
        {
        }
    }

    /// Everything arrives, is answered, and all the answers arrive.
    pub(super) fn settle(&mut self) {
        self.carry();
        for job in self.jobs.iter().filter(|job| !job.cancelled && !self.caller.is_closed()) {
            let wanted = |call: &Call| call.id == job.id && (call.confused || call.state == State::Waiting);
            assert!(self.calls.iter().any(wanted), "nobody has told the server that {} is abandoned", job.id);
        }
        while !self.jobs.is_empty() {
            self.answer(0, false);
            self.carry();
        }
        // What a confused caller has cancelled itself, and still waits for.
        for call in self.calls.iter_mut().filter(|call| call.confused && call.state == State::Waiting) {
            self.caller.abandon(call.id);
            call.state = State::Over;
        }
        self.carry();
        self.check();
        assert_eq!((self.caller.waiting(), self.server.running()), (0, 0));
        (0..self.live()).for_each(|_| self.poll(0));
        assert_eq!(self.live(), 0);
        assert!(self.replies.is_empty() && (self.caller.is_closed() || self.requests.is_empty()));
    }

    /// No request that was called unsent has been seen, however late.
    pub(super) fn check_unsent(&self, serials: &[u64]) {
        assert!(serials.iter().all(|serial| !self.seen.contains(serial)));
    }

    /// The calls that have ended as unsent, and not been asked for yet.
    pub(super) fn unsent(&self) -> Vec<u64> {
        self.calls.iter().filter(|call| call.state == State::Replied(Reply::Unsent)).map(|call| call.serial).collect()
    }
}

/// Whether the server had no room.
fn is_refusal(head: &Bytes, body: &Bytes) -> bool {
    let failure = ResponseHead::decode(head).ok().and_then(|head| head.failure(body));
    failure.is_some_and(|status| status.code() == Code::ResourceExhausted)
}

impl Call {
    /// Its reply is there, and must be its own.
    fn replied(&mut self, reply: Reply, crowded: bool) {
        match &reply {
            Reply::Answer { head, body } => {
                let (own_head, own_body) = answer(self.serial);
                let refused = || crowded && is_refusal(head, body);
                let own = *head == own_head && *body == own_body;
                assert!(self.confused || own || refused(), "an answer to something else");
            }
            Reply::Parked { ticket } => assert!(self.confused || *ticket == self.serial),
            Reply::Unsent | Reply::Lost => {}
        }
        self.wakes += usize::from(std::mem::take(&mut self.registered));
        self.state = State::Replied(reply);
    }
}
