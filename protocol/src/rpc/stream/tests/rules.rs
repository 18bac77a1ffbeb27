//! The rules of a stream, one by one.

use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::{
    limits::{STREAM_MESSAGE, STREAM_OVERHEAD, STREAM_WINDOW, STREAM_WINDOW_MAX},
    rpc::{
        Frame, FrameKind,
        stream::{Ending, Role, Stream, Unsendable, Violation, Wakes},
        tests::wire::{Task, said},
    },
};

const LONGEST: u64 = (STREAM_MESSAGE + STREAM_OVERHEAD) as u64;

fn frame(kind: FrameKind, call: u64, body: Bytes) -> Frame {
    Frame { kind, call, head: Bytes::new(), body }
}

fn zeros(len: usize) -> Bytes {
    vec![0; len].into()
}

/// An end whose first frame has gone.
fn end(role: Role) -> Stream {
    let mut stream = if role == Role::Caller { Stream::open(b"head") } else { Stream::accept() };
    said(stream.outbox());
    stream
}

fn tell(stream: &mut Stream, kind: FrameKind) {
    stream.receive(frame(kind, 0, Bytes::new())).wake();
}

fn data(stream: &mut Stream, len: usize) {
    stream.receive(frame(FrameKind::Data, 0, zeros(len))).wake();
}

fn send(stream: &mut Stream, len: usize) -> Poll<Result<(), Unsendable>> {
    stream.poll_send(&zeros(len), Waker::noop())
}

fn next(stream: &mut Stream) -> Poll<Option<usize>> {
    stream.poll_next(0, Waker::noop()).map(|message| message.map(|m| m.len()))
}

fn cancelled(stream: &mut Stream) -> Wakes {
    stream.receive(frame(FrameKind::Cancel, 0, Bytes::new()))
}

const SENT: Poll<Result<(), Unsendable>> = Poll::Ready(Ok(()));
const OVER: Poll<Result<(), Unsendable>> = Poll::Ready(Err(Unsendable::Over));
const BOTH: [Role; 2] = [Role::Caller, Role::Server];

#[test]
fn the_first_frames() {
    let mut caller = Stream::open(b"head");
    let open = Frame { head: b"head".as_slice().into(), ..frame(FrameKind::Open, 0, Bytes::new()) };
    assert_eq!(said(caller.outbox()), [open]);
    // A credit of nothing says that somebody is there.
    let mut server = Stream::accept();
    assert_eq!(said(server.outbox()), [frame(FrameKind::Credit, 0, Bytes::new())]);
    assert!(!caller.is_answered());
    tell(&mut caller, FrameKind::Credit);
    assert!(caller.is_answered());
}

#[test]
fn a_window_is_two_of_the_longest_messages_and_not_a_byte_more() {
    assert_eq!(2 * LONGEST, STREAM_WINDOW);
    for role in BOTH {
        let mut stream = end(role);
        assert_eq!((send(&mut stream, STREAM_MESSAGE), send(&mut stream, STREAM_MESSAGE)), (SENT, SENT));
        // However much room there is in between.
        assert_eq!(said(stream.outbox()).len(), 2);
        assert_eq!(send(&mut stream, 0), Poll::Pending);
        stream.receive(frame(FrameKind::Credit, STREAM_OVERHEAD as u64 + 4, Bytes::new())).wake();
        assert_eq!(send(&mut stream, 5), Poll::Pending);
        assert_eq!((send(&mut stream, 4), send(&mut stream, 0)), (SENT, Poll::Pending));
    }
}

#[test]
fn credit_is_given_for_what_the_program_has_taken() {
    let mut stream = end(Role::Server);
    data(&mut stream, STREAM_MESSAGE);
    data(&mut stream, STREAM_MESSAGE - STREAM_OVERHEAD - 1);
    data(&mut stream, 1);
    assert_eq!(stream.queued(), STREAM_WINDOW);
    assert!(stream.outbox().is_empty(), "nothing is taken yet");
    assert_eq!(next(&mut stream), Poll::Ready(Some(STREAM_MESSAGE)));
    assert_eq!(said(stream.outbox()), [frame(FrameKind::Credit, LONGEST, Bytes::new())]);
    assert_eq!(next(&mut stream), Poll::Ready(Some(STREAM_MESSAGE - STREAM_OVERHEAD - 1)));
    assert!(stream.outbox().is_empty(), "less than half a window is worth no frame");
    assert_eq!(next(&mut stream), Poll::Ready(Some(1)));
    assert_eq!(said(stream.outbox()), [frame(FrameKind::Credit, LONGEST, Bytes::new())]);
    assert_eq!((next(&mut stream), stream.queued()), (Poll::Pending, 0));
}

