//! The rules of a lane, one by one.

use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::{
    limits::{LANE_CALLS, RPC_HEAD, RPC_INLINE_BODY},
    rpc::{
        Code, Frame, FrameKind, ResponseHead,
        frame::Decoded,
        lane::{Caller, Refused, Reply, Request, Server},
        tests::wire::{Task, said},
    },
};

fn frame(kind: FrameKind, call: u64, body: &'static [u8]) -> Frame {
    Frame { kind, call, head: Bytes::new(), body: body.into() }
}

fn answer(body: &'static [u8]) -> Reply {
    Reply::Answer { head: Bytes::new(), body: body.into() }
}

fn begin(caller: &mut Caller) -> u64 {
    caller.begin(b"head", b"body".as_slice().into(), false).unwrap()
}

fn poll(caller: &mut Caller, call: u64) -> Poll<Reply> {
    caller.poll(call, Waker::noop())
}

/// Kinds and calls of what the caller's outbox holds.
fn outline(caller: &mut Caller) -> Vec<(FrameKind, u64)> {
    said(caller.outbox()).into_iter().map(|frame| (frame.kind, frame.call)).collect()
}

fn receive(server: &mut Server<u8>, kind: FrameKind, call: u64) -> Option<Request<u8>> {
    server.receive(Decoded::Frame(frame(kind, call, b"")))
}

fn start(server: &mut Server<u8>, call: u64) {
    assert!(matches!(receive(server, FrameKind::Request, call), Some(Request::Start { call: c, .. }) if c == call));
}

/// The only frame that the server has to say, as a call and a failure's code.
fn refusal(server: &mut Server<u8>) -> (u64, Code) {
    let [frame] = said(server.outbox()).try_into().unwrap();
    assert_eq!(frame.kind, FrameKind::Response);
    (frame.call, ResponseHead::decode(&frame.head).unwrap().failure(&frame.body).unwrap().code())
}

#[test]
fn a_call_gets_its_answer_once() {
    let mut caller = Caller::default();
    let call = begin(&mut caller);
    let request = Frame { head: b"head".as_slice().into(), ..frame(FrameKind::Request, call, b"body") };
    assert_eq!(said(caller.outbox()), [request]);
    assert_eq!((poll(&mut caller, call), caller.waiting()), (Poll::Pending, 1));
    caller.receive(frame(FrameKind::Response, call, b"42"));
    assert_eq!(caller.waiting(), 0);
    assert_eq!(poll(&mut caller, call), Poll::Ready(answer(b"42")));
    assert_eq!(poll(&mut caller, call), Poll::Ready(Reply::Lost), "nothing comes of a call that is over");
    assert_eq!(poll(&mut caller, 99), Poll::Ready(Reply::Lost), "nor of one that never was");
    // The first answer counts.
    caller.receive(frame(FrameKind::Response, call, b"43"));
    assert_eq!((caller.heard(), caller.strays()), (2, 1));
}

#[test]
fn a_parked_answer_gives_its_ticket() {
    let mut caller = Caller::default();
    let call = begin(&mut caller);
    caller.receive(frame(FrameKind::Parked, call, b"no ticket"));
    assert_eq!((poll(&mut caller, call), caller.strays()), (Poll::Pending, 1));
    caller.receive(frame(FrameKind::Parked, call, &[1, 2, 0, 0, 0, 0, 0, 0]));
    assert_eq!(poll(&mut caller, call), Poll::Ready(Reply::Parked { ticket: 513 }));
}

