//! The order of what is written, how it is held, and its bounds.

use bytes::{Bytes, BytesMut};
use proptest::{collection, prelude::*, sample::select};

use super::{FULL, Outbox, SEPARATE};
use crate::{
    limits::{RPC_BODY, RPC_HEAD},
    rpc::{
        FrameKind,
        frame::{HEADER, encode},
    },
};

fn body(len: usize) -> Bytes {
    vec![7; len].into()
}

#[test]
fn a_large_body_is_handed_on_as_it_is() {
    let mut outbox = Outbox::default();
    let large = body(SEPARATE);
    assert!(outbox.push(FrameKind::Data, 1, b"head", large.clone()));
    assert_eq!(outbox.take().unwrap().len(), HEADER + 4);
    assert_eq!(outbox.take().unwrap().as_ptr(), large.as_ptr(), "the body was copied");
    assert_eq!(outbox.take(), None);
}

#[test]
fn small_frames_share_a_piece_and_large_bodies_lie_between() {
    let mut outbox = Outbox::default();
    outbox.push_bare(FrameKind::Ping, 1);
    assert!(outbox.push(FrameKind::Data, 2, &[], body(SEPARATE - 1)));
    assert!(outbox.push(FrameKind::Data, 3, &[], body(SEPARATE)));
    outbox.push_bare(FrameKind::Ping, 4);
    outbox.push_bare(FrameKind::Ping, 5);
    let pieces: Vec<usize> = std::iter::from_fn(|| outbox.take()).map(|piece| piece.len()).collect();
    assert_eq!(pieces, [3 * HEADER + SEPARATE - 1, SEPARATE, 2 * HEADER]);
}

#[test]
fn what_is_too_long_changes_nothing() {
    let mut outbox = Outbox::default();
    assert!(!outbox.push(FrameKind::Data, 1, &[0; RPC_HEAD + 1], Bytes::new()));
    assert!(!outbox.push(FrameKind::Data, 1, &[0; RPC_HEAD + 1], body(SEPARATE)));
    assert!(!outbox.push(FrameKind::Data, 1, &[], body(RPC_BODY + 1)));
    assert!(outbox.is_empty());
    assert_eq!((outbox.pushed(), outbox.take()), (0, None));
    assert!(outbox.push(FrameKind::Data, 1, &[0; RPC_HEAD], body(RPC_BODY)));
    assert_eq!(outbox.pushed(), (HEADER + RPC_HEAD + RPC_BODY) as u64);
}

#[test]
fn it_is_full_from_its_bound_on_however_the_bytes_are_held() {
    for len in [SEPARATE - HEADER, 4 * SEPARATE - HEADER] {
        let mut outbox = Outbox::default();
        for _ in 0..FULL / (len + HEADER) {
            assert!(!outbox.is_full());
            assert!(outbox.push(FrameKind::Data, 1, &[], body(len)));
        }
        assert!(outbox.is_full());
        outbox.take().unwrap();
        assert!(!outbox.is_full(), "room again");
    }
    let mut outbox = Outbox::default();
    assert!(outbox.push(FrameKind::Data, 1, &[], body(FULL - HEADER - 1)));
    assert!(!outbox.is_full(), "one byte of room");
    outbox.push_bare(FrameKind::Ping, 1);
    assert!(outbox.is_full());
}

#[test]
fn what_is_discarded_is_never_taken() {
    let mut outbox = Outbox::default();
    assert!(outbox.push(FrameKind::Data, 1, &[], body(SEPARATE)));
    outbox.push_bare(FrameKind::Ping, 1);
    outbox.take().unwrap();
    outbox.discard();
    assert!(outbox.is_empty() && !outbox.is_full());
    assert_eq!((outbox.take(), outbox.taken()), (None, HEADER as u64));
    assert_eq!(outbox.pushed(), (2 * HEADER + SEPARATE) as u64, "the count of what was pushed stays");
}

proptest! {
    #[test]
    fn everything_comes_out_in_order(
        // Length of the next body, and pieces taken after it.
        steps in collection::vec((select(vec![0, 1, 40, SEPARATE - 1, SEPARATE, SEPARATE + 1]), 0..3_usize), 0..40),
    ) {
        let (mut outbox, mut expected, mut found) = (Outbox::default(), BytesMut::new(), BytesMut::new());
        for (number, (len, pieces)) in (0_u64..).zip(steps) {
            let (head, body) = (&[1, 2, 3][..len % 4], Bytes::from(vec![number as u8; len]));
            prop_assert_eq!(outbox.pushed(), expected.len() as u64, "where the frame begins");
            prop_assert!(encode(&mut expected, FrameKind::Data, number, head, &body));
            prop_assert!(outbox.push(FrameKind::Data, number, head, body));
            for _ in 0..pieces {
                found.extend(outbox.take());
            }
            prop_assert_eq!(outbox.taken(), found.len() as u64);
            prop_assert_eq!(outbox.is_empty(), found.len() == expected.len());
            prop_assert_eq!(outbox.is_full(), expected.len() - found.len() >= FULL);
        }
        while let Some(piece) = outbox.take() {
            prop_assert!(!piece.is_empty());
            found.extend(piece);
        }
        prop_assert!(outbox.is_empty());
        prop_assert_eq!(found, expected);
    }
}
