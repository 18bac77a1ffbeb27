//! Carrying the bytes of one connection between a socket and a stream, both ways, until both have ended or one breaks.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use atoll_protocol::rpc::Status;
use bytes::{Bytes, BytesMut};
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{Instant, sleep_until, timeout},
};

use crate::{RawReceiver, RawSender};

/// Bytes that are read from a socket at a time, and sent as one piece: measured, what a stream is quickest with.
const PIECE: usize = 64 * 1024;
/// Room below which a new buffer is made.
const LEAST: usize = 8 * 1024;

/// How long somebody may go on saying what nobody wants.
const LINGER: Duration = Duration::from_secs(10);

/// Which end of the stream this is: they end their side differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The one that has opened it.
    Caller,
    /// The one with the application.
    Server,
}

/// Why a connection broke.
#[derive(Debug)]
pub(super) enum Broken {
    /// The socket did.
    Socket(io::Error),
    /// The stream did, or the other end has told why its socket did.
    Stream(Status),
    /// Nothing moved for so long.
    Idle(Duration),
}

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        Self::Stream(status)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

/// What an application or a local address has carried.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) open: AtomicU64,
    pub(super) total: AtomicU64,
    /// Bytes to the application.
    pub(super) to_app: AtomicU64,
    /// Bytes from the application.
    pub(super) from_app: AtomicU64,
}

impl Traffic {
    /// Counts a connection, for as long as what this gives is held.
    pub(super) fn enter(&self) -> impl Drop + '_ {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        Entered(&self.open)
    }
}

struct Entered<'a>(&'a AtomicU64);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A TCP connection. Dropped before it has [ended](Self::ended) it is reset: whoever reads it must not take what was cut off
/// for all there is.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    ended: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Small pieces go out at once, as they came: whoever wants them gathered has done so.
        let _ = stream.set_nodelay(true);
        Self { stream, ended: false }
    }

    /// Both directions have come to their ends.
    pub(super) fn ended(mut self) {
        self.ended = true;
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.ended {
            // Of a socket that is closed already nobody reads.
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// When bytes moved last, in either direction.
struct Activity {
    start: Instant,
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    fn moved(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    /// Resolves when nothing has moved for so long.
    async fn ceased(&self, idle: Duration) {
        loop {
            let end = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed)) + idle;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// Carries bytes both ways. When this gives no error, both directions have come to their ends.
pub(super) async fn carry(
    socket: &mut Socket,
    (sender, receiver): (RawSender, &mut RawReceiver),
    end: End,
    idle: Duration,
    traffic: &Traffic,
) -> Result<(), Broken> {
    let activity = Activity::new();
    let (to_stream, to_socket) = match end {
        End::Caller => (&traffic.to_app, &traffic.from_app),
        End::Server => (&traffic.from_app, &traffic.to_app),
    };
    let (read, write) = socket.stream.split();
    let up = send_all(read, sender, end, |bytes| {
        activity.moved();
        to_stream.fetch_add(bytes, Ordering::Relaxed);
    });
    let down = receive_all(receiver, write, |bytes| {
        activity.moved();
        to_socket.fetch_add(bytes, Ordering::Relaxed);
    });
    tokio::select! {
        carried = futures::future::try_join(up, down) => carried.map(drop),
        () = activity.ceased(idle) => Err(Broken::Idle(idle)),
    }
}

/// Sends what the socket gives, and says when that was all.
async fn send_all(
    read: ReadHalf<'_>,
    mut sender: RawSender,
    end: End,
    moved: impl Fn(u64),
) -> Result<Option<RawSender>, Broken> {
    let mut buffer = BytesMut::new();
    loop {
        if buffer.capacity() < LEAST {
            buffer.reserve(PIECE);
        }
        match read.try_read_buf(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => {
                if let Err(status) = sender.send(buffer.split().freeze()).await {
                    return match sender.is_concluded() {
                        // Who has answered before all was said wants no more; what it has said, and how it ended, comes the other way.
                        true => {
                            let _ = timeout(LINGER, discard(&read)).await;
                            Ok(None)
                        }
                        false => Err(status.into()),
                    };
                }
                moved(bytes as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // An idle connection holds no buffer.
                buffer = BytesMut::new();
                read.readable().await?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    match end {
        End::Caller => {
            sender.finish();
            Ok(None)
        }
        End::Server => {
            sender.send(Bytes::new()).await?;
            Ok(Some(sender))
        }
    }
}

/// Reads what nobody wants: a socket that is closed before is reset, and what was answered is lost with it.
async fn discard(read: &ReadHalf<'_>) -> io::Result<()> {
    let mut buffer = vec![0; LEAST];
    loop {
        match read.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => read.readable().await?,
            Err(error) => return Err(error),
        }
    }
}

/// Gives the socket what comes, and tells it when that was all.
async fn receive_all(receiver: &mut RawReceiver, mut write: WriteHalf<'_>, moved: impl Fn(u64)) -> Result<(), Broken> {
    while let Some(piece) = receiver.next().await?.filter(|piece| !piece.is_empty()) {
        write.write_all(&piece).await?;
        moved(piece.len() as u64);
    }
    write.shutdown().await?;
    Ok(())
}

/// Waits for the server to conclude a stream on which both sides have said all.
pub(super) async fn conclusion(receiver: &mut RawReceiver) -> Result<(), Status> {
    while receiver.next().await?.is_some() {}
    Ok(())
}
