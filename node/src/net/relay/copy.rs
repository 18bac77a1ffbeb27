//! The data path of a circuit: bytes from one substream to the other, both ways, no faster than they may pass.
//!
//! Each direction has one buffer of [`BUFFER`] bytes. A byte is copied twice here: by `read` from the receive buffer of one
//! connection into ours, and by `write` from ours into the send buffer of the other (QUIC's, or yamux's queue). While it
//! waits for its turn nothing more is read, so that the sender's own flow control slows it down.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future::try_join};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::{BUFFER, service::Place};

/// What a circuit's bytes are measured by.
pub(super) trait Meter: Sync {
    /// How long `bytes` must wait before they may pass.
    fn take(&self, bytes: usize) -> Duration;
    /// So many bytes have passed.
    fn passed(&self, bytes: usize);
}

impl Meter for Place {
    fn take(&self, bytes: usize) -> Duration {
        Self::take(self, bytes)
    }

    fn passed(&self, bytes: usize) {
        self.counters().bytes.add(bytes as u64);
    }
}

/// Why a circuit is no more.
#[derive(Debug)]
pub(super) enum Ended {
    /// Both sides have said all that they had to say.
    Closed,
    /// A substream broke.
    Broken(io::Error),
    /// No byte passed for too long.
    Idle,
}

/// Passes bytes on until both sides have ended, one breaks, or none passes for `idle`.
pub(super) async fn circuit<A, B>(source: A, target: B, meter: &impl Meter, idle: Duration) -> Ended
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let last = Mutex::new(Instant::now());
    let (mut from_source, mut to_source) = source.split();
    let (mut from_target, mut to_target) = target.split();
    let there = one_way(&mut from_source, &mut to_target, meter, &last);
    let back = one_way(&mut from_target, &mut to_source, meter, &last);
    tokio::select! {
        both = try_join(there, back) => match both {
            Ok(_) => Ended::Closed,
            Err(e) => Ended::Broken(e),
        },
        () = idled(&last, idle) => Ended::Idle,
    }
}

/// Passes on what `from` says, and then that it has ended.
async fn one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    meter: &impl Meter,
    last: &Mutex<Instant>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = read_or_flush(from, to, &mut buffer).await?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        let wait = meter.take(read);
        if !wait.is_zero() {
            to.flush().await?;
            sleep(wait).await;
        }
        to.write_all(bytes).await?;
        meter.passed(read);
        *last.lock() = Instant::now();
    }
    to.close().await
}

/// Reads, and flushes only while there is nothing to read: many small messages then leave together.
async fn read_or_flush(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    buffer: &mut [u8],
) -> io::Result<usize> {
    poll_fn(|cx| match Pin::new(&mut *from).poll_read(cx, buffer) {
        Poll::Pending => match Pin::new(&mut *to).poll_flush(cx) {
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            _ => Poll::Pending,
        },
        ready => ready,
    })
    .await
}

/// Comes back when no byte has passed for `idle`.
pub(super) async fn idled(last: &Mutex<Instant>, idle: Duration) {
    let mut sleeping = pin!(sleep_until(*last.lock() + idle));
    loop {
        sleeping.as_mut().await;
        let until = *last.lock() + idle;
        if until <= Instant::now() {
            return;
        }
        sleeping.as_mut().reset(until);
    }
}
