//! A substream whose halves can be used by two tasks, and which ends with its connection.
//!
//! Three things are made good here that a lane, with a reader and a writer of its own, would otherwise hang or panic on:
//!
//! - While a protocol is negotiated lazily, reading flushes what was written before (multistream-select 0.14), and flushing a
//!   yamux substream waits in the same place as writing to it, where there is room for one waker: the reader's replaces
//!   the writer's, which is never woken. Here whatever wakes the one wakes the other as well.
//! - When this side closes a TCP connection, yamux (0.14) forgets its substreams without waking anybody who waits for
//!   them. Here they are woken.
//! - When a read fails while a protocol is still negotiated lazily, multistream-select (0.14) is left without a state, and
//!   panics when the other half writes or closes. Here a substream that failed to be read is not touched again.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures::{AsyncRead, AsyncWrite, task::AtomicWaker};
use libp2p::Stream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Place;

#[cfg(test)]
mod tests;

/// The tasks that wait, one for each half.
#[derive(Debug, Default)]
struct Waiting {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

/// See the [module docs](self).
pub(crate) struct Substream<S = Stream> {
    stream: S,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    waiting: Arc<Waiting>,
    /// Wakes all that wait.
    waker: Waker,
    /// Why a read has failed, after which nothing can be done any more.
    failed: Option<io::ErrorKind>,
    /// Its place among those of its connection, where they are counted.
    place: Option<Place>,
}

impl<S: Unpin> Substream<S> {
    /// A substream of the connection that ends when `gone` is cancelled.
    pub(crate) fn new(stream: S, gone: &CancellationToken, place: Option<Place>) -> Self {
        let waiting = Arc::<Waiting>::default();
        let waker = Waker::from(Arc::clone(&waiting));
        let gone = Box::pin(gone.clone().cancelled_owned());
        Self { stream, gone, waiting, waker, failed: None, place }
    }

    /// Polls for the half whose task waits at `place`. What can be done is done, whether or not the connection is gone.
    fn poll<T>(
        self: Pin<&mut Self>,
        place: fn(&Waiting) -> &AtomicWaker,
        task: &Context<'_>,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Self { stream, gone, waiting, waker, failed, .. } = self.get_mut();
        if let Some(kind) = *failed {
            return Poll::Ready(Err(kind.into()));
        }
        let place = place(waiting);
        // Before it is polled, or a wake in between would be lost.
        place.register(task.waker());
        let context = &mut Context::from_waker(waker);
        let polled = match poll(Pin::new(stream), context) {
            Poll::Pending => gone.as_mut().poll(context).map(|()| Err(io::ErrorKind::ConnectionAborted.into())),
            ready => ready,
        };
        if polled.is_ready() {
            // It does not wait any more: the other half need not wake it.
            place.take();
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Substream<S> {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled =
            Pin::new(&mut *this).poll(|w| &w.reader, task, |stream, context| stream.poll_read(context, buffer));
        match &polled {
            Poll::Ready(Ok(_)) => this.place.iter().for_each(Place::stir),
            Poll::Ready(Err(error)) => this.failed = Some(error.kind()),
            Poll::Pending => {}
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Substream<S> {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|w| &w.writer, task, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|w| &w.writer, task, AsyncWrite::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|w| &w.writer, task, AsyncWrite::poll_close)
    }
}

impl<S> fmt::Debug for Substream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Substream")
    }
}
