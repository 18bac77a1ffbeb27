//! The side that wants to know whether it can be dialled.

use std::{
    io,
    time::{Duration, Instant},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::Multiaddr;
use tokio::time::timeout;

use super::{
    messages::{
        self, Body, DATA_ASKED, DATA_PER_MESSAGE, DialBack, DialBackResponse, DialDataRequest, DialDataResponse,
        DialRequest, DialResponse, DialStatus, ResponseStatus,
    },
    nonces::{EXPECTED, Nonces},
};
use crate::net::delimited::{self, ReadError};

/// How long a server may take, the dial included.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server that dials back may take to say its nonce.
const DIAL_BACK_PATIENCE: Duration = Duration::from_secs(5);
/// Addresses in one request.
const CANDIDATES: usize = 16;

/// What a server has found out, or why nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has tried one of the addresses.
    Tried(Verdict),
    /// It has tried none.
    NotTried(NotTried),
}

/// Whether this node can be dialled at an address, as one server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) address: Multiaddr,
    pub(crate) reachable: bool,
}

/// Why a server has tried none of the addresses; this says nothing about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTried {
    /// It dials none of them: not public, or of transports that it lacks (`E_DIAL_REFUSED`).
    Refused,
    /// It does not serve this node now: it has done enough for it, or for everybody (`E_REQUEST_REJECTED`).
    Rejected,
    /// Something went wrong there (`E_INTERNAL_ERROR`).
    Failed,
}

/// Why there is no answer, or none that can be believed. None of this says anything about the addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AskError {
    #[error("there is no address to ask about")]
    NoCandidates,
    #[error("{EXPECTED} requests are under way")]
    Busy,
    #[error("the substream broke: {0}")]
    Io(#[from] io::Error),
    #[error("the server's answer cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the server said something that is out of turn")]
    OutOfTurn,
    #[error("the server asks for {bytes} bytes of data; {} are the most that is given", DATA_ASKED.end())]
    TooMuchData { bytes: u64 },
    #[error("the server speaks of address {index}, which it cannot have chosen")]
    WrongAddress { index: u32 },
    #[error("the server's answer has the status {status} with {dial}, which means nothing")]
    UnknownStatus { status: i32, dial: i32 },
    #[error("the server says that it has dialled back, and the nonce has not come")]
    NoProof,
    #[error("the server did not answer within {PATIENCE:?}")]
    Timeout,
}

/// Asks the server at the other end of `stream` to dial one of `candidates`, those that matter most first; of more than 16
/// the rest are left out. Which one it tries is the server's choice: most take the first that they can dial, some the last, so
/// whoever wants to know of one address asks about that one alone. Private addresses are not to be among them.
///
/// Meanwhile [`accept_dial_back`] must be given the substreams of [`DIAL_BACK`](super::DIAL_BACK), with the same `nonces`. Takes
/// at most 15 seconds, and another to close.
///
/// # Errors
/// [`AskError`] says what the server did wrong, or that too many requests are under way.
pub(crate) async fn ask<S>(mut stream: S, candidates: &[Multiaddr], nonces: &Nonces) -> Result<Answer, AskError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let candidates = candidates.get(..CANDIDATES).unwrap_or(candidates);
    if candidates.is_empty() {
        return Err(AskError::NoCandidates);
    }
    let expected = nonces.expect().ok_or(AskError::Busy)?;
    let asking = response(&mut stream, candidates, expected.nonce());
    let response = timeout(PATIENCE, asking).await.map_err(|_| AskError::Timeout)??;
    // Whether the nonce has come is looked up when the server has spoken: it speaks after it has dialled.
    let answer = judge(&response, candidates, expected.is_heard());
    messages::close(&mut stream).await;
    answer
}

