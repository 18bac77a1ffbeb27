//! A substream that ends with its connection.
//!
//! When this side closes a TCP connection, yamux (0.14) forgets its substreams without waking who reads them or waits for
//! room to write: they would wait for ever. Here they are woken.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::Stream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

type Gone = Pin<Box<WaitForCancellationFutureOwned>>;

/// See the [module docs](self).
pub(crate) struct Substream {
    stream: Stream,
    /// One for each half, since each wakes one task.
    gone: [Gone; 2],
}

impl Substream {
    /// A substream of the connection that ends when `gone` is cancelled.
    pub(crate) fn new(stream: Stream, gone: &CancellationToken) -> Self {
        let gone = || Box::pin(gone.clone().cancelled_owned());
        Self { stream, gone: [gone(), gone()] }
    }

    fn write_half<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Self { stream, gone: [_, gone] } = self.get_mut();
        unless_gone(poll(Pin::new(stream), cx), gone, cx)
    }
}

/// What is there to be read is read, whether or not the connection is gone.
fn unless_gone<T>(polled: Poll<io::Result<T>>, gone: &mut Gone, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
    match polled {
        Poll::Pending => gone.as_mut().poll(cx).map(|()| Err(io::ErrorKind::ConnectionAborted.into())),
        ready => ready,
    }
}

impl AsyncRead for Substream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Self { stream, gone: [gone, _] } = self.get_mut();
        unless_gone(Pin::new(stream).poll_read(cx, buffer), gone, cx)
    }
}

impl AsyncWrite for Substream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write_half(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_half(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_half(cx, |stream, cx| stream.poll_close(cx))
    }
}

impl fmt::Debug for Substream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Substream")
    }
}