#[test]
fn a_budget_widens_the_window_and_without_one_it_narrows_again() {
    let budget = STREAM_WINDOW_MAX - STREAM_WINDOW;
    let mut stream = end(Role::Caller);
    data(&mut stream, 0);
    assert!(stream.poll_next(budget, Waker::noop()).is_ready());
    let credit = budget + STREAM_OVERHEAD as u64;
    assert_eq!(said(stream.outbox()), [frame(FrameKind::Credit, credit, Bytes::new())]);
    // The peer uses all of it, and gets nothing more until a window's half is free again.
    (0..STREAM_WINDOW_MAX / LONGEST).for_each(|_| data(&mut stream, STREAM_MESSAGE));
    assert_eq!((stream.queued(), stream.ending()), (STREAM_WINDOW_MAX, None));
    let credits: Vec<usize> =
        std::iter::from_fn(|| next(&mut stream).is_ready().then(|| said(stream.outbox()).len())).collect();
    assert_eq!(credits, [0, 0, 0, 0, 1, 1]);
}

#[test]
fn whoever_oversteps_its_credit_is_given_up() {
    for (role, len) in [(Role::Caller, 0), (Role::Server, 0), (Role::Server, 3)] {
        let mut stream = end(role);
        data(&mut stream, STREAM_MESSAGE);
        data(&mut stream, STREAM_MESSAGE);
        assert_eq!(stream.ending(), None);
        data(&mut stream, len);
        let over = (STREAM_OVERHEAD + len) as u64;
        assert_eq!(stream.ending(), Some(&Ending::Violated(Violation::Overrun { over })));
        assert_eq!((stream.queued(), next(&mut stream)), (0, Poll::Ready(None)), "nothing of it is kept");
        assert!(stream.is_broken());
    }
}

#[test]
fn a_message_has_a_longest() {
    for role in BOTH {
        let mut stream = end(role);
        assert_eq!(send(&mut stream, STREAM_MESSAGE + 1), Poll::Ready(Err(Unsendable::TooLong)));
        assert!(stream.outbox().is_empty());
        data(&mut stream, STREAM_MESSAGE + 1);
        let violation = Violation::TooLong { len: STREAM_MESSAGE + 1 };
        assert_eq!(stream.ending(), Some(&Ending::Violated(violation)));
        assert_eq!(violation.to_string(), "the peer sent a message of 131009 bytes, more than 131008");
    }
}

#[test]
fn what_has_no_meaning_at_this_end_ends_the_stream() {
    use FrameKind::*;
    for (role, kinds) in [
        (Role::Caller, vec![Request, Cancel, Parked, Fetch, Open, End, Ping, Pong]),
        (Role::Server, vec![Request, Response, Parked, Fetch, Open, Ping, Pong]),
    ] {
        for kind in kinds {
            let mut stream = end(role);
            tell(&mut stream, kind);
            let violation = Violation::Unexpected(kind);
            assert_eq!(stream.ending(), Some(&Ending::Violated(violation)), "{role:?}");
            assert_eq!(send(&mut stream, 0), OVER);
        }
    }
}

#[test]
fn nothing_comes_after_the_end() {
    let mut server = end(Role::Server);
    data(&mut server, 1);
    tell(&mut server, FrameKind::End);
    data(&mut server, 2);
    tell(&mut server, FrameKind::Response);
    assert_eq!((next(&mut server), next(&mut server)), (Poll::Ready(Some(1)), Poll::Ready(None)));
    assert_eq!(server.ending(), Some(&Ending::Complete));
    assert_eq!(next(&mut server), Poll::Ready(None), "for ever");

    let mut caller = end(Role::Caller);
    data(&mut caller, 1);
    caller.receive(frame(FrameKind::Response, 0, "first".into())).wake();
    data(&mut caller, 2);
    caller.receive(frame(FrameKind::Response, 0, "second".into())).wake();
    tell(&mut caller, FrameKind::Open);
    assert_eq!((next(&mut caller), next(&mut caller)), (Poll::Ready(Some(1)), Poll::Ready(None)));
    assert_eq!(caller.ending(), Some(&Ending::Concluded { head: Bytes::new(), body: "first".into() }));
}

