//! A peer that says anything at all.

use std::task::Waker;

use bytes::Bytes;
use proptest::{collection, option, prelude::*, sample::select};

use crate::{
    limits::{STREAM_MESSAGE, STREAM_OVERHEAD, STREAM_WINDOW, STREAM_WINDOW_MAX},
    rpc::{
        Frame, FrameKind,
        stream::{Ending, Stream, Violation},
        tests::wire::said,
    },
};

fn frame() -> impl Strategy<Value = Frame> {
    use FrameKind::*;
    let kind = prop_oneof![
        30 => select(vec![Data, Credit]),
        1 => select(vec![Request, Response, Cancel, Parked, Fetch, Open, End, Ping, Pong]),
    ];
    let len = prop_oneof![10 => 0..100_usize, 3 => 20_000..50_000_usize, 1 => STREAM_MESSAGE - 1..STREAM_MESSAGE + 2];
    let call = prop_oneof![0..STREAM_WINDOW, any::<u64>()];
    (kind, call, len).prop_map(|(kind, call, len)| Frame { kind, call, head: Bytes::new(), body: vec![0; len].into() })
}

/// What the program at this end does, by number.
fn act(stream: &mut Stream, act: u8) {
    match act {
        0..12 => drop(stream.poll_next(STREAM_WINDOW_MAX - STREAM_WINDOW, Waker::noop())),
        12..16 => drop(stream.poll_next(0, Waker::noop())),
        16..20 => drop(stream.poll_send(&vec![0; 50_000].into(), Waker::noop())),
        20 => stream.finish(),
        21 => stream.conclude(b"", Bytes::new()).wake(),
        22 => stream.shed().wake(),
        _ => stream.lost().wake(),
    }
}

proptest! {
    #[test]
    fn no_frame_upsets_a_stream(
        caller: bool, steps in collection::vec((frame(), option::of(0..24_u8)), 0..80),
    ) {
        let mut stream = if caller { Stream::open(b"") } else { Stream::accept() };
        let mut ending: Option<Ending> = None;
        for (frame, does) in steps {
            stream.receive(frame).wake();
            if let Some(does) = does.filter(|does| caller || *does != 20).filter(|does| !caller || *does != 21) {
                act(&mut stream, does);
            }
            prop_assert!(stream.queued() <= STREAM_WINDOW_MAX);
            if let Some(ending) = &ending {
                let given_up = *ending == Ending::Complete && stream.ending() == Some(&Ending::Cancelled);
                prop_assert!(given_up || stream.ending() == Some(ending), "{ending:?} and then {:?}", stream.ending());
            }
            ending = stream.ending().cloned();
            said(stream.outbox());
        }
    }

    #[test]
    fn a_peer_may_send_what_it_was_allowed_and_no_byte_more(
        lens in collection::vec(prop_oneof![0..100_usize, 0..=STREAM_MESSAGE], 1..60), taken in 0..20_usize,
    ) {
        let (mut stream, mut sent, mut allowed) = (Stream::accept(), 0, STREAM_WINDOW);
        said(stream.outbox());
        for (number, len) in lens.into_iter().enumerate() {
            sent += (STREAM_OVERHEAD + len) as u64;
            stream.receive(Frame {
                kind: FrameKind::Data,
                call: 0,
                head: Bytes::new(),
                body: vec![0; len].into(),
            }).wake();
            if sent > allowed {
                let over = sent - allowed;
                prop_assert_eq!(stream.ending(), Some(&Ending::Violated(Violation::Overrun { over })));
                return Ok(());
            }
            prop_assert_eq!(stream.ending(), None);
            if number < taken {
                prop_assert!(stream.poll_next(0, Waker::noop()).is_ready());
                allowed += said(stream.outbox()).into_iter().map(|credit| credit.call).sum::<u64>();
            }
        }
    }
}
