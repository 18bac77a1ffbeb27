//! Tests of waking both halves.

use futures::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::within;

/// A stream with room for one waker, as yamux's flushing and writing have.
#[derive(Default)]
struct OneWaker {
    room: bool,
    waker: Option<Waker>,
}

type Shared = Arc<parking_lot::Mutex<OneWaker>>;

struct Narrow(Shared);

impl Narrow {
    fn poll<T>(&self, context: &Context<'_>, value: T) -> Poll<io::Result<T>> {
        let mut state = self.0.lock();
        if state.room {
            return Poll::Ready(Ok(value));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl AsyncRead for Narrow {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll(context, 0)
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(context, bytes.len())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, ())
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, ())
    }
}

/// Two tasks that wait, one to read and one to write, in either order.
async fn wait(writer_first: bool, end: impl FnOnce(&Shared, &CancellationToken)) -> [io::Result<usize>; 2] {
    let (shared, gone) = (Shared::default(), CancellationToken::new());
    let (mut read, mut write) = Substream::new(Narrow(Arc::clone(&shared)), &gone, None).split();
    let reader = async move { read.read(&mut [0; 8]).await };
    let writer = async move { write.write(b"12345678").await };
    // On a runtime of one thread a task begins when this one yields, in the order of spawning.
    let (reader, writer) = if writer_first {
        let writer = tokio::spawn(writer);
        (tokio::spawn(reader), writer)
    } else {
        (tokio::spawn(reader), tokio::spawn(writer))
    };
    crate::testing::eventually("both wait", || shared.lock().waker.is_some()).await;
    tokio::task::yield_now().await;
    end(&shared, &gone);
    [within("the reader wakes", reader).await.unwrap(), within("the writer wakes", writer).await.unwrap()]
}

#[tokio::test]
async fn whoever_waits_is_woken_although_there_is_room_for_one_waker() {
    for writer_first in [true, false] {
        let [read, written] = wait(writer_first, |shared, _| {
            let waker = {
                let mut state = shared.lock();
                state.room = true;
                state.waker.take().unwrap()
            };
            waker.wake();
        })
        .await;
        assert_eq!((read.unwrap(), written.unwrap()), (0, 8));
    }
}

#[tokio::test]
async fn whoever_waits_is_woken_when_the_connection_goes() {
    for writer_first in [true, false] {
        let ends = wait(writer_first, |_, gone| gone.cancel()).await;
        for end in ends {
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        }
    }
}

#[tokio::test]
async fn what_is_there_is_read_although_the_connection_is_gone() {
    let (shared, gone) = (Shared::default(), CancellationToken::new());
    gone.cancel();
    shared.lock().room = true;
    let mut substream = Substream::new(Narrow(shared), &gone, None);
    assert_eq!(substream.read(&mut [0; 8]).await.unwrap(), 0);
}

/// A stream whose reads fail, and that must not be touched afterwards.
#[derive(Default)]
struct Fragile {
    failed: bool,
}

impl Fragile {
    fn touch(&self) -> Poll<io::Result<()>> {
        assert!(!self.failed, "touched after it had failed");
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Fragile {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        let _ = self.touch();
        self.failed = true;
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.touch().map_ok(|()| bytes.len())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.touch()
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.touch()
    }
}

#[tokio::test]
async fn what_failed_to_be_read_is_not_touched_again() {
    let (mut read, mut write) = Substream::new(Fragile::default(), &CancellationToken::new(), None).split();
    assert_eq!(write.write(b"1234").await.unwrap(), 4);
    let failed = |result: io::Result<()>| result.unwrap_err().kind() == io::ErrorKind::InvalidData;
    assert!(failed(read.read(&mut [0; 8]).await.map(drop)));
    assert!(failed(read.read(&mut [0; 8]).await.map(drop)));
    assert!(failed(write.write(b"1234").await.map(drop)));
    assert!(failed(write.flush().await));
    assert!(failed(write.close().await));
}