#[test]
fn a_caller_that_has_sent_all_is_still_answered() {
    let mut server = end(Role::Server);
    tell(&mut server, FrameKind::End);
    assert_eq!((send(&mut server, STREAM_MESSAGE), send(&mut server, STREAM_MESSAGE)), (SENT, SENT));
    said(server.outbox());
    assert_eq!(send(&mut server, 1), Poll::Pending);
    server.receive(frame(FrameKind::Credit, 100, Bytes::new())).wake();
    assert_eq!(send(&mut server, 1), SENT);
    assert!(!server.is_broken());
    // And hears what is sent to it.
    let mut caller = end(Role::Caller);
    caller.finish();
    assert_eq!(send(&mut caller, 1), OVER);
    data(&mut caller, 7);
    assert_eq!(next(&mut caller), Poll::Ready(Some(7)));
}

#[test]
fn a_caller_that_goes_away_never_looks_like_one_that_has_sent_all() {
    let mut server = end(Role::Server);
    data(&mut server, 1);
    server.lost().wake();
    assert_eq!(server.ending(), Some(&Ending::Lost));
    assert_eq!((next(&mut server), next(&mut server)), (Poll::Ready(Some(1)), Poll::Ready(None)));
    assert_eq!(send(&mut server, 0), OVER);
    // It has sent all, but does not wait for the outcome.
    for goes in [Stream::lost, cancelled] {
        let mut server = end(Role::Server);
        data(&mut server, 1);
        tell(&mut server, FrameKind::End);
        goes(&mut server).wake();
        assert_eq!((server.ending(), server.queued()), (Some(&Ending::Cancelled), 0));
        assert_eq!((next(&mut server), send(&mut server, 0)), (Poll::Ready(None), OVER));
    }
}

#[test]
fn a_caller_ends_its_side_once() {
    let mut caller = end(Role::Caller);
    caller.finish();
    caller.finish();
    caller.cancel().wake();
    caller.cancel().wake();
    let kinds: Vec<FrameKind> = said(caller.outbox()).into_iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::End, FrameKind::Cancel]);
    assert_eq!(caller.ending(), Some(&Ending::Cancelled));
}

#[test]
fn a_server_ends_its_side_with_the_outcome_only() {
    let mut server = end(Role::Server);
    // A handler that has sent all may say so, or give up.
    server.finish();
    server.cancel().wake();
    assert!(
        server.outbox().is_empty() && server.ending().is_none(),
        "to a caller neither End nor Cancel has a meaning"
    );
    server.conclude(b"", "outcome".into()).wake();
    server.conclude(b"", "another".into()).wake();
    assert_eq!(said(server.outbox()), [frame(FrameKind::Response, 0, "outcome".into())]);
    assert_eq!((send(&mut server, 0), server.ending()), (OVER, Some(&Ending::Complete)));
}

#[test]
fn whoever_has_no_room_says_so() {
    let mut caller = end(Role::Caller);
    data(&mut caller, 1);
    caller.shed().wake();
    assert_eq!(said(caller.outbox()), [frame(FrameKind::Cancel, 0, Bytes::new())]);
    assert_eq!((next(&mut caller), caller.queued(), caller.ending()), (Poll::Ready(None), 0, Some(&Ending::Shed)));
    assert!(caller.is_silent() && caller.is_broken());

    let mut server = end(Role::Server);
    data(&mut server, 1);
    server.shed().wake();
    assert_eq!((server.ending(), server.queued()), (Some(&Ending::Shed), 0));
    assert!(!server.is_silent(), "its outcome is still to come");
    server.conclude(b"why", Bytes::new()).wake();
    assert_eq!(said(server.outbox()).len(), 1);
    assert!(server.is_silent() && server.ending() == Some(&Ending::Shed));
    // What has ended stays as it is.
    let mut server = end(Role::Server);
    tell(&mut server, FrameKind::End);
    server.shed().wake();
    assert_eq!(server.ending(), Some(&Ending::Complete));
}

