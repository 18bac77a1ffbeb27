//! A peer that says anything at all.

use std::task::Waker;

use bytes::Bytes;
use proptest::{collection, prelude::*, sample::select};

use crate::{
    limits::RPC_INLINE_BODY,
    rpc::{
        Frame, FrameKind,
        frame::Decoded,
        lane::{Caller, Request, Server},
        tests::wire::{Wire, said},
    },
};

fn decoded() -> impl Strategy<Value = Decoded> {
    use FrameKind::*;
    let kind = select(vec![Request, Response, Cancel, Parked, Fetch, Open, Data, Credit, End, Ping, Pong]);
    let call =
        || prop_oneof![4 => 0..6_u64, 1 => (0..3_u64).prop_map(|generation| generation << 32), 1 => any::<u64>()];
    let bytes = || collection::vec(any::<u8>(), 0..12).prop_map(Bytes::from);
    prop_oneof![
        20 => (kind, call(), bytes(), bytes())
            .prop_map(|(kind, call, head, body)| Decoded::Frame(Frame { kind, call, head, body })),
        1 => (any::<u8>(), call()).prop_map(|(kind, call)| Decoded::Unknown { kind, call }),
        1 => any::<usize>().prop_map(|want| Decoded::Incomplete { want }),
    ]
}

/// What the program at this end does in between, if anything: whatever it is, on the call of that number.
fn frames_and_acts() -> impl Strategy<Value = Vec<(Decoded, Option<(u8, u64)>)>> {
    collection::vec((decoded(), proptest::option::of((0..4_u8, 0..6_u64))), 0..80)
}

proptest! {
    #[test]
    fn no_frame_upsets_a_caller(steps in frames_and_acts()) {
        let mut caller = Caller::default();
        let mut calls = vec![0];
        for (decoded, act) in steps {
            if let Decoded::Frame(frame) = decoded {
                caller.receive(frame).into_iter().for_each(Waker::wake);
            }
            match act {
                Some((0, _)) => calls.extend(caller.begin(b"", Bytes::new(), true)),
                Some((1, nth)) => drop(caller.poll(calls[nth as usize % calls.len()], Waker::noop())),
                Some((2, nth)) => caller.abandon(calls[nth as usize % calls.len()]),
                Some((_, 0)) => drop(caller.give_up_movable()),
                _ => {}
            }
            prop_assert!(caller.waiting() < calls.len());
        }
        // It says nothing but what callers say, and that in whole frames.
        for frame in said(caller.outbox()) {
            prop_assert!(matches!(frame.kind, FrameKind::Request | FrameKind::Cancel));
        }
        drop(caller.close());
        prop_assert_eq!(caller.waiting(), 0);
    }

    #[test]
    fn no_frame_upsets_a_server(steps in frames_and_acts()) {
        let mut server = Server::default();
        for (number, (decoded, act)) in steps.into_iter().enumerate() {
            let running = server.running();
            let kind = if let Decoded::Frame(frame) = &decoded { Some(frame.kind) } else { None };
            match (server.receive(decoded), kind) {
                (Some(Request::Start { .. }), Some(FrameKind::Request)) => prop_assert_eq!(server.running(), running + 1),
                (Some(Request::Stop(_)), Some(FrameKind::Cancel)) => prop_assert_eq!(server.running() + 1, running),
                (None, Some(FrameKind::Cancel)) => prop_assert!(server.running() <= running),
                (None, _) => prop_assert_eq!(server.running(), running),
                (asked, kind) => prop_assert!(false, "{kind:?} asks for {asked:?}"),
            }
            // One frame gets one reply at most.
            prop_assert!(said(server.outbox()).len() <= 1);
            match act {
                Some((0 | 1, call)) => drop(server.attach(call, number)),
                Some((2, call)) => drop(server.answer(FrameKind::Response, call, b"", Bytes::new())),
                Some((_, 0)) => drop(server.close()),
                _ => {}
            }
            said(server.outbox());
        }
    }

    #[test]
    fn noise_is_refused_or_answered(noise in collection::vec(prop_oneof![3 => 0..12_u8, 1 => any::<u8>()], 0..200)) {
        let (mut buffer, mut server, mut caller) = (noise.as_slice().into(), Server::<()>::default(), Caller::default());
        while let Ok(decoded) = crate::rpc::frame::decode(&mut buffer, RPC_INLINE_BODY) {
            match decoded {
                Decoded::Incomplete { .. } => break,
                Decoded::Frame(frame) => {
                    prop_assert!(caller.receive(frame.clone()).is_none());
                    server.receive(Decoded::Frame(frame));
                }
                unknown => drop(server.receive(unknown)),
            }
        }
        let mut wire = Wire::new(RPC_INLINE_BODY);
        wire.write(server.outbox(), usize::MAX);
        wire.frames(usize::MAX);
        prop_assert!(wire.is_empty());
    }
}
