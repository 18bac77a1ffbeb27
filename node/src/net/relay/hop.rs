//! Serves one hop substream: reads the request, does it or says why not, and stays with the circuit until it ends.

use std::{
    io,
    time::{Duration, SystemTime},
};

use atoll_protocol::identity::NodeId;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{Multiaddr, PeerId};
use prost::Message;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::timeout,
};

use super::{
    TRIED_CONNECTIONS,
    copy::{self, Ended},
    figures::Refusal,
    messages::{self, HopKind, HopMessage, MAX_MESSAGE, Peer, ReadError, Reservation, Status, StopKind, StopMessage},
    service::{Ask, Origin, Place, Relay},
};
use crate::net::{node_id, streams::Substream};

/// What a peer wants.
enum Request {
    Reserve,
    Connect(NodeId),
}

/// Serves the substream to its end. `pending` is held until it is clear what becomes of it.
pub(super) async fn serve<S>(relay: Relay, from: Origin, mut stream: S, pending: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let times = *relay.times();
    let connected = match request(&mut stream, times.request).await {
        Ok(Request::Reserve) => match relay.reserve(&from) {
            Ok(addresses) => return answer(stream, &granted(&addresses, times.reservation), times.answer).await,
            Err(reason) => Err(reason),
        },
        Ok(Request::Connect(target)) => connect(&relay, &from, target).await,
        Err(reason) => Err(reason),
    };
    match connected {
        Ok((place, target)) => {
            if agreed(&mut stream, times.answer).await {
                drop(pending);
                pass(stream, target, &place, times.idle).await;
            }
        }
        Err(reason) => {
            tracing::debug!(peer = %from.peer, "refused a request to the relay: {}", reason.name());
            relay.refuse(reason);
            if let Some(status) = reason.status() {
                answer(stream, &HopMessage::answer(status), times.answer).await;
            }
        }
    }
}

async fn request(stream: &mut (impl AsyncRead + Unpin), within: Duration) -> Result<Request, Refusal> {
    let message: HopMessage = match timeout(within, messages::read(stream)).await {
        Ok(Ok(message)) => message,
        Ok(Err(ReadError::TooLong { .. } | ReadError::Malformed(_))) => return Err(Refusal::Malformed),
        Ok(Err(ReadError::Io(_))) | Err(_) => return Err(Refusal::Silent),
    };
    match message.kind.map(HopKind::try_from) {
        None => Err(Refusal::Malformed),
        Some(Ok(HopKind::Reserve)) => Ok(Request::Reserve),
        Some(Ok(HopKind::Connect)) => {
            let Some(peer) = message.peer else { return Err(Refusal::Malformed) };
            let target = PeerId::from_bytes(&peer.id).map_err(|_| Refusal::Malformed)?;
            // Only nodes can have reservations.
            node_id(&target).map(Request::Connect).ok_or(Refusal::NoReservation)
        }
        Some(Ok(HopKind::Status) | Err(_)) => Err(Refusal::Unexpected),
    }
}

/// What a peer is told that has got its reservation.
fn granted(addresses: &[Multiaddr], holds: Duration) -> HopMessage {
    let expires = SystemTime::now() + holds;
    let expire = expires.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let addrs = addresses.iter().map(Multiaddr::to_vec).collect();
    HopMessage { reservation: Some(Reservation { expire: Some(expire), addrs }), ..HopMessage::answer(Status::Ok) }
}

/// Says the last word on a substream and waits for the peer to take note: a substream that is dropped before the peer has
/// ended its side is reset, and some peers then throw away what they have not read.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, message: &impl Message, within: Duration) {
    let exchange = async {
        messages::write(&mut stream, message).await?;
        stream.close().await?;
        let mut rest = stream.take(MAX_MESSAGE as u64);
        futures::io::copy(&mut rest, &mut futures::io::sink()).await
    };
    // A peer that has gone, or does not listen, needs no answer.
    let _ = timeout(within, exchange).await;
}

/// Makes the circuit: a place for it, and the substream to its target.
async fn connect(relay: &Relay, from: &Origin, target: NodeId) -> Result<(Place, Substream), Refusal> {
    let place = relay.open(from, target)?;
    let mut reason = Refusal::Unanswered;
    for (connection, asks) in relay.links(&target).into_iter().take(TRIED_CONNECTIONS) {
        match timeout(relay.times().stop, offer(&asks, from.peer)).await {
            Ok(Ok(stream)) => return Ok((place, stream)),
            Ok(Err(NoCircuit::Declined)) => return Err(Refusal::Declined),
            Ok(Err(NoCircuit::Failed(e))) => tracing::debug!(%target, %connection, "no answer to a circuit: {e}"),
            Err(_) => tracing::debug!(%target, %connection, "no answer to a circuit in time"),
        }
        reason = Refusal::Unanswered;
    }
    Err(reason)
}

/// Why a connection of the target gives no circuit.
enum NoCircuit {
    /// The target has said no; asking elsewhere would be rude.
    Declined,
    /// The connection, or what speaks there, is broken.
    Failed(String),
}

impl From<ReadError> for NoCircuit {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for NoCircuit {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Offers a circuit from `source` on one connection.
async fn offer(asks: &mpsc::Sender<Ask>, source: NodeId) -> Result<Substream, NoCircuit> {
    let closed = || NoCircuit::Failed("the connection is closed".to_owned());
    let (reply, opened) = oneshot::channel();
    asks.send(Ask::Open(reply)).await.map_err(|_| closed())?;
    let mut stream = opened.await.map_err(|_| closed())?.map_err(NoCircuit::Failed)?;
    let peer = Some(Peer { id: source.to_peer_id_bytes() });
    messages::write(&mut stream, &StopMessage { kind: Some(StopKind::Connect.into()), peer, status: None }).await?;
    let answer: StopMessage = messages::read(&mut stream).await?;
    match (answer.kind.map(StopKind::try_from), answer.status.map(Status::try_from)) {
        (Some(Ok(StopKind::Status)), Some(Ok(Status::Ok))) => Ok(stream),
        (Some(Ok(StopKind::Status)), Some(_)) => Err(NoCircuit::Declined),
        _ => Err(NoCircuit::Failed("the answer is no status".to_owned())),
    }
}

/// Tells the source that its circuit stands; `false` if it does not care any more.
async fn agreed(stream: &mut (impl AsyncWrite + Unpin), within: Duration) -> bool {
    let written = timeout(within, messages::write(stream, &HopMessage::answer(Status::Ok))).await;
    matches!(written, Ok(Ok(())))
}

async fn pass(source: impl AsyncRead + AsyncWrite + Unpin, target: Substream, place: &Place, idle: Duration) {
    place.counters().connected.add(1);
    match copy::circuit(source, target, place, idle).await {
        Ended::Closed => {}
        Ended::Broken(e) => tracing::debug!("a circuit broke: {e}"),
        Ended::Idle => place.counters().idled.add(1),
    }
}