/// Asks, pays with data if that is the price, and returns the response.
async fn response<S>(stream: &mut S, candidates: &[Multiaddr], nonce: u64) -> Result<DialResponse, AskError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let addresses = candidates.iter().map(Multiaddr::to_vec).collect();
    messages::write(stream, Body::Request(DialRequest { addresses, nonce })).await?;
    let DialDataRequest { index, bytes } = match messages::read(stream).await? {
        Some(Body::Response(response)) => return Ok(response),
        Some(Body::DataRequest(request)) => request,
        _ => return Err(AskError::OutOfTurn),
    };
    if address(candidates, index).is_none() {
        return Err(AskError::WrongAddress { index });
    }
    let bytes =
        u32::try_from(bytes).ok().filter(|bytes| bytes <= DATA_ASKED.end()).ok_or(AskError::TooMuchData { bytes })?;
    send_data(stream, bytes as usize).await?;
    match messages::read(stream).await? {
        // The data has paid for one address. Where none was dialled the index means nothing.
        Some(Body::Response(r)) if r.index != index && r.status == ResponseStatus::Ok as i32 => {
            Err(AskError::WrongAddress { index: r.index })
        }
        Some(Body::Response(response)) => Ok(response),
        _ => Err(AskError::OutOfTurn),
    }
}

/// What the data is does not matter, only that it takes its way.
async fn send_data(stream: &mut (impl AsyncWrite + Unpin), mut bytes: usize) -> io::Result<()> {
    while bytes > 0 {
        let some = bytes.min(DATA_PER_MESSAGE);
        messages::write(stream, Body::DataResponse(DialDataResponse { data: vec![0; some] })).await?;
        bytes -= some;
    }
    Ok(())
}

/// What a response means, given whether the nonce has come.
fn judge(response: &DialResponse, candidates: &[Multiaddr], heard: bool) -> Result<Answer, AskError> {
    let DialResponse { status, index, dial } = *response;
    let unknown = AskError::UnknownStatus { status, dial };
    let reachable = match (ResponseStatus::try_from(status), DialStatus::try_from(dial)) {
        (Ok(ResponseStatus::DialRefused), _) => return Ok(Answer::NotTried(NotTried::Refused)),
        (Ok(ResponseStatus::RequestRejected), _) => return Ok(Answer::NotTried(NotTried::Rejected)),
        (Ok(ResponseStatus::InternalError), _) => return Ok(Answer::NotTried(NotTried::Failed)),
        (Ok(ResponseStatus::Ok), Ok(DialStatus::DialError)) => false,
        // A server that got through and did not hear that its nonce arrived cannot know what this node knows.
        (Ok(ResponseStatus::Ok), Ok(DialStatus::Ok | DialStatus::DialBackError)) => true,
        _ => return Err(unknown),
    };
    let address = address(candidates, index).ok_or(AskError::WrongAddress { index })?;
    if reachable && !heard {
        return Err(AskError::NoProof);
    }
    Ok(Answer::Tried(Verdict { address: address.clone(), reachable }))
}

fn address(candidates: &[Multiaddr], index: u32) -> Option<&Multiaddr> {
    candidates.get(usize::try_from(index).ok()?)
}

/// Why somebody who dialled back was not listened to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DialBackRefused {
    #[error("the substream broke: {0}")]
    Io(#[from] io::Error),
    #[error("what came cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("nobody expects this nonce, or not over a connection that was there before")]
    Unexpected,
    #[error("nothing came within {DIAL_BACK_PATIENCE:?}")]
    Timeout,
}

/// Serves a substream of [`DIAL_BACK`](super::DIAL_BACK): notes the nonce that comes, and confirms it if it is expected.
///
/// `established`: since when the connection is there. A nonce proves that its server got through to this node only over a
/// connection that came to be after the request; it is for the caller to refuse those that this node has dialled itself.
///
/// # Errors
/// [`DialBackRefused`] says what was wrong; the substream ends without a word.
pub(crate) async fn accept_dial_back<S>(
    mut stream: S,
    established: Instant,
    nonces: &Nonces,
) -> Result<(), DialBackRefused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let listening = async {
        let DialBack { nonce } = messages::read_back(&mut stream).await?;
        if !nonces.heard(nonce, established) {
            return Err(DialBackRefused::Unexpected);
        }
        delimited::write(&mut stream, &DialBackResponse { status: 0 }).await?;
        Ok(())
    };
    timeout(DIAL_BACK_PATIENCE, listening).await.map_err(|_| DialBackRefused::Timeout)??;
    messages::close(&mut stream).await;
    Ok(())
}
