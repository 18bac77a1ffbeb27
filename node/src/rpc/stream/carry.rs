//! Carrying a stream's frames: over a substream, or from one end to the other within this node.

use std::{fmt, io, sync::Arc};

use atoll_protocol::rpc::{
    Outbox, Status,
    frame::{self, Decoded, Frame, FrameKind},
    stream::{Ending, Stream},
};
use bytes::{Bytes, BytesMut};
use futures::io::WriteHalf;

use super::memory::Memory;
use crate::{
    net::streams::Substream,
    rpc::wire::{ReadError, Reader, Shared, Speaks},
};

impl Speaks for Stream {
    fn outbox(&mut self) -> &mut Outbox {
        self.outbox()
    }

    fn is_silent(&self) -> bool {
        self.is_silent()
    }

    fn may_say_more(&self) -> bool {
        true
    }
}

/// One end of a stream, shared by the program's halves and the tasks that carry its frames.
pub(in crate::rpc) struct Pipe {
    shared: Shared<Stream>,
    memory: Arc<Memory>,
}

impl Pipe {
    pub(in crate::rpc) fn new(stream: Stream, memory: Arc<Memory>) -> Arc<Self> {
        Arc::new(Self { shared: Shared::new(stream), memory })
    }

    /// Does something with the machine, and keeps account of what it holds.
    pub(in crate::rpc) fn with<T>(&self, act: impl FnOnce(&mut Stream, &Memory) -> T) -> T {
        self.shared.with(|stream| {
            let before = stream.queued();
            let result = act(stream, &self.memory);
            self.memory.changed(before, stream.queued());
            result
        })
    }

    fn receive(&self, frame: Frame) {
        let wakes = self.with(|stream, memory| match frame.kind {
            FrameKind::Data if memory.is_full() => stream.shed(),
            _ => stream.receive(frame),
        });
        wakes.wake();
    }

    pub(super) fn lost(&self) {
        self.with(|stream, _| stream.lost()).wake();
    }

    /// The server's outcome.
    pub(in crate::rpc) fn conclude(&self, head: &[u8], body: Bytes) {
        self.with(|stream, _| stream.conclude(head, body)).wake();
    }

    /// Writes what this end says, until it is silent or the substream breaks. That it breaks in this direction says nothing of
    /// what still comes in the other: who has concluded a stream need not hear out the credits for its last messages.
    pub(in crate::rpc) async fn write(&self, mut stream: WriteHalf<Substream>) -> io::Result<()> {
        self.shared.write(&mut stream, || self.shared.lock().written().wake()).await
    }

    /// Takes in what comes, until nothing more can, or nobody waits for what the program does here. `heard` is called when
    /// the first frame has come.
    pub(in crate::rpc) async fn read(&self, mut reader: Reader, heard: impl FnOnce()) -> Result<(), ReadError> {
        let result = self.take_in(&mut reader, heard).await;
        self.lost();
        result
    }

    async fn take_in(&self, reader: &mut Reader, heard: impl FnOnce()) -> Result<(), ReadError> {
        let mut heard = Some(heard);
        while !self.is_heard_out() {
            match reader.next().await? {
                Some(Decoded::Frame(frame)) => self.receive(frame),
                // A kind that a later version knows.
                Some(_) => {}
                None => break,
            }
            if let Some(heard) = heard.take() {
                heard();
            }
        }
        Ok(())
    }

    fn is_heard_out(&self) -> bool {
        matches!(self.shared.lock().ending(), Some(ending) if *ending != Ending::Complete)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let left = self.shared.lock().queued();
        self.memory.changed(left, 0);
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipe")
    }
}

/// What the program is told of an ending that is no answer.
pub(super) fn failure(ending: &Ending) -> Status {
    match ending {
        Ending::Complete | Ending::Concluded { .. } => Status::cancelled("the stream is over"),
        Ending::Cancelled => Status::cancelled("the stream was cancelled"),
        Ending::Lost => Status::unavailable("the connection was lost before the stream was over").retryable(false),
        Ending::Violated(violation) => Status::internal(format!("the stream was ended: {violation}")),
        Ending::Shed => Status::resource_exhausted(
            "the stream was ended: too much of what this peer has sent waits here to be taken",
        ),
    }
}

/// Carries what `from` says to `to`, within this node, until it is silent.
pub(in crate::rpc) async fn hand_over(from: &Pipe, to: &Pipe) {
    let mut buffer = BytesMut::new();
    while let Some(bytes) = from.shared.heard().await {
        buffer.extend_from_slice(&bytes);
        from.shared.lock().written().wake();
        while let Ok(Decoded::Frame(frame)) = frame::decode(&mut buffer, super::MESSAGE) {
            // The handler was found, and runs, before anything was carried.
            if frame.kind != FrameKind::Open {
                to.receive(frame);
            }
        }
    }
    to.lost();
}
