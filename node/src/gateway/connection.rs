//! Taking connections and serving each within limits of its own: how many there are, how long a head may take and how large it may
//! be, and how long a client may take nothing of what it is sent.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use futures::FutureExt;
use futures_rustls::TlsAcceptor;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

use super::{Door, guard::Way, patience::Patient};

/// How long a client may take to send a head, and may be silent between two requests.
pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(20);
/// How long a client may take to agree on keys.
const TLS_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
/// Largest head, in bytes: room for a position in a pattern of topics with hundreds of logs.
const HEAD: usize = 32 * 1024;
/// Headers of a request at most.
const HEADERS: usize = 64;
/// What is read and not yet taken of one connection, in bytes.
const BUFFER: usize = 64 * 1024;
/// How long nothing is accepted after the system has refused to: it is out of file descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// What is said to whoever is one too many. It fits every socket's buffer.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Takes connections for as long as the node lives; those that there are end with this.
pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, door: Arc<Door>, room: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match Arc::clone(&room).try_acquire_owned() {
                    Ok(place) => drop(connections.spawn(serve(stream, tls.clone(), Arc::clone(&door), place))),
                    Err(_) => refuse(&stream, &door).await,
                },
                Err(error) => {
                    tracing::warn!("the gateway cannot take a connection: {error}");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// There is no room for it.
async fn refuse(stream: &TcpStream, door: &Door) {
    door.shared.figures.refused.add(1);
    // Whether it gets to know why or not, it is refused.
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(FULL);
    }
}

/// Serves one connection for as long as it lasts.
pub(super) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, door: Arc<Door>, place: OwnedSemaphorePermit) {
    let _place = place;
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return };
    // Answers are written whole: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let _open = door.shared.figures.open();
    let way = Way { local: local.ip(), peer: peer.ip(), secure: tls.is_some() };
    match tls {
        None => talk(stream, door, way).await,
        // Apart: what TLS takes is not to be kept for connections that have none.
        Some(tls) => Box::pin(talk_securely(stream, tls, door, way)).await,
    }
}

async fn talk_securely(stream: TcpStream, tls: TlsAcceptor, door: Arc<Door>, way: Way) {
    match timeout(TLS_PATIENCE, tls.accept(stream.compat())).await {
        Ok(Ok(stream)) => talk(stream.compat(), door, way).await,
        Ok(Err(error)) => tracing::debug!("a client of the gateway does not get its TLS right: {error}"),
        Err(_) => tracing::debug!("a client of the gateway takes too long for TLS"),
    }
}

/// Speaks HTTP with one client until it leaves, or is too slow.
pub(super) async fn talk<T>(io: T, door: Arc<Door>, way: Way)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let door = Arc::clone(&door);
        // Boxed, since hyper keeps room for it as long as the connection lasts: most of those that there are only listen.
        async move { Ok::<_, Infallible>(door.answer(request.map(Body::new), way).await) }.boxed()
    });
    let io = TokioIo::new(Patient::new(io, WRITE_PATIENCE));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_headers(HEADERS)
        .max_header_size(HEAD)
        .max_buf_size(BUFFER)
        .half_close(false)
        .serve_connection(io, service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection to the gateway has ended: {error}");
    }
}
