//! What client and server say to each other: the specification's messages, under its names.

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::net::delimited::{self, ReadError};

/// Bytes of one `DialDataResponse` that count, at most.
pub(super) const DATA_PER_MESSAGE: usize = 4096;
/// Bytes that a server may ask for.
pub(super) const DATA_ASKED: std::ops::RangeInclusive<u32> = 30_000..=100_000;
/// Length of a [`Message`]: one full of data, with its two tags and lengths, and a little more.
const MAX_MESSAGE: usize = DATA_PER_MESSAGE + 8;
/// Length of what is said on the dial-back protocol: a number, and room for what later versions may add.
const MAX_DIAL_BACK: usize = 64;
/// How long the end of a substream may take.
const CLOSING: Duration = Duration::from_secs(1);

/// Everything that is said on the dial-request protocol.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4")]
    pub(super) body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Body {
    #[prost(message, tag = "1")]
    Request(DialRequest),
    #[prost(message, tag = "2")]
    Response(DialResponse),
    #[prost(message, tag = "3")]
    DataRequest(DialDataRequest),
    #[prost(message, tag = "4")]
    DataResponse(DialDataResponse),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DialRequest {
    /// Those that matter most first.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) addresses: Vec<Vec<u8>>,
    #[prost(fixed64, tag = "2")]
    pub(super) nonce: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DialDataRequest {
    #[prost(uint32, tag = "1")]
    pub(super) index: u32,
    #[prost(uint64, tag = "2")]
    pub(super) bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DialDataResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DialResponse {
    #[prost(enumeration = "ResponseStatus", tag = "1")]
    pub(super) status: i32,
    #[prost(uint32, tag = "2")]
    pub(super) index: u32,
    #[prost(enumeration = "DialStatus", tag = "3")]
    pub(super) dial: i32,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ResponseStatus {
    InternalError = 0,
    RequestRejected = 100,
    DialRefused = 101,
    Ok = 200,
}

/// What became of the dial, if the request got that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum DialStatus {
    Unused = 0,
    DialError = 100,
    DialBackError = 101,
    Ok = 200,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DialBack {
    #[prost(fixed64, tag = "1")]
    pub(super) nonce: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DialBackResponse {
    /// There is one status: 0, it has arrived.
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

/// The next message; `None` if it is of a kind that later versions may know.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Body>, ReadError> {
    Ok(delimited::read_up_to::<Message>(from, MAX_MESSAGE).await?.body)
}

pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), body: Body) -> io::Result<()> {
    delimited::write(to, &Message { body: Some(body) }).await
}

/// The next message on the dial-back protocol.
pub(super) async fn read_back<M: prost::Message + Default>(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<M, ReadError> {
    delimited::read_up_to(from, MAX_DIAL_BACK).await
}

/// Ends a substream on which everything has been said. The other side may have done so already, and nothing depends on it.
pub(super) async fn close(stream: &mut (impl AsyncWrite + Unpin)) {
    let _ = timeout(CLOSING, stream.close()).await;
}
