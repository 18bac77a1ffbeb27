//! One exchange with a peer over a substream of `/atoll/<network>/describe/1`: a question, its answers, and what can go wrong.

use std::time::Duration;

use atoll_protocol::{codec, directory::SyncRequest, identity::NodeId, limits, sealed::SealError};
use atoll_registry::peers::conduct::Fault;
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use serde::Serialize;

use super::Directory;
use crate::net::{Net, framed, streams::Substream};

/// How long one exchange may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes that one exchange may bring.
pub(super) const EXCHANGE: usize = 64 * 1024 * 1024;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SyncError {
    #[error(transparent)]
    Connect(#[from] crate::error::ConnectError),
    #[error(transparent)]
    Open(#[from] crate::net::streams::OpenError),
    #[error("the exchange broke: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Decode(#[from] codec::DecodeError),
    #[error(transparent)]
    Encode(#[from] codec::EncodeError),
    #[error("the exchange took longer than {} s", PATIENCE.as_secs())]
    Timeout,
    #[error("the exchange brought more than {EXCHANGE} bytes")]
    TooMuch,
    #[error("more than {} records of one node", limits::RECORDS_PER_NODE)]
    TooManyRecords,
    #[error(transparent)]
    Record(#[from] SealError),
    #[error("this node is stopping")]
    Stopped,
}

impl SyncError {
    /// What the other side has done wrong, if it was that. One that breaks off has not: it may be stopping.
    pub(super) fn fault(&self) -> Option<Fault> {
        Some(match self {
            Self::Decode(error) => error.into(),
            Self::Record(error) => error.into(),
            Self::TooManyRecords => Fault::Oversize,
            // An honest view may be larger than what is taken here.
            Self::TooMuch => Fault::Excess,
            Self::Connect(_) | Self::Open(_) | Self::Io(_) | Self::Encode(_) | Self::Timeout | Self::Stopped => {
                return None;
            }
        })
    }
}

impl Directory {
    /// Charges the other side of an exchange that has failed with what it did wrong.
    pub(super) fn charge(&self, peer: NodeId, error: &SyncError) {
        if let Some(fault) = error.fault() {
            self.net.conduct.charge(Some(peer), fault, error);
        }
    }
}

/// Opens a substream and asks.
pub(super) async fn ask(
    net: &Net,
    peer: NodeId,
    addresses: Vec<libp2p::Multiaddr>,
    request: &SyncRequest,
) -> Result<Substream, SyncError> {
    let connection = net.connect(peer, addresses).await?;
    let mut stream = connection.open(net.protocols.describe.clone()).await?;
    send(&mut stream, request).await?;
    stream.close().await?;
    Ok(stream)
}

/// Sends one message at once.
pub(super) async fn send<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), SyncError> {
    framed::send::<_, SyncError>(stream, message).await?;
    Ok(stream.flush().await?)
}

/// Reads one message, and tells its length; `None` at the end of the stream.
pub(super) async fn receive<T>(
    stream: &mut (impl AsyncRead + Unpin),
    decode: impl Fn(&[u8]) -> Result<T, codec::DecodeError>,
) -> Result<Option<(T, usize)>, SyncError> {
    framed::receive(stream, limits::SYNC_MESSAGE, decode).await
}
