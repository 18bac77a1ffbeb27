//! When a substream is held, and for how long.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{AsyncWriteExt, task::noop_waker};
use tokio::sync::oneshot;

use super::*;
use crate::testing::{eventually, within};

/// Reads what a channel brings; says when it was dropped.
struct Pipe {
    confirmation: oneshot::Receiver<u8>,
    dropped: std::sync::Arc<AtomicBool>,
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        std::future::Future::poll(Pin::new(&mut self.confirmation), cx).map(|byte| match byte {
            Ok(byte) => {
                buffer[0] = byte;
                Ok(1)
            }
            Err(_) => Err(io::ErrorKind::ConnectionReset.into()),
        })
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

fn pipe() -> (Pipe, oneshot::Sender<u8>, std::sync::Arc<AtomicBool>) {
    let (confirm, confirmation) = oneshot::channel();
    let dropped = std::sync::Arc::<AtomicBool>::default();
    (Pipe { confirmation, dropped: dropped.clone() }, confirm, dropped)
}

#[tokio::test]
async fn what_was_sent_and_closed_is_held_until_it_is_confirmed() {
    for lost in [false, true] {
        let (pipe, confirm, dropped) = pipe();
        let mut substream = Substream::proposed(pipe);
        substream.write_all(b"a message").await.unwrap();
        substream.close().await.unwrap();
        drop(substream);
        tokio::task::yield_now().await;
        assert!(!dropped.load(Ordering::SeqCst), "it is still held");
        if lost {
            drop(confirm)
        } else {
            confirm.send(1).unwrap()
        }
        eventually("it is let go", || dropped.load(Ordering::SeqCst)).await;
    }
}

#[tokio::test]
async fn whatever_else_is_dropped_goes_at_once() {
    let gone = |substream: Substream<Pipe>, dropped: &AtomicBool| {
        drop(substream);
        dropped.load(Ordering::SeqCst)
    };
    let (pipe_1, _open, dropped) = pipe();
    assert!(gone(Substream::proposed(pipe_1), &dropped), "not closed: given up");
    let (pipe_2, _open, dropped) = pipe();
    let mut inbound = Substream::taken_up(pipe_2);
    inbound.close().await.unwrap();
    assert!(gone(inbound, &dropped), "opened by the other side");
    let (pipe_3, confirm, dropped) = pipe();
    let mut answered = Substream::proposed(pipe_3);
    confirm.send(7).unwrap();
    within("the answer", answered.read_exact(&mut [0])).await.unwrap();
    answered.close().await.unwrap();
    assert!(gone(answered, &dropped), "it was confirmed");
    let (pipe_4, _open, dropped) = pipe();
    let mut waiting = Substream::proposed(pipe_4);
    let waker = noop_waker();
    assert!(Pin::new(&mut waiting).poll_read(&mut Context::from_waker(&waker), &mut [0]).is_pending());
    assert!(gone(waiting, &dropped));
}
