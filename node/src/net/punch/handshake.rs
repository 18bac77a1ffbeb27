//! How two nodes agree on where to dial each other, and when.

use std::io;

use futures::{AsyncRead, AsyncWrite};
use libp2p::Multiaddr;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Agreed, PATIENCE, Role,
    candidates::{OFFERED, useful},
};
use crate::net::delimited::{self, ReadError};

const CONNECT: i32 = 100;
const SYNC: i32 = 300;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HolePunch {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) addresses: Vec<Vec<u8>>,
}

/// Why two nodes did not come to agree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PunchError {
    #[error("the relayed connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the peer's answer cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the peer said {found} where {expected} was due")]
    Unexpected { expected: i32, found: i32 },
    #[error("the peer names no address that could be dialled")]
    NoAddresses,
    #[error("the peer did not answer within {PATIENCE:?}")]
    Timeout,
}

/// Begins: asks the peer at the other end of `stream` where to dial it, offering `own` addresses, and returns when it is
/// time to dial.
///
/// # Errors
/// [`PunchError`] says what the peer did not do.
pub(crate) async fn initiate<S>(mut stream: S, own: &[Multiaddr]) -> Result<Agreed, PunchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let agreeing = async {
        delimited::write(&mut stream, &connect(own)).await?;
        let asked = Instant::now();
        let theirs: HolePunch = delimited::read(&mut stream).await?;
        let round_trip = asked.elapsed();
        let addresses = addresses_of(theirs)?;
        delimited::write(&mut stream, &HolePunch { kind: SYNC, addresses: Vec::new() }).await?;
        // The peer dials when this arrives, and both are to dial at the same moment.
        sleep(round_trip / 2).await;
        Ok(Agreed { role: Role::Initiator, addresses })
    };
    timeout(PATIENCE, agreeing).await.map_err(|_| PunchError::Timeout)?
}

/// Answers a peer that begins; returns when it is time to dial.
///
/// # Errors
/// [`PunchError`] says what the peer did not do.
pub(crate) async fn respond<S>(mut stream: S, own: &[Multiaddr]) -> Result<Agreed, PunchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let agreeing = async {
        let addresses = addresses_of(delimited::read(&mut stream).await?)?;
        delimited::write(&mut stream, &connect(own)).await?;
        let HolePunch { kind, .. } = delimited::read(&mut stream).await?;
        if kind != SYNC {
            return Err(PunchError::Unexpected { expected: SYNC, found: kind });
        }
        Ok(Agreed { role: Role::Responder, addresses })
    };
    timeout(PATIENCE, agreeing).await.map_err(|_| PunchError::Timeout)?
}

fn connect(own: &[Multiaddr]) -> HolePunch {
    HolePunch { kind: CONNECT, addresses: own.iter().take(OFFERED).map(Multiaddr::to_vec).collect() }
}

/// Where the peer says that it can be dialled. Addresses that are none are left out, as the others do: a newer peer may
/// know transports that this one does not.
fn addresses_of(HolePunch { kind, addresses }: HolePunch) -> Result<Vec<Multiaddr>, PunchError> {
    if kind != CONNECT {
        return Err(PunchError::Unexpected { expected: CONNECT, found: kind });
    }
    let readable = addresses.into_iter().filter_map(|bytes| Multiaddr::try_from(bytes).ok());
    let addresses: Vec<Multiaddr> = readable.filter(useful).take(OFFERED).collect();
    if addresses.is_empty() { Err(PunchError::NoAddresses) } else { Ok(addresses) }
}
