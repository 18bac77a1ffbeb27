//! Taking up what peers open: lanes, and substreams with one large body.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    limits,
    rpc::{
        RequestHead, Status,
        frame::{Decoded, Frame, FrameKind},
    },
};
use futures::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{
    Body, Rpc,
    frames::{Outgoing, ReadError, Reader, write_one},
    lane,
};
use crate::net::streams::{Inbound, Substream};

/// Substreams with large bodies served at a time.
pub(super) const BULK_STREAMS: usize = 64;
/// How long a peer may take to send one large request, or to take its answer.
const BULK_PATIENCE: Duration = Duration::from_secs(120);

/// Serves one substream of the call protocols.
pub(crate) async fn serve_stream(rpc: Arc<Rpc>, inbound: Inbound) {
    let Inbound { peer, protocol, stream, .. } = inbound;
    if protocol == rpc.net.protocols.rpc {
        return lane::serve(rpc, peer, stream).await;
    }
    // Refusing beats queueing: the peer learns it at once from the closed substream.
    let Ok(permit) = Arc::clone(&rpc.bulk).try_acquire_owned() else {
        return rpc.net.counters.refused_streams.add(1);
    };
    if tokio::time::timeout(BULK_PATIENCE, serve_bulk(&rpc, peer, stream)).await.is_err() {
        tracing::debug!(%peer, "a large call took too long");
    }
    drop(permit);
}

async fn serve_bulk(rpc: &Arc<Rpc>, peer: atoll_protocol::identity::NodeId, stream: Substream) {
    let (read, mut write) = stream.split();
    let mut reader = Reader::new(read, limits::RPC_BODY);
    let result = match reader.next().await {
        Ok(Some(Decoded::Frame(Frame { kind: FrameKind::Request, head, body, .. }))) => {
            let cancel = CancellationToken::new();
            let _cancelled = cancel.clone().drop_guard();
            tokio::select! {
                result = answer(rpc, peer, &head, body, cancel) => lane::encode(result),
                // A caller keeps its side open for as long as it waits.
                () = reader.ended() => return,
            }
        }
        Ok(Some(Decoded::Frame(Frame { kind: FrameKind::Fetch, call, .. }))) => {
            rpc.parked.take(peer, call).unwrap_or_else(|| {
                lane::encode(Err(Status::not_found("no answer waits under this ticket; it may have waited too long")))
            })
        }
        Ok(Some(Decoded::Frame(_) | Decoded::Unknown { .. })) => {
            lane::encode(Err(Status::unimplemented("expected a request or a fetch")))
        }
        Ok(Some(Decoded::Incomplete { .. }) | None) => return,
        Err(error) => {
            if matches!(error, ReadError::Frame(_)) {
                rpc.net.counters.broken_frames.add(1);
            }
            return tracing::debug!(%peer, "a large call broke: {error}");
        }
    };
    let (head, body) = result;
    let frame = Outgoing { kind: FrameKind::Response, call: 0, head, body };
    if write_one(&mut write, frame).await.is_ok() {
        let _ = write.close().await;
    }
}

async fn answer(
    rpc: &Arc<Rpc>,
    peer: atoll_protocol::identity::NodeId,
    head: &[u8],
    body: bytes::Bytes,
    cancel: CancellationToken,
) -> Result<Body, Status> {
    let head = RequestHead::decode(head)
        .map_err(|e| Status::invalid_argument(format!("the request's head cannot be read: {e}")))?;
    let body = Body { content: head.content, bytes: body };
    rpc.prepare(peer, &head, body, cancel)?.await
}
