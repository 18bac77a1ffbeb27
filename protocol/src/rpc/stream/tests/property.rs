//! Random operations on both ends.

use proptest::{collection, prelude::*, sample::select};

use super::pair::{CALLER, OUTCOME, Pair, SERVER};
use crate::{
    limits::{STREAM_MESSAGE, STREAM_OVERHEAD, STREAM_WINDOW, STREAM_WINDOW_MAX},
    rpc::stream::Ending,
};

/// What happens next, at one end.
#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Next(u64),
    Write(usize),
    Deliver(usize),
    Finish,
    Conclude,
    Cancel,
    Lose,
    Shed,
}

fn budget() -> impl Strategy<Value = u64> {
    let most = STREAM_WINDOW_MAX - STREAM_WINDOW;
    prop_oneof![Just(0), 0..=most, Just(most)]
}

/// Steps of those who send and read, and nothing else.
fn busy() -> impl Strategy<Value = Step> {
    let len = prop_oneof![
        4 => 0..200_usize,
        4 => 15_000..70_000_usize,
        2 => STREAM_MESSAGE - 2..=STREAM_MESSAGE + 1,
    ];
    prop_oneof![
        10 => len.prop_map(Step::Send),
        6 => budget().prop_map(Step::Next),
        6 => (1..4_usize).prop_map(Step::Write),
        8 => prop_oneof![1..50_usize, 1..300_000_usize, Just(usize::MAX)].prop_map(Step::Deliver),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => busy(),
        3 => select(vec![Step::Finish, Step::Conclude]),
        2 => select(vec![Step::Cancel, Step::Lose, Step::Shed]),
    ]
}

fn steps(step: impl Strategy<Value = Step>) -> impl Strategy<Value = Vec<(usize, Step)>> {
    collection::vec((select(vec![CALLER, SERVER]), step), 0..150)
}

fn take(pair: &mut Pair, at: usize, step: Step) {
    let end = &mut pair.0[at];
    match step {
        Step::Send(len) => end.send(len),
        Step::Next(budget) => drop(pair.next(at, budget)),
        Step::Write(pieces) => drop(end.write(pieces)),
        Step::Deliver(bytes) => drop(pair.deliver(at, bytes)),
        Step::Finish => end.finish(),
        Step::Conclude => end.conclude(),
        Step::Cancel => end.cancel(),
        Step::Lose => end.lose(),
        Step::Shed => end.shed(),
    }
    pair.check();
}

proptest! {
    #[test]
    fn nothing_is_lost_swapped_or_held_up(steps in steps(busy()), budget in budget()) {
        let mut pair = Pair::new();
        steps.into_iter().for_each(|(at, step)| take(&mut pair, at, step));
        // Both read from now on.
        pair.run(budget);
        pair.0[CALLER].finish();
        pair.run(budget);
        prop_assert_eq!(pair.0[SERVER].stream.ending(), Some(&Ending::Complete));
        prop_assert!(!pair.0[CALLER].stream.is_silent() && !pair.0[SERVER].stream.is_silent());
        pair.0[SERVER].send(STREAM_MESSAGE);
        pair.run(budget);
        pair.0[SERVER].conclude();
        pair.run(budget);
        pair.check_all_taken();
        let outcome = Ending::Concluded { head: b"head".as_slice().into(), body: OUTCOME.into() };
        prop_assert_eq!(pair.0[CALLER].stream.ending(), Some(&outcome));
        prop_assert!(pair.0[CALLER].stream.is_silent() && pair.0[SERVER].stream.is_silent());
    }

    #[test]
    fn a_slow_reader_stops_the_writer(at in select(vec![CALLER, SERVER]), len in 0..=STREAM_MESSAGE) {
        let mut pair = Pair::new();
        // The reader's machine takes everything in; its program takes nothing.
        let (window, cost) = (STREAM_WINDOW as usize, len + STREAM_OVERHEAD);
        for _ in 0..window / cost + 3 {
            pair.0[at].send(len);
            pair.0[at].write(usize::MAX);
            pair.deliver(1 - at, usize::MAX);
            pair.0[1 - at].write(usize::MAX);
            pair.deliver(at, usize::MAX);
        }
        pair.check();
        prop_assert_eq!(pair.0[1 - at].stream.queued(), (window / cost * cost) as u64);
        // Until it reads again.
        pair.run(0);
        pair.check_all_taken();
    }

    #[test]
    fn every_end_is_what_somebody_did(steps in steps(any_step()), budget in budget()) {
        let mut pair = Pair::new();
        steps.into_iter().for_each(|(at, step)| take(&mut pair, at, step));
        pair.run(budget);
        pair.0[SERVER].conclude();
        pair.run(budget);
        // Whatever has happened, the outcome or the giving up reaches the other end.
        for end in &pair.0 {
            prop_assert!(end.stream.ending().is_some());
        }
        if pair.0.iter().all(|end| !(end.cancelled || end.lost || end.shed)) {
            let concluded = matches!(pair.0[CALLER].stream.ending(), Some(Ending::Concluded { .. }));
            prop_assert!(concluded);
        }
    }
}
