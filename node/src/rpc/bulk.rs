//! Large bodies, each on a substream of its own so that they hold up no other call.

use atoll_protocol::{
    limits,
    rpc::{
        Outbox,
        frame::{Decoded, Frame, FrameKind},
    },
};
use bytes::Bytes;
use futures::AsyncReadExt;

use super::{
    lane::Failure,
    wire::{Reader, write_out},
};
use crate::net::{Net, connections::Connection};

/// Makes a call on a substream of its own; gives the answer's head and body.
pub(super) async fn call(
    net: &Net,
    connection: &Connection,
    head: &[u8],
    body: Bytes,
) -> Result<(Bytes, Bytes), Failure> {
    let mut outbox = Outbox::default();
    // Callers have checked the lengths.
    let _ = outbox.push(FrameKind::Request, 0, head, body);
    exchange(net, connection, outbox).await
}

/// Fetches a parked answer.
pub(super) async fn fetch(net: &Net, connection: &Connection, ticket: u64) -> Result<(Bytes, Bytes), Failure> {
    let mut outbox = Outbox::default();
    outbox.push_bare(FrameKind::Fetch, ticket);
    // The call itself has been carried out: whatever fails now, it must not be made again.
    exchange(net, connection, outbox).await.map_err(|failure| Failure { sent: true, ..failure })
}

async fn exchange(net: &Net, connection: &Connection, mut outbox: Outbox) -> Result<(Bytes, Bytes), Failure> {
    let stream = connection.open(net.protocols.bulk.clone()).await.map_err(|e| Failure::unsent(e.to_string()))?;
    let lost = |e: &dyn std::fmt::Display| Failure::lost(format!("the substream broke: {e}"));
    // This side stays open until the answer is there: closing it, as dropping the call does, says that nobody waits.
    let (read, mut write) = stream.split();
    write_out(&mut write, &mut outbox).await.map_err(|e| lost(&e))?;
    match Reader::new(read, limits::RPC_BODY).next().await.map_err(|e| lost(&e))? {
        Some(Decoded::Frame(Frame { kind: FrameKind::Response, head, body, .. })) => Ok((head, body)),
        _ => Err(lost(&"the peer did not answer with a response")),
    }
}
