//! The messages of Circuit Relay v2: Protocol Buffers, each with its length before it.
//!
//! Fields that a relay neither says nor heeds are left out, which Protocol Buffers allows: vouchers, limits, addresses of
//! targets. Enumerations stand as numbers, since a peer may send one that nobody knows.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use prost::Message;

/// Length of a message at most, without its length's own bytes, as in the other implementations.
pub(super) const MAX_MESSAGE: usize = 4096;

/// What a hop message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum HopKind {
    Reserve = 0,
    Connect = 1,
    Status = 2,
}

/// What a stop message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum StopKind {
    Connect = 0,
    Status = 1,
}

/// How a request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Status {
    Ok = 100,
    ReservationRefused = 200,
    ResourceLimitExceeded = 201,
    PermissionDenied = 202,
    ConnectionFailed = 203,
    NoReservation = 204,
    MalformedMessage = 400,
    UnexpectedMessage = 401,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HopMessage {
    #[prost(int32, optional, tag = "1")]
    pub(super) kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(super) peer: Option<Peer>,
    #[prost(message, optional, tag = "3")]
    pub(super) reservation: Option<Reservation>,
    #[prost(int32, optional, tag = "5")]
    pub(super) status: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StopMessage {
    #[prost(int32, optional, tag = "1")]
    pub(super) kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(super) peer: Option<Peer>,
    #[prost(int32, optional, tag = "4")]
    pub(super) status: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Peer {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Reservation {
    /// Seconds since 1970.
    #[prost(uint64, optional, tag = "1")]
    pub(super) expire: Option<u64>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) addrs: Vec<Vec<u8>>,
}

impl HopMessage {
    pub(super) fn answer(status: Status) -> Self {
        Self { kind: Some(HopKind::Status.into()), status: Some(status.into()), ..Self::default() }
    }
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the substream ended or broke: {0}")]
    Io(#[from] io::Error),
    #[error("a message longer than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("not a message: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Reads one message and not a byte more: what follows is the circuit's.
pub(super) async fn read<M: Message + Default>(from: &mut (impl AsyncRead + Unpin)) -> Result<M, ReadError> {
    let mut message = vec![0; read_length(from).await?];
    from.read_exact(&mut message).await?;
    Ok(M::decode(message.as_slice())?)
}

/// An unsigned varint of at most two bytes, seven bits each, the lowest first: enough for [`MAX_MESSAGE`].
async fn read_length(from: &mut (impl AsyncRead + Unpin)) -> Result<usize, ReadError> {
    let mut length = 0;
    for shift in [0, 7] {
        let mut byte = [0];
        from.read_exact(&mut byte).await?;
        let [byte] = byte;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if length > MAX_MESSAGE { Err(ReadError::TooLong) } else { Ok(length) };
        }
    }
    Err(ReadError::TooLong)
}

/// Writes one message and sees it off.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> io::Result<()> {
    to.write_all(&message.encode_length_delimited_to_vec()).await?;
    to.flush().await
}
