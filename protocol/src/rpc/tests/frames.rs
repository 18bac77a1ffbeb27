//! Frames: whole, in pieces, and impossible.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::{collection, prelude::*, sample::Index};

use crate::{
    limits::{RPC_BODY, RPC_HEAD, RPC_INLINE_BODY},
    rpc::{
        Frame, FrameError, FrameKind,
        frame::{Decoded, HEADER, decode, encode, encode_start, kind},
    },
};

fn frame(kind: FrameKind, call: u64, head: &[u8], body: &[u8]) -> Frame {
    Frame { kind, call, head: head.to_vec().into(), body: body.to_vec().into() }
}

fn write(out: &mut BytesMut, frame: &Frame) {
    assert!(encode(out, frame.kind, frame.call, &frame.head, &frame.body));
}

fn header(kind: u8, reserved: u8, head: u16, body: u32) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u8(kind);
    out.put_u8(reserved);
    out.put_u16_le(head);
    out.put_u32_le(body);
    out.put_u64_le(77);
    out
}

/// All that can be read, in order, until more bytes are needed.
fn drain(buffer: &mut BytesMut) -> Vec<Decoded> {
    let mut all = Vec::new();
    loop {
        match decode(buffer, RPC_INLINE_BODY).unwrap() {
            Decoded::Incomplete { want } => {
                assert!(want > buffer.len(), "else the reader would wait for what it has");
                return all;
            }
            decoded => all.push(decoded),
        }
    }
}

#[test]
fn a_frame_is_read_when_its_last_byte_is_there() {
    let (mut bytes, whole) = (BytesMut::new(), frame(FrameKind::Request, u64::MAX, b"head", b"body!"));
    write(&mut bytes, &whole);
    for len in 0..bytes.len() {
        let mut part = BytesMut::from(&bytes[..len]);
        let want = if len < HEADER { HEADER } else { HEADER + 9 };
        assert_eq!(decode(&mut part, 100), Ok(Decoded::Incomplete { want }));
        assert_eq!(part, bytes[..len], "nothing is taken before all is there");
    }
    bytes.put_slice(b"next");
    assert_eq!(decode(&mut bytes, 100), Ok(Decoded::Frame(whole)));
    assert_eq!(bytes, b"next"[..]);
}

#[test]
fn head_and_body_are_slices_of_the_buffer() {
    let mut buffer = BytesMut::new();
    write(&mut buffer, &frame(FrameKind::Response, 1, b"head", b"body"));
    let start = buffer.as_ptr().addr();
    let Ok(Decoded::Frame(frame)) = decode(&mut buffer, 100) else { panic!("no frame") };
    let offset = |bytes: &Bytes| bytes.as_ptr().addr() - start;
    assert_eq!((offset(&frame.head), offset(&frame.body)), (HEADER, HEADER + 4));
}

#[test]
fn impossible_headers_are_refused_before_anything_is_buffered() {
    let (head, body) = (RPC_HEAD as u16, RPC_INLINE_BODY as u32);
    for (mut bytes, error, text) in [
        (header(1, 3, 0, 0), FrameError::Reserved(3), "reserved byte of a frame is 3, not 0"),
        (
            header(1, 0, head + 1, 0),
            FrameError::HeadTooLong { len: RPC_HEAD + 1, limit: RPC_HEAD },
            "a frame announces a head of 16385 bytes, more than 16384",
        ),
        (
            header(1, 0, 0, body + 1),
            FrameError::BodyTooLong { len: RPC_INLINE_BODY + 1, limit: RPC_INLINE_BODY },
            "a frame announces a body of 65537 bytes, more than 65536",
        ),
        (
            header(99, 0, 0, u32::MAX),
            FrameError::BodyTooLong { len: u32::MAX as usize, limit: RPC_INLINE_BODY },
            "a frame announces a body of 4294967295 bytes, more than 65536",
        ),
    ] {
        assert_eq!(decode(&mut bytes, RPC_INLINE_BODY), Err(error));
        assert_eq!(error.to_string(), text);
    }
    let want = HEADER + RPC_HEAD + RPC_INLINE_BODY;
    assert_eq!(decode(&mut header(1, 0, head, body), RPC_INLINE_BODY), Ok(Decoded::Incomplete { want }));
}

#[test]
fn an_unknown_kind_is_skipped_and_the_stream_goes_on() {
    let known = frame(FrameKind::Cancel, 5, b"", b"");
    let mut buffer = BytesMut::new();
    write(&mut buffer, &known);
    for kind in [0, 12, 255] {
        buffer.extend_from_slice(&header(kind, 0, 2, 3));
        buffer.put_slice(b"hhbbb");
    }
    write(&mut buffer, &known);
    let unknown = |kind| Decoded::Unknown { kind, call: 77 };
    let known = Decoded::Frame(known);
    assert_eq!(drain(&mut buffer), [known.clone(), unknown(0), unknown(12), unknown(255), known]);
    assert!(buffer.is_empty());
}

