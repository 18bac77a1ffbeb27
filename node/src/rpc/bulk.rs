//! Large bodies, each on a substream of its own so that they hold up no other call.

use atoll_protocol::{
    limits,
    rpc::{
        Status,
        frame::{Decoded, Frame, FrameKind},
    },
};
use bytes::Bytes;
use futures::AsyncReadExt;

use super::{
    frames::{Outgoing, Reader, write_one},
    lane::{Answer, Failure},
};
use crate::net::{Net, connections::Connection};

/// Makes a call on a substream of its own.
pub(super) async fn call(net: &Net, connection: &Connection, head: Bytes, body: Bytes) -> Result<Answer, Failure> {
    exchange(net, connection, Outgoing { kind: FrameKind::Request, call: 0, head, body }).await
}

/// Fetches a parked answer.
pub(super) async fn fetch(net: &Net, connection: &Connection, ticket: u64) -> Result<Answer, Failure> {
    let frame = Outgoing { kind: FrameKind::Fetch, call: ticket, head: Bytes::new(), body: Bytes::new() };
    // The call itself has been carried out: whatever fails now, it must not be made again.
    exchange(net, connection, frame).await.map_err(|failure| Failure { sent: true, ..failure })
}

async fn exchange(net: &Net, connection: &Connection, frame: Outgoing) -> Result<Answer, Failure> {
    let stream = connection.open(net.protocols.bulk.clone()).await.map_err(|e| Failure::unsent(e.to_string()))?;
    let lost = |e: &dyn std::fmt::Display| Failure {
        status: Status::unavailable(format!("the substream broke: {e}")).retryable(false),
        sent: true,
    };
    // This side stays open until the answer is there: closing it, as dropping the call does, says that nobody waits.
    let (read, mut write) = stream.split();
    write_one(&mut write, frame).await.map_err(|e| lost(&e))?;
    match Reader::new(read, limits::RPC_BODY).next().await.map_err(|e| lost(&e))? {
        Some(Decoded::Frame(Frame { kind: FrameKind::Response, head, body, .. })) => Ok(Answer::Here { head, body }),
        _ => Err(lost(&"the peer did not answer with a response")),
    }
}
