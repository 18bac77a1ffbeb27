//! Taking up what peers open: lanes, streams, and substreams with one large body.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    limits,
    rpc::{
        Outbox, Status,
        frame::{Decoded, Frame, FrameKind},
    },
};
use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt, io::WriteHalf};
use tokio::time::Instant;

use super::{
    Body, Rpc,
    dispatch::Run,
    lane, stream,
    wire::{ReadError, Reader, note_broken, write_out},
};
use crate::{
    net::streams::{Inbound, Substream},
    standing::Caller,
};

/// Substreams with large bodies served at a time.
pub(super) const BULK_STREAMS: usize = 64;
/// How long a peer may take to send one large request, or to take its answer.
const BULK_PATIENCE: Duration = Duration::from_secs(120);
/// How long a peer may take to say what it has opened a substream for.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// Serves one substream of the call protocols.
pub(crate) async fn serve_stream(rpc: Arc<Rpc>, inbound: Inbound) {
    let Inbound { peer, connection, protocol, stream } = inbound;
    let caller = rpc.trust.caller(&peer, &connection);
    drop(connection);
    if protocol == rpc.net.protocols.rpc {
        return lane::serve(rpc, caller, stream).await;
    }
    let (read, write) = stream.split();
    // What may follow depends on what it is: no body yet.
    let mut reader = Reader::new(read, 0);
    let Ok(kind) = tokio::time::timeout(FIRST_FRAME, reader.peek()).await else { return };
    let result = match kind {
        Ok(Some(FrameKind::Open)) => match reader.next().await {
            Ok(Some(Decoded::Frame(Frame { head, .. }))) => {
                return stream::serve(&rpc, &caller, &head, reader, write).await;
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        },
        Ok(Some(_)) => one_body(&rpc, &caller, reader, write).await,
        // A kind that nobody knows.
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    note_broken(&rpc.net, &peer, result);
}

async fn one_body(
    rpc: &Arc<Rpc>,
    caller: &Caller,
    mut reader: Reader,
    mut write: WriteHalf<Substream>,
) -> Result<(), ReadError> {
    // Refusing beats queueing: the peer learns it at once from the closed substream.
    let Ok(_permit) = Arc::clone(&rpc.bulk).try_acquire_owned() else {
        rpc.net.counters.refused_streams.add(1);
        return Ok(());
    };
    reader.allow(limits::RPC_BODY);
    let served = async {
        let Some((head, body)) = reply(rpc, caller, &mut reader).await? else { return Ok(()) };
        let mut outbox = Outbox::default();
        // Its lengths have been checked where it was encoded.
        let _ = outbox.push(FrameKind::Response, 0, &head, body);
        write_out(&mut write, &mut outbox).await?;
        write.close().await?;
        Ok(())
    };
    tokio::time::timeout(BULK_PATIENCE, served).await.unwrap_or_else(|_| {
        tracing::debug!(peer = %caller.peer(), "a large call took too long");
        Ok(())
    })
}

/// What is to be answered; nothing, if nobody waits for it any more.
async fn reply(rpc: &Arc<Rpc>, caller: &Caller, reader: &mut Reader) -> Result<Option<(Bytes, Bytes)>, ReadError> {
    let refused = |status| {
        let (head, body) = lane::encode(Err(status));
        Some((head.into(), body))
    };
    Ok(match reader.next().await? {
        Some(Decoded::Frame(Frame { kind: FrameKind::Request, head, body, .. })) => {
            let run = match lane::read_head(&head) {
                Ok(head) => {
                    let body = Body { content: head.content, bytes: body };
                    rpc.prepare(caller, &head, body, Instant::now())
                }
                Err(status) => Err(status),
            };
            match run {
                Ok(Run { context, outcome, .. }) => {
                    let cancelled = context.cancel_on_drop();
                    tokio::select! {
                        result = outcome => {
                            cancelled.finished();
                            let (head, body) = lane::encode(result);
                            Some((head.into(), body))
                        }
                        // A caller keeps its side open for as long as it waits.
                        () = reader.ended() => None,
                    }
                }
                Err(status) => refused(status),
            }
        }
        Some(Decoded::Frame(Frame { kind: FrameKind::Fetch, call, .. })) => {
            let gone = "no answer waits under this ticket; it may have waited too long";
            rpc.parked.take(caller.peer(), call).or_else(|| refused(Status::not_found(gone)))
        }
        Some(_) => refused(Status::unimplemented("expected a request, a fetch or a stream")),
        None => None,
    })
}
