//! Substreams of `/atoll/<network>/topic/1`: asking others for what is missing, answering them, and following.

mod ask;
mod follow;
mod serve;

use std::{io, time::Duration};

use atoll_protocol::{
    codec::{self, DecodeError},
    limits,
    topic::sync::{Fault as Broken, Reply, Request},
};
use atoll_registry::peers::conduct::Fault;
use futures::{AsyncRead, AsyncWrite};
use serde::Serialize;

pub(crate) use self::serve::serve_stream;
pub(super) use self::{
    ask::{Ask, Asks},
    follow::Follows,
};
use crate::net::{framed, streams::OpenError};

/// How long the next message of an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a conversation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SyncError {
    #[error(transparent)]
    Connect(#[from] crate::error::ConnectError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the substream broke: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Encode(#[from] codec::EncodeError),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Timeout,
    #[error("this node is stopping")]
    Stopped,
}

impl SyncError {
    /// What the other side has done wrong, if it was that.
    pub(super) fn fault(&self) -> Option<Fault> {
        Some(match self {
            Self::Decode(error) => error.into(),
            Self::Broken(Broken::Unchecked(_)) => Fault::Forged,
            Self::Broken(Broken::Withheld { .. }) => Fault::Inconsistent,
            Self::Broken(_) => Fault::Malformed,
            Self::Connect(_) | Self::Open(_) | Self::Io(_) | Self::Encode(_) | Self::Timeout | Self::Stopped => {
                return None;
            }
        })
    }
}

/// Writes one message. The caller flushes.
pub(super) async fn send<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), SyncError> {
    framed::send(stream, message).await
}

/// Reads one message; `None` at the end of the stream.
async fn receive<T>(
    stream: &mut (impl AsyncRead + Unpin),
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<T>, SyncError> {
    let received: Result<Option<(T, usize)>, SyncError> = framed::receive(stream, limits::TOPIC_MESSAGE, decode).await;
    Ok(received?.map(|(message, _)| message))
}

pub(super) async fn receive_reply(stream: &mut (impl AsyncRead + Unpin)) -> Result<Reply, SyncError> {
    let received = tokio::time::timeout(PATIENCE, receive(stream, Reply::decode)).await;
    let reply = received.map_err(|_| SyncError::Timeout)??;
    reply.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

async fn receive_request(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Request>, SyncError> {
    let received = tokio::time::timeout(PATIENCE, receive(stream, Request::decode)).await;
    received.map_err(|_| SyncError::Timeout)?
}
