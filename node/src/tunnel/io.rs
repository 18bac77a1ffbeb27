//! A tunnel as a stream of bytes, for whoever reads and writes those.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use atoll_protocol::{
    identity::NodeId,
    rpc::{Code, Status},
};
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::carry::End;
use crate::{RawReceiver, RawSender};

/// Bytes that are taken over at a time.
const PIECE: usize = 64 * 1024;

/// One connection to an application, or of a user to one. Shutting it down ends this direction; dropping it before breaks
/// the connection, which the other end is told.
pub struct TunnelStream {
    node: NodeId,
    end: End,
    /// None once this side has said all.
    sender: Option<RawSender>,
    receiver: RawReceiver,
    /// What has come and was not read yet.
    unread: Bytes,
    /// Whether that is all.
    heard_all: bool,
    /// What was written and does not fit into the stream yet: one piece at most.
    staged: Option<Bytes>,
}

impl TunnelStream {
    pub(super) fn of_caller(node: NodeId, sender: RawSender, receiver: RawReceiver) -> Self {
        Self::new(node, End::Caller, sender, receiver)
    }

    pub(super) fn of_server(node: NodeId, sender: RawSender, receiver: RawReceiver) -> Self {
        Self::new(node, End::Server, sender, receiver)
    }

    fn new(node: NodeId, end: End, sender: RawSender, receiver: RawReceiver) -> Self {
        Self { node, end, sender: Some(sender), receiver, unread: Bytes::new(), heard_all: false, staged: None }
    }

    /// The node at the other end.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Passes on what is staged.
    fn poll_staged(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(piece) = &self.staged else { return Poll::Ready(Ok(())) };
        let Some(sender) = &self.sender else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let sent = ready!(sender.poll_send(piece, context));
        let in_vain = sent.is_err() && sender.is_concluded();
        self.staged = None;
        // Who has answered before all was said wants no more: the answer is still to be read, and so is how it ended.
        Poll::Ready(if in_vain { Ok(()) } else { sent.map_err(as_io) })
    }
}

/// A stream's failure, in the terms of those who read and write bytes.
pub(super) fn as_io(status: Status) -> io::Error {
    let kind = match status.code() {
        Code::Unavailable | Code::Cancelled => io::ErrorKind::ConnectionReset,
        Code::PermissionDenied => io::ErrorKind::PermissionDenied,
        Code::FailedPrecondition => io::ErrorKind::BrokenPipe,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, status)
}

impl AsyncRead for TunnelStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() && !self.heard_all {
            match ready!(self.receiver.poll(context)) {
                Ok(Some(piece)) if !piece.is_empty() => self.unread = piece,
                // Once both have said all, the end is that of the whole: whoever reads it may drop this, and nothing is cut off.
                Ok(Some(_)) if self.end == End::Caller && self.sender.is_none() => {}
                Ok(_) => self.heard_all = true,
                Err(status) => return Poll::Ready(Err(as_io(status))),
            }
        }
        let len = self.unread.len().min(into.remaining());
        into.put_slice(self.unread.get(..len).unwrap_or_default());
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_staged(context))?;
        let some = bytes.get(..bytes.len().min(PIECE)).unwrap_or_default();
        if some.is_empty() {
            // An empty piece would mean the end.
            return Poll::Ready(Ok(0));
        }
        self.staged = Some(Bytes::copy_from_slice(some));
        // If there is no room now, it is passed on with what is written next, or by a flush.
        match self.poll_staged(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(some.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_staged(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_staged(context))?;
        let Some(sender) = self.sender.take() else { return Poll::Ready(Ok(())) };
        match self.end {
            End::Caller => sender.finish(),
            End::Server => match sender.poll_send(&Bytes::new(), context) {
                Poll::Ready(sent) => return Poll::Ready(sent.map_err(as_io)),
                Poll::Pending => {
                    self.sender = Some(sender);
                    return Poll::Pending;
                }
            },
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for TunnelStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelStream").field("node", &self.node).finish_non_exhaustive()
    }
}
