//! The answering end of a lane.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    limits,
    rpc::{
        RequestHead, ResponseHead, Status,
        frame::{Decoded, Frame, FrameKind},
    },
};
use bytes::Bytes;
use futures::AsyncReadExt;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Body, Rpc,
        frames::{Outgoing, ReadError, Reader, write_frames},
    },
    IDLE, QUEUE,
};
use crate::net::streams::Substream;

/// Calls that one lane may have under way.
const CALLS: usize = 4096;

/// What every call on a lane shares.
struct Shared {
    rpc: Arc<Rpc>,
    peer: NodeId,
    queue: mpsc::Sender<Outgoing>,
    /// Ends a call's handler.
    running: Mutex<HashMap<u64, CancellationToken>>,
    permits: Arc<Semaphore>,
}

/// Answers the calls on a lane until its peer closes it, it breaks, or the peer breaks the protocol. Whatever is still
/// running then has nobody who waits for it, and is dropped: a caller closes its lane only when it waits for nothing, and
/// over TCP a connection that died looks just like that.
pub(in crate::rpc) async fn serve(rpc: Arc<Rpc>, peer: NodeId, stream: Substream) {
    let (read, write) = stream.split();
    let (queue, queued) = mpsc::channel(QUEUE);
    let writer = tokio::spawn(write_frames(write, queued, IDLE, || false));
    let shared = Arc::new(Shared {
        rpc,
        peer,
        queue,
        running: Mutex::new(HashMap::new()),
        permits: Arc::new(Semaphore::new(CALLS)),
    });
    let result = read_requests(Reader::new(read, limits::RPC_INLINE_BODY), &shared).await;
    if let Err(error) = &result {
        tracing::debug!(%peer, "a lane ended: {error}");
    }
    if matches!(result, Err(ReadError::Frame(_))) {
        shared.rpc.net.counters.broken_frames.add(1);
        writer.abort();
    }
    for (_, cancel) in shared.running.lock().drain() {
        cancel.cancel();
    }
}

async fn read_requests(mut reader: Reader, shared: &Arc<Shared>) -> Result<(), ReadError> {
    while let Some(decoded) = reader.next().await? {
        match decoded {
            Decoded::Frame(Frame { kind: FrameKind::Request, call, head, body }) => {
                if let Err(status) = start(shared, call, &head, body) {
                    shared.answer(call, Err(status)).await;
                }
            }
            Decoded::Frame(Frame { kind: FrameKind::Cancel, call, .. }) => {
                if let Some(cancel) = shared.running.lock().remove(&call) {
                    cancel.cancel();
                }
            }
            Decoded::Frame(Frame { kind, call, .. }) => {
                shared.answer(call, Err(Status::unimplemented(format!("{kind:?} has no meaning on a lane")))).await;
            }
            Decoded::Unknown { kind, call } => {
                let status = Status::unimplemented(format!("frame kind {kind} is not known to {}", crate::AGENT));
                shared.answer(call, Err(status)).await;
            }
            Decoded::Incomplete { .. } => {}
        }
    }
    Ok(())
}

fn start(shared: &Arc<Shared>, call: u64, head: &[u8], body: Bytes) -> Result<(), Status> {
    let head = RequestHead::decode(head)
        .map_err(|e| Status::invalid_argument(format!("the request's head cannot be read: {e}")))?;
    let permit = Arc::clone(&shared.permits).try_acquire_owned().map_err(|_| {
        Status::resource_exhausted(format!("more than {CALLS} calls are under way on this lane; wait for some to end"))
    })?;
    let cancel = CancellationToken::new();
    let body = Body { content: head.content, bytes: body };
    let handler = shared.rpc.prepare(shared.peer, &head, body, cancel.clone())?;
    match shared.running.lock().entry(call) {
        Entry::Vacant(free) => free.insert(cancel.clone()),
        // The call that has the id keeps it, or it could no longer be cancelled.
        Entry::Occupied(_) => return Err(Status::invalid_argument(format!("call id {call} is in use already"))),
    };
    tokio::spawn(run(Arc::clone(shared), call, handler, cancel, permit));
    Ok(())
}

async fn run(
    shared: Arc<Shared>,
    call: u64,
    handler: impl Future<Output = Result<Body, Status>>,
    cancel: CancellationToken,
    permit: OwnedSemaphorePermit,
) {
    let result = tokio::select! {
        result = handler => result,
        // The caller has left; its answer would go nowhere.
        () = cancel.cancelled() => return drop(permit),
    };
    shared.running.lock().remove(&call);
    shared.answer(call, result).await;
    // Not before: a peer that asks and never reads would have any number of answers wait here.
    drop(permit);
}

impl Shared {
    async fn answer(&self, call: u64, result: Result<Body, Status>) {
        let (mut head, mut body) = encode(result);
        let mut kind = FrameKind::Response;
        if body.len() > limits::RPC_INLINE_BODY {
            match self.rpc.parked.park(self.peer, head, body) {
                Ok(ticket) => {
                    (kind, head, body) =
                        (FrameKind::Parked, Bytes::new(), Bytes::copy_from_slice(&ticket.to_le_bytes()));
                }
                Err(status) => (head, body) = encode(Err(status)),
            }
        }
        // A writer that has ended means a lane that is gone: the caller has been told by its own end.
        let _ = self.queue.send(Outgoing { kind, call, head, body }).await;
    }
}

/// An outcome as head and body. One that is too large to be sent becomes `resource_exhausted`.
pub(in crate::rpc) fn encode(result: Result<Body, Status>) -> (Bytes, Bytes) {
    let len = match &result {
        Ok(body) => body.bytes.len(),
        Err(status) => status.detail().len(),
    };
    let result = if len > limits::RPC_BODY {
        let limit = limits::RPC_BODY;
        let status = Status::resource_exhausted(format!("the answer has {len} bytes, at most {limit} can be sent"));
        Err(status.retryable(false))
    } else {
        result
    };
    let (head, body) = match result {
        Ok(body) => (ResponseHead::ok(body.content), body.bytes),
        Err(status) => (ResponseHead::failed(&status), Bytes::copy_from_slice(status.detail())),
    };
    // A response head is a few hundred bytes at most: its status message is cut at 2 KiB, so encoding cannot fail.
    (head.encode().unwrap_or_default().into(), body)
}
