//! Frames on a substream: the two halves that every lane and bulk stream is made of.

use std::time::Duration;

use atoll_protocol::rpc::frame::{self, Decoded, FrameError, FrameKind};
use bytes::{Bytes, BytesMut};
use futures::{
    AsyncReadExt, AsyncWriteExt,
    io::{ReadHalf, WriteHalf},
};
use tokio::sync::mpsc;

use crate::net::streams::Substream;

/// Bytes asked of a stream at a time.
const READ: usize = 32 * 1024;
/// Frames taken off the queue at a time, to share one flush.
const BATCH: usize = 256;
/// Bytes after which a batch is written even if more frames wait.
const COALESCED: usize = 256 * 1024;
/// Buffers that have grown beyond this are given back after use.
const KEEP: usize = 1024 * 1024;

/// A frame to be written.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) kind: FrameKind,
    pub(super) call: u64,
    pub(super) head: Bytes,
    pub(super) body: Bytes,
}

/// Why no more frames can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the stream broke: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads frames.
pub(super) struct Reader {
    stream: ReadHalf<Substream>,
    buffer: BytesMut,
    scratch: Box<[u8]>,
    max_body: usize,
}

impl Reader {
    pub(super) fn new(stream: ReadHalf<Substream>, max_body: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), scratch: vec![0; READ].into_boxed_slice(), max_body }
    }

    /// The next frame; `None` at the end of the stream. Cancel safe: bytes read stay in the buffer.
    pub(super) async fn next(&mut self) -> Result<Option<Decoded>, ReadError> {
        loop {
            match frame::decode(&mut self.buffer, self.max_body)? {
                Decoded::Incomplete { .. } => {}
                frame => return Ok(Some(frame)),
            }
            let read = self.stream.read(&mut self.scratch).await?;
            match self.scratch.get(..read) {
                Some(bytes) if read > 0 => self.buffer.extend_from_slice(bytes),
                _ if self.buffer.is_empty() => return Ok(None),
                _ => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            }
        }
    }

    /// Resolves when the stream has ended or broken, or more has come where nothing more was expected.
    pub(super) async fn ended(&mut self) {
        let _ = self.stream.read(&mut self.scratch).await;
    }
}

/// Writes the frames of `queue` until it is closed, the stream breaks, or nothing has come for `idle` and `is_idle`
/// agrees. Whatever waits is encoded into one buffer and flushed once: batching comes from backpressure alone, never
/// from a timer.
///
/// Returns the frames that have certainly not been sent.
pub(super) async fn write_frames(
    mut stream: WriteHalf<Substream>,
    mut queue: mpsc::Receiver<Outgoing>,
    idle: Duration,
    is_idle: impl Fn() -> bool,
) -> Vec<Outgoing> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut buffer = BytesMut::new();
    loop {
        match tokio::time::timeout(idle, queue.recv_many(&mut batch, BATCH)).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) if is_idle() => break,
            Err(_) => continue,
        }
        if write_batch(&mut stream, &mut buffer, &mut batch).await.is_err() {
            break;
        }
    }
    queue.close();
    // Not `try_recv`, which would miss a frame that is being queued at this very moment.
    while let Some(unsent) = queue.recv().await {
        batch.push(unsent);
    }
    // Closing says "no more requests"; a peer that has gone already need not hear it.
    let _ = stream.close().await;
    batch
}

async fn write_batch(
    stream: &mut WriteHalf<Substream>,
    buffer: &mut BytesMut,
    batch: &mut Vec<Outgoing>,
) -> std::io::Result<()> {
    for Outgoing { kind, call, head, body } in batch.drain(..) {
        // Callers have checked the lengths.
        if !frame::encode(buffer, kind, call, &head, &body) {
            tracing::error!(call, "a frame too large to encode was queued");
        }
        if buffer.len() >= COALESCED {
            stream.write_all(buffer).await?;
            buffer.clear();
        }
    }
    stream.write_all(buffer).await?;
    buffer.clear();
    if buffer.capacity() > KEEP {
        *buffer = BytesMut::new();
    }
    stream.flush().await
}

/// Writes one frame and flushes it.
pub(super) async fn write_one(stream: &mut WriteHalf<Substream>, frame: Outgoing) -> std::io::Result<()> {
    write_batch(stream, &mut BytesMut::new(), &mut vec![frame]).await
}