#[test]
fn what_no_peer_would_read_is_not_written() {
    let mut out = BytesMut::from(&b"before"[..]);
    assert!(!encode(&mut out, FrameKind::Request, 1, &vec![0; RPC_HEAD + 1], &[]));
    assert!(!encode(&mut out, FrameKind::Request, 1, &vec![0; 1 << 16], &[]));
    assert!(!encode(&mut out, FrameKind::Request, 1, &[], &vec![0; RPC_BODY + 1]));
    assert_eq!(out, b"before"[..]);
    assert!(encode(&mut out, FrameKind::Request, 1, &vec![0; RPC_HEAD], &vec![0; RPC_BODY]));
    assert_eq!(out.len(), 6 + HEADER + RPC_HEAD + RPC_BODY);
}

#[test]
fn a_frames_start_and_its_body_are_the_frame() {
    for (head, body) in [(&b"head"[..], &b"body"[..]), (b"", b""), (b"", b"body"), (b"head", b"")] {
        let (mut whole, mut start) = (BytesMut::from(&b"before"[..]), BytesMut::from(&b"before"[..]));
        assert!(encode(&mut whole, FrameKind::Data, 7, head, body));
        assert!(encode_start(&mut start, FrameKind::Data, 7, head, body.len()));
        assert_eq!(start, whole[..whole.len() - body.len()]);
        start.put_slice(body);
        assert_eq!(start, whole);
    }
    let mut out = BytesMut::new();
    assert!(!encode_start(&mut out, FrameKind::Data, 1, &[], RPC_BODY + 1));
    assert!(!encode_start(&mut out, FrameKind::Data, 1, &[], 1 << 32));
    assert!(!encode_start(&mut out, FrameKind::Data, 1, &[0; RPC_HEAD + 1], 0));
    assert!(out.is_empty());
}

#[test]
fn the_kind_of_a_frame_is_known_from_its_first_byte() {
    let known: Vec<Option<FrameKind>> = (0..=u8::MAX).map(|byte| kind(&[byte])).collect();
    let mut expected = vec![None; 256];
    for kind in KINDS {
        expected[kind as usize] = Some(kind);
    }
    assert_eq!(known, expected);
    assert_eq!((kind(&[]), kind(&[10, 99, 99])), (None, Some(FrameKind::Ping)));
}

const KINDS: [FrameKind; 11] = [
    FrameKind::Request,
    FrameKind::Response,
    FrameKind::Cancel,
    FrameKind::Parked,
    FrameKind::Fetch,
    FrameKind::Open,
    FrameKind::Data,
    FrameKind::Credit,
    FrameKind::End,
    FrameKind::Ping,
    FrameKind::Pong,
];

fn kinds() -> impl Strategy<Value = FrameKind> {
    prop::sample::select(&KINDS[..])
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let bytes = || collection::vec(any::<u8>(), 0..40);
    let one = (kinds(), any::<u64>(), bytes(), bytes());
    collection::vec(one.prop_map(|(kind, call, head, body)| frame(kind, call, &head, &body)), 0..8)
}

proptest! {
    #[test]
    fn a_stream_cut_anywhere_gives_the_same_frames(frames in frames(), cuts: Vec<Index>) {
        let mut stream = BytesMut::new();
        frames.iter().for_each(|frame| write(&mut stream, frame));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.push(stream.len());
        cuts.sort_unstable();

        let (mut buffer, mut read, mut from) = (BytesMut::new(), Vec::new(), 0);
        for to in cuts {
            buffer.extend_from_slice(&stream[from..to]);
            read.extend(drain(&mut buffer));
            from = to;
        }
        prop_assert_eq!(read, frames.into_iter().map(Decoded::Frame).collect::<Vec<_>>());
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn noise_never_asks_for_more_than_the_limits(
        noise in collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..120),
        max_body in 0..2000_usize,
    ) {
        let mut buffer = BytesMut::from(noise.as_slice());
        loop {
            let before = buffer.len();
            match decode(&mut buffer, max_body) {
                Ok(Decoded::Incomplete { want }) => {
                    prop_assert!(before < want && want <= HEADER + RPC_HEAD + max_body);
                    break;
                }
                Ok(Decoded::Frame(frame)) => {
                    prop_assert!(frame.head.len() <= RPC_HEAD && frame.body.len() <= max_body);
                    prop_assert_eq!(before - buffer.len(), HEADER + frame.head.len() + frame.body.len());
                }
                Ok(Decoded::Unknown { .. }) => prop_assert!(before - buffer.len() >= HEADER),
                Err(_) => {
                    prop_assert_eq!(buffer.len(), before);
                    break;
                }
            }
        }
    }
}
