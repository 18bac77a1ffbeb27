//! The calling end of a lane.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use atoll_protocol::{
    limits,
    rpc::{
        Status,
        frame::{Decoded, Frame, FrameKind},
    },
};
use bytes::{Buf, Bytes};
use futures::AsyncReadExt;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{
    super::frames::{Outgoing, Reader, write_frames},
    IDLE, QUEUE,
};
use crate::net::{Counters, connections::Connection, streams::Substream};

/// What came back.
#[derive(Debug)]
pub(in crate::rpc) enum Answer {
    /// The answer itself.
    Here { head: Bytes, body: Bytes },
    /// It is too large for the lane and waits under this ticket.
    Parked { ticket: u64 },
}

/// Why nothing came back.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Failure {
    pub(in crate::rpc) status: Status,
    /// Whether the request may have reached the service: if not, calling another instance is safe.
    pub(in crate::rpc) sent: bool,
}

impl Failure {
    pub(in crate::rpc) fn unsent(reason: impl Into<String>) -> Self {
        Self { status: Status::unavailable(reason), sent: false }
    }

    fn lost() -> Self {
        let status = Status::unavailable("the connection was lost before the answer came").retryable(false);
        Self { status, sent: true }
    }
}

type Reply = oneshot::Sender<Result<Answer, Failure>>;

/// Calls that wait for their answer; `None` once the lane is down.
#[derive(Debug)]
struct Pending(Mutex<Option<HashMap<u64, Reply>>>);

impl Pending {
    fn insert(&self, call: u64, reply: Reply) -> bool {
        self.0.lock().as_mut().map(|all| all.insert(call, reply)).is_some()
    }

    fn take(&self, call: u64) -> Option<Reply> {
        self.0.lock().as_mut()?.remove(&call)
    }

    fn is_empty(&self) -> bool {
        self.0.lock().as_ref().is_none_or(HashMap::is_empty)
    }

    fn close(&self) -> HashMap<u64, Reply> {
        self.0.lock().take().unwrap_or_default()
    }
}

/// See the [module docs](super).
#[derive(Debug)]
pub(in crate::rpc) struct Lane {
    pub(in crate::rpc) connection: Arc<Connection>,
    queue: mpsc::Sender<Outgoing>,
    pending: Arc<Pending>,
    next: AtomicU64,
}

impl Lane {
    /// Runs a lane over a freshly opened substream.
    pub(in crate::rpc) fn start(stream: Substream, connection: Arc<Connection>, counters: Arc<Counters>) -> Self {
        let (read, write) = stream.split();
        let (queue, queued) = mpsc::channel(QUEUE);
        let pending = Arc::new(Pending(Mutex::new(Some(HashMap::new()))));
        let idle = Arc::clone(&pending);
        let waiting = Arc::clone(&pending);
        tokio::spawn(async move {
            let unsent = write_frames(write, queued, IDLE, || idle.is_empty()).await;
            for frame in unsent.iter().filter(|f| f.kind == FrameKind::Request) {
                if let Some(reply) = idle.take(frame.call) {
                    let _ = reply.send(Err(Failure::unsent("the connection was lost before the request was sent")));
                }
            }
        });
        tokio::spawn(async move {
            let reader = Reader::new(read, limits::RPC_INLINE_BODY);
            if let Err(error) = read_answers(reader, &waiting).await {
                tracing::debug!("a lane ended: {error}");
                if matches!(error, super::super::frames::ReadError::Frame(_)) {
                    counters.broken_frames.add(1);
                }
            }
            for reply in waiting.close().into_values() {
                let _ = reply.send(Err(Failure::lost()));
            }
        });
        Self { connection, queue, pending, next: AtomicU64::new(1) }
    }

    /// Whether no further call can be made here.
    pub(in crate::rpc) fn is_closed(&self) -> bool {
        self.queue.is_closed() || self.pending.0.lock().is_none()
    }

    /// Sends a request and waits for the answer. Dropping the future tells the other side that nobody waits.
    pub(in crate::rpc) async fn call(&self, head: Bytes, body: Bytes) -> Result<Answer, Failure> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        if !self.pending.insert(call, reply) {
            return Err(Failure::unsent("the connection is gone"));
        }
        let mut guard = CancelOnDrop { lane: self, call, armed: true };
        if self.queue.send(Outgoing { kind: FrameKind::Request, call, head, body }).await.is_err() {
            return Err(Failure::unsent("the connection is gone"));
        }
        let result = answer.await.unwrap_or_else(|_| Err(Failure::lost()));
        guard.armed = false;
        result
    }
}

struct CancelOnDrop<'a> {
    lane: &'a Lane,
    call: u64,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.armed && self.lane.pending.take(self.call).is_some() {
            // Where the queue is full the cancellation is lost, and the answer, when it comes, is dropped.
            let cancel = Outgoing { kind: FrameKind::Cancel, call: self.call, head: Bytes::new(), body: Bytes::new() };
            let _ = self.lane.queue.try_send(cancel);
        }
    }
}

async fn read_answers(mut reader: Reader, pending: &Pending) -> Result<(), super::super::frames::ReadError> {
    while let Some(decoded) = reader.next().await? {
        let Decoded::Frame(Frame { kind, call, head, mut body }) = decoded else { continue };
        let answer = match kind {
            FrameKind::Response => Answer::Here { head, body },
            FrameKind::Parked => match body.try_get_u64_le() {
                Ok(ticket) => Answer::Parked { ticket },
                Err(_) => continue,
            },
            _ => continue,
        };
        // An answer to nothing: cancelled meanwhile, or a peer that answers twice.
        if let Some(reply) = pending.take(call) {
            let _ = reply.send(Ok(answer));
        }
    }
    Ok(())
}
