//! Substreams that are not given up before the other side has taken up their protocol.
//!
//! A substream proposes its protocol together with its first data, and does not wait for the confirmation. Whoever sends a
//! message that has no answer, such as Kademlia with a provider record, writes it, closes, and drops the substream. Over
//! QUIC that tells the other side at once to stop sending; it then cannot confirm the protocol, and takes the whole
//! substream for failed, with the message in it. yamux does not tell, so only QUIC needs this.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, TryFutureExt};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use tokio::{runtime::Handle, time::timeout};

#[cfg(test)]
mod tests;

/// How long a substream that was dropped waits for the confirmation.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection whose substreams have this patience.
pub(super) struct Patient<M>(pub(super) M);

impl<M> StreamMuxer for Patient<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Send + Unpin + 'static,
{
    type Substream = Substream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        Pin::new(&mut self.get_mut().0).poll_inbound(cx).map_ok(Substream::taken_up)
    }

    fn poll_outbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        Pin::new(&mut self.get_mut().0).poll_outbound(cx).map_ok(Substream::proposed)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        Pin::new(&mut self.get_mut().0).poll_close(cx)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.get_mut().0).poll(cx)
    }
}

/// A substream. If it was opened by this side, was closed in good order and is dropped before anything has come back, it
/// is held until something has: the confirmation is the first that does.
pub(super) struct Substream<S: AsyncRead + Send + Unpin + 'static> {
    /// There until it is dropped.
    inner: Option<S>,
    confirmed: bool,
    closed: bool,
}

impl<S: AsyncRead + Send + Unpin + 'static> Substream<S> {
    fn taken_up(inner: S) -> Self {
        Self { inner: Some(inner), confirmed: true, closed: false }
    }

    fn proposed(inner: S) -> Self {
        Self { inner: Some(inner), confirmed: false, closed: false }
    }

    fn inner(&mut self) -> io::Result<Pin<&mut S>> {
        self.inner.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Send + Unpin + 'static> AsyncRead for Substream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let read = this.inner()?.poll_read(cx, buffer);
        this.confirmed |= read.is_ready();
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for Substream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().inner()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().inner()?.poll_write_vectored(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner()?.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = this.inner()?.poll_close(cx);
        this.closed |= matches!(closed, Poll::Ready(Ok(())));
        closed
    }
}

impl<S: AsyncRead + Send + Unpin + 'static> Drop for Substream<S> {
    fn drop(&mut self) {
        let waits = self.closed && !self.confirmed;
        let (Some(mut inner), true, Ok(runtime)) = (self.inner.take(), waits, Handle::try_current()) else { return };
        // At most as many at a time as a connection may have substreams; the connection's end is an error, and ends it.
        runtime.spawn(async move {
            let confirmation = async { inner.read(&mut [0]).map_ok(drop).await };
            let _ = timeout(PATIENCE, confirmation).await;
        });
    }
}