#[test]
fn the_task_that_polled_last_is_woken_once() {
    let mut caller = Caller::default();
    let (first, last) = (Task::default(), Task::default());
    let call = begin(&mut caller);
    assert!(caller.poll(call, &first.waker()).is_pending());
    assert!(caller.poll(call, &last.waker()).is_pending());
    assert!(caller.receive(frame(FrameKind::Pong, call, b"")).is_none());
    caller.receive(frame(FrameKind::Response, call, b"")).unwrap().wake();
    assert!(caller.receive(frame(FrameKind::Response, call, b"")).is_none());
    assert_eq!((first.woken(), last.woken()), (0, 1));
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_the_next_call() {
    let mut caller = Caller::default();
    let late = begin(&mut caller);
    caller.abandon(late);
    let next = begin(&mut caller);
    assert_eq!((late as u32, next as u32), (0, 0), "the same slot");
    assert_ne!(late, next);
    caller.receive(frame(FrameKind::Response, late, b"late"));
    assert_eq!((poll(&mut caller, next), caller.strays()), (Poll::Pending, 1));
    // Abandoning what is over disturbs nobody.
    caller.abandon(late);
    caller.receive(frame(FrameKind::Response, next, b"next"));
    assert_eq!(poll(&mut caller, next), Poll::Ready(answer(b"next")));
}

#[test]
fn only_a_call_that_waits_is_cancelled() {
    let mut caller = Caller::default();
    let (one, two) = (begin(&mut caller), begin(&mut caller));
    said(caller.outbox());
    caller.receive(frame(FrameKind::Response, one, b""));
    caller.abandon(one);
    caller.abandon(two);
    caller.abandon(two);
    assert_eq!(outline(&mut caller), [(FrameKind::Cancel, two)]);
    assert_eq!(caller.waiting(), 0);
}

#[test]
fn a_full_lane_takes_no_more_calls() {
    let mut caller = Caller::default();
    let calls: Vec<u64> = (0..LANE_CALLS).map(|_| begin(&mut caller)).collect();
    assert_eq!(caller.begin(&[], Bytes::new(), false), Err(Refused::Full));
    caller.receive(frame(FrameKind::Response, calls[7], b""));
    assert_eq!(caller.begin(&[], Bytes::new(), false), Err(Refused::Full), "the answer has not been taken yet");
    assert!(poll(&mut caller, calls[7]).is_ready());
    begin(&mut caller);
    assert_eq!(caller.begin(&[], Bytes::new(), false), Err(Refused::Full));
}

#[test]
fn so_does_one_with_too_much_to_write() {
    let mut caller = Caller::default();
    let large = || Bytes::from(vec![0; RPC_INLINE_BODY]);
    while !caller.outbox().is_full() {
        caller.begin(&[], large(), false).unwrap();
    }
    assert_eq!(caller.begin(&[], Bytes::new(), false), Err(Refused::Full));
    said(caller.outbox());
    begin(&mut caller);
}

#[test]
fn what_is_too_long_for_a_frame_is_no_call() {
    let mut caller = Caller::default();
    assert_eq!(caller.begin(&[0; RPC_HEAD + 1], Bytes::new(), false), Err(Refused::TooLong));
    assert_eq!(caller.begin(&[], vec![0; RPC_INLINE_BODY + 1].into(), false), Err(Refused::TooLong));
    assert!(caller.outbox().is_empty() && caller.waiting() == 0);
}

#[test]
fn an_answer_too_long_for_a_lane_is_told_as_such() {
    let mut server = Server::default();
    for (call, head, body) in [(1, 0, RPC_INLINE_BODY + 1), (2, RPC_HEAD + 1, 0)] {
        start(&mut server, call);
        assert!(server.answer(FrameKind::Response, call, &vec![0; head], vec![0; body].into()));
        assert_eq!(refusal(&mut server), (call, Code::ResourceExhausted));
    }
    assert_eq!(server.running(), 0);
}

#[test]
fn a_lane_that_is_gone_says_what_was_not_sent_and_never_sends_it() {
    let mut caller = Caller::default();
    let tasks: [Task; 3] = Default::default();
    let large = Bytes::from(vec![0; 20_000]);
    let calls = [0, 1, 2].map(|i| {
        let call = caller.begin(&[], large.clone(), false).unwrap();
        assert!(caller.poll(call, &tasks[i].waker()).is_pending());
        call
    });
    // The first request, and only the header of the second.
    (0..3).for_each(|_| drop(caller.outbox().take().unwrap()));
    caller.close().into_iter().for_each(Waker::wake);
    assert!(caller.is_closed());
    assert_eq!(tasks.map(|task| task.woken()), [1, 1, 1]);
    assert_eq!(caller.outbox().take(), None, "else a call made again elsewhere would be carried out twice");
    let replies = calls.map(|call| poll(&mut caller, call));
    assert_eq!(replies, [Reply::Lost, Reply::Lost, Reply::Unsent].map(Poll::Ready));
    // A frame may have been cut in two: nothing can follow it.
    caller.ping();
    assert_eq!(caller.begin(&[], Bytes::new(), false), Err(Refused::Closed));
    assert!(caller.outbox().is_empty() && caller.close().is_empty());
}

#[test]
fn a_reply_that_is_there_outlives_the_lane() {
    let mut caller = Caller::default();
    let call = begin(&mut caller);
    caller.receive(frame(FrameKind::Response, call, b"42"));
    assert_eq!(caller.close().len(), 0);
    assert_eq!(poll(&mut caller, call), Poll::Ready(answer(b"42")));
}

#[test]
fn calls_that_may_be_made_elsewhere_leave_a_silent_peer() {
    let mut caller = Caller::default();
    let (task, stays) = (Task::default(), begin(&mut caller));
    let goes = caller.begin(&[], Bytes::new(), true).unwrap();
    assert!(caller.poll(goes, &task.waker()).is_pending());
    said(caller.outbox());
    caller.ping();
    caller.give_up_movable().into_iter().for_each(Waker::wake);
    assert_eq!(outline(&mut caller), [(FrameKind::Ping, 0), (FrameKind::Cancel, goes)]);
    assert_eq!((task.woken(), caller.waiting()), (1, 1));
    // It comes back.
    caller.receive(frame(FrameKind::Response, goes, b"late"));
    caller.receive(frame(FrameKind::Response, stays, b"in time"));
    assert_eq!(poll(&mut caller, goes), Poll::Ready(Reply::Lost));
    assert_eq!(poll(&mut caller, stays), Poll::Ready(answer(b"in time")));
}

#[test]
fn a_server_answers_each_call_once() {
    let mut server = Server::default();
    start(&mut server, 5);
    assert_eq!(server.attach(5, 50), None);
    assert!(server.answer(FrameKind::Response, 5, b"", b"42".as_slice().into()));
    assert!(!server.answer(FrameKind::Response, 5, b"", b"43".as_slice().into()));
    assert!(!server.answer(FrameKind::Parked, 6, b"", Bytes::new()), "a call that never was");
    assert_eq!(said(server.outbox()), [frame(FrameKind::Response, 5, b"42")]);
    assert_eq!(server.attach(5, 50), None, "nothing is left to be stopped");
    assert_eq!((server.running(), receive(&mut server, FrameKind::Cancel, 5)), (0, None));
}

#[test]
fn a_cancelled_call_is_stopped_and_not_answered() {
    let mut server = Server::default();
    start(&mut server, 5);
    assert_eq!(server.attach(5, 50), None);
    assert_eq!(receive(&mut server, FrameKind::Cancel, 5), Some(Request::Stop(50)));
    assert_eq!(receive(&mut server, FrameKind::Cancel, 5), None);
    assert!(!server.answer(FrameKind::Response, 5, b"", Bytes::new()));
    assert!(server.outbox().is_empty() && server.running() == 0);
}

#[test]
fn a_call_cancelled_before_its_handler_is_attached_is_stopped_then() {
    let mut server = Server::default();
    // Both frames may come with one read.
    start(&mut server, 5);
    assert_eq!(receive(&mut server, FrameKind::Cancel, 5), None);
    assert_eq!(server.running(), 0);
    assert_eq!(receive(&mut server, FrameKind::Request, 5), None, "its number is still in use");
    assert_eq!(refusal(&mut server), (5, Code::InvalidArgument));
    assert_eq!(server.attach(5, 50), Some(50));
    assert_eq!(server.running(), 0);
    // Or it is over before anything can be attached.
    start(&mut server, 6);
    assert_eq!(receive(&mut server, FrameKind::Cancel, 6), None);
    assert!(!server.answer(FrameKind::Response, 6, b"", Bytes::new()));
    assert!(server.outbox().is_empty() && server.running() == 0);
}

#[test]
fn a_number_in_use_stays_with_its_call() {
    let mut server = Server::default();
    start(&mut server, 5);
    assert_eq!(server.attach(5, 50), None);
    assert_eq!(receive(&mut server, FrameKind::Request, 5), None);
    assert_eq!(refusal(&mut server), (5, Code::InvalidArgument));
    assert_eq!(receive(&mut server, FrameKind::Cancel, 5), Some(Request::Stop(50)));
}

#[test]
fn a_server_runs_so_many_calls_of_a_lane() {
    let mut server = Server::default();
    (0..LANE_CALLS as u64).for_each(|call| start(&mut server, call));
    assert_eq!(receive(&mut server, FrameKind::Request, 5000), None);
    assert_eq!(refusal(&mut server), (5000, Code::ResourceExhausted));
    assert!(server.answer(FrameKind::Response, 7, b"", Bytes::new()));
    start(&mut server, 5000);
}

#[test]
fn and_no_more_that_are_still_to_be_stopped() {
    let mut server = Server::default();
    for call in 0..LANE_CALLS as u64 {
        start(&mut server, call);
        assert_eq!(receive(&mut server, FrameKind::Cancel, call), None);
    }
    assert_eq!(receive(&mut server, FrameKind::Request, 5000), None);
    assert_eq!(refusal(&mut server), (5000, Code::ResourceExhausted));
    assert_eq!(server.attach(3, 30), Some(30));
    start(&mut server, 5000);
}

#[test]
fn what_has_no_meaning_is_unimplemented_and_a_ping_is_answered() {
    let mut server = Server::default();
    for kind in [FrameKind::Response, FrameKind::Parked, FrameKind::Fetch, FrameKind::Open, FrameKind::Data] {
        assert_eq!(receive(&mut server, kind, 3), None);
        assert_eq!(refusal(&mut server), (3, Code::Unimplemented), "{kind:?}");
    }
    assert_eq!(server.receive(Decoded::Unknown { kind: 99, call: 4 }), None);
    assert_eq!(refusal(&mut server), (4, Code::Unimplemented));
    assert_eq!(receive(&mut server, FrameKind::Ping, 6), None);
    assert_eq!(said(server.outbox()), [frame(FrameKind::Pong, 6, b"")]);
}

#[test]
fn with_the_lane_its_handlers_end() {
    let mut server = Server::default();
    (1..=4).for_each(|call| start(&mut server, call));
    assert_eq!((server.attach(1, 10), server.attach(2, 20)), (None, None));
    assert!(server.answer(FrameKind::Response, 2, b"", Bytes::new()));
    assert_eq!(server.close(), [10]);
    // What was just being started.
    assert_eq!(server.attach(3, 30), Some(30));
    assert!(!server.answer(FrameKind::Response, 4, b"", Bytes::new()));
    assert_eq!(server.running(), 0);
}
