//! The side that tries whether others can be dialled.

use std::{io, net::IpAddr, time::Duration};

use atoll_protocol::identity::NodeId;
use futures::{AsyncRead, AsyncWrite};
use libp2p::Multiaddr;
use tokio::time::{Instant, timeout};

use super::{
    limits::{Limits, Rejected},
    messages::{
        self, Body, DATA_ASKED, DialBack, DialBackResponse, DialDataRequest, DialDataResponse, DialRequest,
        DialResponse, DialStatus, ResponseStatus,
    },
    targets::{self, Target},
};
use crate::net::{
    addresses::{ip, is_circuit},
    delimited::{self, ReadError},
};

/// How long a client may take to ask, and then again to send the data: 100 000 bytes at 140 kbit/s.
const ASKING: Duration = Duration::from_secs(6);
/// How long a dial may take, until its nonce is confirmed. Data, dial and answer together stay below the patience of a client,
/// whose time begins when it has asked.
const DIALLING: Duration = Duration::from_secs(7);
/// How long an answer may take.
const ANSWERING: Duration = Duration::from_secs(1);

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) peer: NodeId,
    /// The remote address of the connection on which it asks.
    pub(crate) from: Multiaddr,
}

impl Asker {
    /// Where it is known to be: not behind a relay, whose address says nothing of its client's.
    fn seen_at(&self) -> Option<IpAddr> {
        ip(&self.from).filter(|_| !is_circuit(&self.from)).map(|ip| ip.to_canonical())
    }
}

/// What was done for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// One address was dialled, with this result.
    Dialled { address: Multiaddr, result: Result<(), DialBackError> },
    /// None of its addresses is one that this server dials.
    NoAddress,
    /// It, or everybody together, has had enough.
    Rejected(Rejected),
}

/// Why a client's address was not reached, or could not be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DialBackError {
    #[error("nobody answers at the address, or another than the client")]
    Unreachable,
    #[error("the client answered at the address and did not confirm the nonce")]
    Unconfirmed,
    #[error("this node could not dial")]
    Unable,
}

/// Why a client got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ServeError {
    #[error("the substream broke: {0}")]
    Io(#[from] io::Error),
    #[error("the client's request cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the client said something that is out of turn")]
    OutOfTurn,
    #[error("the client took too long")]
    Timeout,
}

/// Serves a substream of [`DIAL_REQUEST`](super::DIAL_REQUEST) within about 20 seconds: has the first address dialled that can be,
/// and says what came of it.
///
/// `public` says which addresses of IP may be dialled: none that this node has no route to, and no private ones, unless the
/// network calls them public. Whatever it says, addresses of this machine and of its link are not dialled. `dial_back` gets the
/// address, without a peer, and the nonce: it dials the client there over a *new* connection, from a port other than the one it
/// listens on (else the client's NAT may take it for an answer), and uses [`say_nonce`]. It is dropped after 7 seconds.
///
/// # Errors
/// [`ServeError`] says what the client did wrong.
pub(crate) async fn serve<S, P, D>(
    mut stream: S,
    asker: &Asker,
    limits: &Limits,
    public: P,
    dial_back: D,
) -> Result<Served, ServeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Fn(IpAddr) -> bool,
    D: AsyncFnOnce(Multiaddr, u64) -> Result<(), DialBackError>,
{
    let DialRequest { addresses, nonce } = within(ASKING, read_request(&mut stream)).await?;
    let _entrance = match limits.enter(asker.peer, ip(&asker.from), Instant::now().into_std()) {
        Ok(entrance) => entrance,
        Err(why) => return answer(stream, 0, Served::Rejected(why)).await,
    };
    let Some(Target { index, address, ip }) = targets::choose(&addresses, public) else {
        return answer(stream, 0, Served::NoAddress).await;
    };
    if asker.seen_at() != Some(ip) {
        within(ASKING, collect_data(&mut stream, index)).await?;
    }
    let dialled = timeout(DIALLING, dial_back(address.clone(), nonce)).await;
    let result = dialled.unwrap_or(Err(DialBackError::Unreachable));
    answer(stream, index, Served::Dialled { address, result }).await
}

async fn within<T>(time: Duration, what: impl Future<Output = Result<T, ServeError>>) -> Result<T, ServeError> {
    timeout(time, what).await.map_err(|_| ServeError::Timeout)?
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Result<DialRequest, ServeError> {
    match messages::read(stream).await? {
        Some(Body::Request(request)) => Ok(request),
        _ => Err(ServeError::OutOfTurn),
    }
}

/// Lets the client pay with more bytes than a dial costs whoever is at the address. The last message may bring more than is due.
async fn collect_data<S>(stream: &mut S, index: u32) -> Result<(), ServeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bytes = rand::random_range(DATA_ASKED);
    messages::write(stream, Body::DataRequest(DialDataRequest { index, bytes: u64::from(bytes) })).await?;
    let mut due = bytes as usize;
    while due > 0 {
        match messages::read(stream).await? {
            // One without data would bring the end no nearer.
            Some(Body::DataResponse(DialDataResponse { data })) if !data.is_empty() => {
                due = due.saturating_sub(data.len());
            }
            _ => return Err(ServeError::OutOfTurn),
        }
    }
    Ok(())
}

async fn answer<S>(mut stream: S, index: u32, served: Served) -> Result<Served, ServeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (status, dial) = match &served {
        Served::Rejected(_) => (ResponseStatus::RequestRejected, DialStatus::Unused),
        Served::NoAddress => (ResponseStatus::DialRefused, DialStatus::Unused),
        Served::Dialled { result, .. } => match result {
            Ok(()) => (ResponseStatus::Ok, DialStatus::Ok),
            Err(DialBackError::Unreachable) => (ResponseStatus::Ok, DialStatus::DialError),
            Err(DialBackError::Unconfirmed) => (ResponseStatus::Ok, DialStatus::DialBackError),
            Err(DialBackError::Unable) => (ResponseStatus::InternalError, DialStatus::Unused),
        },
    };
    let response = DialResponse { status: status as i32, index, dial: dial as i32 };
    within(ANSWERING, async { Ok(messages::write(&mut stream, Body::Response(response)).await?) }).await?;
    messages::close(&mut stream).await;
    Ok(served)
}

/// Proves to the client at the other end of `stream`, of the protocol [`DIAL_BACK`](super::DIAL_BACK), that this server got through.
/// The connection may be closed afterwards. Whoever calls this bounds the time, as [`serve`] does.
///
/// # Errors
/// [`DialBackError::Unconfirmed`] if the client did not say that the nonce has arrived.
pub(crate) async fn say_nonce<S>(mut stream: S, nonce: u64) -> Result<(), DialBackError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let unconfirmed = |_| DialBackError::Unconfirmed;
    delimited::write(&mut stream, &DialBack { nonce }).await.map_err(unconfirmed)?;
    let confirmed = messages::read_back::<DialBackResponse>(&mut stream).await;
    messages::close(&mut stream).await;
    match confirmed {
        Ok(DialBackResponse { status: 0 }) => Ok(()),
        _ => Err(DialBackError::Unconfirmed),
    }
}
