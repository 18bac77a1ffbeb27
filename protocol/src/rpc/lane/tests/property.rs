//! Random operations on both ends, against the model.

use proptest::{collection, prelude::*, sample::select};

use super::model::{Lane, To};
use crate::{limits::RPC_INLINE_BODY, rpc::FrameKind};

/// What happens next. Numbers say which, among those that there are.
#[derive(Debug, Clone)]
enum Step {
    Begin { count: usize, len: usize, movable: bool },
    Poll(usize),
    Disturb(usize),
    Abandon(usize),
    Ping,
    GiveUp,
    Close,
    Attach(usize),
    Answer { nth: usize, parked: bool },
    AnswerAgain(usize),
    ConfuseServer(FrameKind, usize),
    ConfuseCaller(FrameKind, usize),
    Write(To, usize),
    Deliver(To, usize),
}

fn kind() -> impl Strategy<Value = FrameKind> {
    use FrameKind::*;
    select(vec![Request, Response, Cancel, Parked, Fetch, Open, Data, Credit, End, Ping, Pong])
}

fn step() -> impl Strategy<Value = Step> {
    let nth = || any::<usize>();
    let to = || select(vec![To::Server, To::Caller]);
    let len = prop_oneof![
        8 => select(vec![8, 100, 1000]),
        3 => select(vec![16 * 1024 - 1, 16 * 1024, RPC_INLINE_BODY]),
        1 => Just(RPC_INLINE_BODY + 1),
    ];
    let piece = prop_oneof![1..40_usize, Just(20_000), Just(usize::MAX)];
    prop_oneof![
        20 => (len, any::<bool>()).prop_map(|(len, movable)| Step::Begin { count: 1, len, movable }),
        1 => any::<bool>().prop_map(|movable| Step::Begin { count: 600, len: 8, movable }),
        15 => nth().prop_map(Step::Poll),
        2 => nth().prop_map(Step::Disturb),
        8 => nth().prop_map(Step::Abandon),
        1 => Just(Step::Ping),
        1 => Just(Step::GiveUp),
        1 => Just(Step::Close),
        8 => nth().prop_map(Step::Attach),
        15 => (nth(), any::<bool>()).prop_map(|(nth, parked)| Step::Answer { nth, parked }),
        3 => nth().prop_map(Step::AnswerAgain),
        2 => (kind(), nth()).prop_map(|(kind, nth)| Step::ConfuseServer(kind, nth)),
        2 => (kind(), nth()).prop_map(|(kind, nth)| Step::ConfuseCaller(kind, nth)),
        15 => (to(), 1..4_usize).prop_map(|(to, pieces)| Step::Write(to, pieces)),
        30 => (to(), piece).prop_map(|(to, bytes)| Step::Deliver(to, bytes)),
    ]
}

fn take(lane: &mut Lane, step: Step) {
    match step {
        Step::Begin { count, len, movable } => (0..count).for_each(|_| lane.begin(len, movable)),
        Step::Poll(nth) => lane.poll(nth),
        Step::Disturb(nth) => lane.disturb(nth),
        Step::Abandon(nth) => lane.abandon(nth),
        Step::Ping => lane.ping(),
        Step::GiveUp => lane.give_up(),
        Step::Close => lane.close(),
        Step::Attach(nth) => lane.attach(nth),
        Step::Answer { nth, parked } => lane.answer(nth, parked),
        Step::AnswerAgain(nth) => lane.answer_again(nth),
        Step::ConfuseServer(kind, nth) => lane.confuse_server(kind, nth),
        Step::ConfuseCaller(kind, nth) => lane.confuse_caller(kind, nth),
        Step::Write(to, pieces) => drop(lane.write(to, pieces)),
        Step::Deliver(to, bytes) => drop(lane.deliver(to, bytes)),
    }
}

proptest! {
    #[test]
    fn every_call_ends_once_with_its_own_answer(steps in collection::vec(step(), 0..150)) {
        let (mut lane, mut unsent) = (Lane::new(), Vec::new());
        for step in steps {
            let closing = matches!(step, Step::Close);
            take(&mut lane, step);
            lane.check();
            if closing {
                unsent.extend(lane.unsent());
            }
        }
        lane.settle();
        lane.check_unsent(&unsent);
    }
}
