//! The frame: a fixed header, a small head, a body.
//!
//! ```text
//!  0      1      2          4                8                              16
//! ┌──────┬──────┬──────────┬────────────────┬──────────────────────────────┐
//! │ kind │ zero │ head len │ body len       │ call id                      │  integers little endian
//! │  u8  │  u8  │   u16    │      u32       │             u64              │
//! ├──────┴──────┴──────────┴────────────────┴──────────────────────────────┤
//! │ head: RequestHead or ResponseHead, encoded (may be empty)              │
//! ├────────────────────────────────────────────────────────────────────────┤
//! │ body: opaque bytes                                                     │
//! └────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Lengths are checked as soon as the header is there, before any of what they announce is buffered. Head and body
//! are slices of the receive buffer; nothing is copied.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::limits;

/// Length of the fixed header, in bytes.
pub const HEADER: usize = 16;

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A call, with a [`RequestHead`](super::RequestHead).
    Request = 1,
    /// Its answer, with a [`ResponseHead`](super::ResponseHead); an empty head means `ok`.
    Response = 2,
    /// The caller no longer waits.
    Cancel = 3,
    /// The answer is too large for the lane: the caller may fetch it on a bulk substream with [`FrameKind::Fetch`].
    /// The body is the answer's ticket (8 bytes).
    Parked = 4,
    /// First frame on a bulk substream: hand me the parked answer whose ticket is the call id.
    Fetch = 5,
    /// First frame on a bulk substream: a stream of messages, with a [`RequestHead`](super::RequestHead). It ends with
    /// the server's [`FrameKind::Response`].
    Open = 6,
    /// One message of a stream.
    Data = 7,
    /// The other side may send more on this stream: as many bytes as the call id says.
    Credit = 8,
    /// The caller sends no more messages on this stream.
    End = 9,
    /// Is anybody there? Answered with [`FrameKind::Pong`] and the same call id.
    Ping = 10,
    /// Somebody is.
    Pong = 11,
}

impl FrameKind {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Request,
            2 => Self::Response,
            3 => Self::Cancel,
            4 => Self::Parked,
            5 => Self::Fetch,
            6 => Self::Open,
            7 => Self::Data,
            8 => Self::Credit,
            9 => Self::End,
            10 => Self::Ping,
            11 => Self::Pong,
            _ => return None,
        })
    }
}

/// One message on a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub kind: FrameKind,
    /// The call that it belongs to; chosen by the caller, unique on its lane while the call lasts. On a substream that
    /// carries one call only, a number whose meaning the kind says.
    pub call: u64,
    /// Encoded head.
    pub head: Bytes,
    /// Opaque body.
    pub body: Bytes,
}

/// Why a stream of frames cannot go on. After any of these the stream is closed: the next frame's start is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The header's reserved byte is set.
    #[error("reserved byte of a frame is {0}, not 0")]
    Reserved(u8),
    /// The head is too long.
    #[error("a frame announces a head of {len} bytes, more than {limit}")]
    HeadTooLong {
        /// Announced length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The body is too long for this kind of stream.
    #[error("a frame announces a body of {len} bytes, more than {limit}")]
    BodyTooLong {
        /// Announced length.
        len: usize,
        /// The limit.
        limit: usize,
    },
}

/// What the decoder found at the front of the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A frame; its bytes have left the buffer.
    Frame(Frame),
    /// A well-formed frame of a kind this version does not know, skipped. It is answered with `unimplemented`.
    Unknown {
        /// The kind's number.
        kind: u8,
        /// The call that it belongs to.
        call: u64,
    },
    /// More bytes are needed: at least this many in all before the next try makes sense.
    Incomplete {
        /// Bytes that the buffer should hold.
        want: usize,
    },
}

/// The kind of the frame at the front of `buffer`, if that is there and known.
#[must_use]
pub fn kind(buffer: &[u8]) -> Option<FrameKind> {
    FrameKind::from_byte(*buffer.first()?)
}

/// Takes one frame off the front of `buffer`.
///
/// # Errors
/// [`FrameError`] if the header is impossible or announces a body above `max_body`.
pub fn decode(buffer: &mut BytesMut, max_body: usize) -> Result<Decoded, FrameError> {
    let Some(mut header) = buffer.get(..HEADER) else {
        return Ok(Decoded::Incomplete { want: HEADER });
    };
    let (kind, reserved) = (header.get_u8(), header.get_u8());
    let (head_len, body_len) = (usize::from(header.get_u16_le()), header.get_u32_le() as usize);
    let call = header.get_u64_le();
    if reserved != 0 {
        return Err(FrameError::Reserved(reserved));
    }
    if head_len > limits::RPC_HEAD {
        return Err(FrameError::HeadTooLong { len: head_len, limit: limits::RPC_HEAD });
    }
    if body_len > max_body {
        return Err(FrameError::BodyTooLong { len: body_len, limit: max_body });
    }
    let want = HEADER + head_len + body_len;
    if buffer.len() < want {
        return Ok(Decoded::Incomplete { want });
    }
    let mut frame = buffer.split_to(want).freeze();
    frame.advance(HEADER);
    let head = frame.split_to(head_len);
    Ok(match FrameKind::from_byte(kind) {
        Some(kind) => Decoded::Frame(Frame { kind, call, head, body: frame }),
        None => Decoded::Unknown { kind, call },
    })
}

/// Appends a frame to `out`. Returns `false`, leaving `out` as it was, if head or body are longer than
/// [`RPC_HEAD`](limits::RPC_HEAD) and [`RPC_BODY`](limits::RPC_BODY) allow; callers check first and answer
/// `resource_exhausted`. What else a lane allows (inline bodies) is theirs to check.
#[must_use]
pub fn encode(out: &mut BytesMut, kind: FrameKind, call: u64, head: &[u8], body: &[u8]) -> bool {
    out.reserve(HEADER + head.len() + body.len());
    let fits = encode_start(out, kind, call, head, body.len());
    if fits {
        out.put_slice(body);
    }
    fits
}

/// The same for a frame whose body, of `body_len` bytes, is written after it by other means.
#[must_use]
pub fn encode_start(out: &mut BytesMut, kind: FrameKind, call: u64, head: &[u8], body_len: usize) -> bool {
    let (Ok(head_len), Ok(announced)) = (u16::try_from(head.len()), u32::try_from(body_len)) else {
        return false;
    };
    if head.len() > limits::RPC_HEAD || body_len > limits::RPC_BODY {
        return false;
    }
    out.reserve(HEADER + head.len());
    out.put_u8(kind as u8);
    out.put_u8(0);
    out.put_u16_le(head_len);
    out.put_u32_le(announced);
    out.put_u64_le(call);
    out.put_slice(head);
    true
}