#[test]
fn an_end_is_silent_when_it_says_nothing_more() {
    let mut caller = end(Role::Caller);
    caller.finish();
    assert!(!caller.is_silent(), "closing would say that it does not wait for the outcome");
    tell(&mut caller, FrameKind::Response);
    assert!(caller.is_silent() && !caller.is_broken());

    let mut server = end(Role::Server);
    tell(&mut server, FrameKind::End);
    assert!(!server.is_silent());
    server.conclude(b"", Bytes::new()).wake();
    assert!(server.is_silent());

    for gone in [Stream::lost, cancelled] {
        let mut server = end(Role::Server);
        gone(&mut server).wake();
        assert!(server.is_silent() && server.is_broken(), "nobody listens");
    }
    let mut server = end(Role::Server);
    tell(&mut server, FrameKind::Open);
    assert!(!server.is_silent() && server.is_broken(), "whoever breaks the protocol is told");
}

#[test]
fn a_receiver_is_woken_by_what_it_waits_for() {
    for event in [FrameKind::Data, FrameKind::End, FrameKind::Cancel, FrameKind::Ping] {
        let (mut server, task) = (end(Role::Server), Task::default());
        assert!(server.poll_next(0, &task.waker()).is_pending());
        tell(&mut server, FrameKind::Credit);
        assert_eq!(task.woken(), 0);
        tell(&mut server, event);
        assert_eq!(task.woken(), 1, "{event:?}");
        data(&mut server, 1);
        server.lost().wake();
        assert_eq!(task.woken(), 1, "{event:?}: once");
    }
}

#[test]
fn a_sender_is_woken_by_credit_by_room_and_by_the_end() {
    let waiting = || {
        let (mut server, task) = (end(Role::Server), Task::default());
        server.receive(frame(FrameKind::Credit, LONGEST, Bytes::new())).wake();
        while send(&mut server, STREAM_MESSAGE).is_ready() {}
        assert!(server.poll_send(&zeros(STREAM_MESSAGE), &task.waker()).is_pending());
        (server, task)
    };
    let (mut server, task) = waiting();
    server.written().wake();
    data(&mut server, 1);
    assert_eq!(task.woken(), 0, "the outbox is still full");
    said(server.outbox());
    server.written().wake();
    server.written().wake();
    assert_eq!(task.woken(), 1);

    let (mut server, task) = waiting();
    server.receive(frame(FrameKind::Credit, 1, Bytes::new())).wake();
    assert_eq!(task.woken(), 1);

    let (mut server, task) = waiting();
    tell(&mut server, FrameKind::Cancel);
    assert_eq!(task.woken(), 1);

    let (mut server, task) = waiting();
    server.conclude(b"", Bytes::new()).wake();
    assert_eq!(task.woken(), 1);

    // Also where the caller's side was over before.
    let (mut server, task) = (end(Role::Server), Task::default());
    tell(&mut server, FrameKind::End);
    while send(&mut server, STREAM_MESSAGE).is_ready() {}
    assert!(server.poll_send(&zeros(1), &task.waker()).is_pending());
    server.conclude(b"", Bytes::new()).wake();
    assert_eq!((task.woken(), send(&mut server, 1)), (1, OVER));
}

#[test]
fn credit_without_end_is_just_enough() {
    let mut stream = end(Role::Caller);
    for _ in 0..3 {
        stream.receive(frame(FrameKind::Credit, u64::MAX, Bytes::new())).wake();
    }
    for _ in 0..9 {
        assert_eq!(send(&mut stream, STREAM_MESSAGE), SENT);
        said(stream.outbox());
    }
}

#[test]
fn a_single_message_travels_with_the_request() {
    for len in [0, 1, STREAM_MESSAGE] {
        let mut caller = Stream::open_with(b"head", &zeros(len));
        let kinds: Vec<_> = said(caller.outbox()).into_iter().map(|frame| (frame.kind, frame.body.len())).collect();
        assert_eq!(kinds, [(FrameKind::Open, 0), (FrameKind::Data, len), (FrameKind::End, 0)]);
        assert_eq!((send(&mut caller, 1), caller.ending()), (OVER, None), "it has sent all, and waits for what comes");
    }
}
