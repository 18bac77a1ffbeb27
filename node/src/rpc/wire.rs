//! Frames on a substream: the reading and the writing half that every lane and every substream of its own is made of.

use std::{
    cell::RefCell,
    io,
    pin::{Pin, pin},
    task::Poll,
};

use atoll_protocol::{
    identity::NodeId,
    rpc::{
        Outbox,
        frame::{self, Decoded, FrameError, FrameKind},
    },
};
use atoll_registry::peers::conduct::Fault;
use bytes::{Bytes, BytesMut};
use futures::{
    AsyncRead, AsyncWriteExt,
    future::poll_fn,
    io::{ReadHalf, WriteHalf},
    task::AtomicWaker,
};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use crate::net::{Net, streams::Substream};

#[cfg(test)]
mod tests;

/// Bytes that are worth a write although more may be said in a moment. Large enough that a write's cost is shared by some
/// thirty small calls, small enough that of 64 calls under way one half is answered while the other is being asked:
/// measured, 1.5 to 2 times the calls of writing them all at once.
const ENOUGH: usize = 4 * 1024;

/// Bytes asked of a stream at a time.
const READ: usize = 64 * 1024;

thread_local! {
    /// Where streams are read into. One for each thread, not for each stream: an idle stream holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// Why no more frames can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the stream broke: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads frames.
pub(super) struct Reader {
    stream: ReadHalf<Substream>,
    buffer: BytesMut,
    max_body: usize,
}

impl Reader {
    pub(super) fn new(stream: ReadHalf<Substream>, max_body: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), max_body }
    }

    /// The kind of the next frame, as soon as its header is there, and before any of its body is asked for; `None` at the end
    /// of the stream.
    pub(super) async fn peek(&mut self) -> Result<Option<FrameKind>, ReadError> {
        while self.buffer.len() < frame::HEADER {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        Ok(frame::kind(&self.buffer))
    }

    /// Bodies may have this length from now on.
    pub(super) fn allow(&mut self, max_body: usize) {
        self.max_body = max_body;
    }

    /// The next frame; `None` at the end of the stream. Cancel safe: bytes read stay in the buffer.
    pub(super) async fn next(&mut self) -> Result<Option<Decoded>, ReadError> {
        loop {
            if let Some(decoded) = self.buffered()? {
                return Ok(Some(decoded));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The next frame among the bytes that have been read already.
    pub(super) fn buffered(&mut self) -> Result<Option<Decoded>, FrameError> {
        Ok(match frame::decode(&mut self.buffer, self.max_body)? {
            Decoded::Incomplete { .. } => {
                if self.buffer.is_empty() {
                    // An idle stream holds no buffer.
                    self.buffer = BytesMut::new();
                }
                None
            }
            decoded => Some(decoded),
        })
    }

    /// Reads what is there; `false` at the end of the stream.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        let Self { stream, buffer, .. } = self;
        let read = poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                Pin::new(&mut *stream).poll_read(context, scratch).map_ok(|read| {
                    // What was read before is still in use: this asks for as much as is needed, once.
                    buffer.reserve(read);
                    buffer.extend_from_slice(scratch.get(..read).unwrap_or_default());
                    read
                })
            })
        })
        .await?;
        match read {
            0 if buffer.is_empty() => Ok(false),
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(true),
        }
    }

    /// Resolves when the stream has ended or broken, or more has come where nothing more was expected.
    pub(super) async fn ended(&mut self) {
        let _ = self.fill().await;
    }
}

/// A machine of the protocol together with the task that writes what it says.
pub(super) struct Shared<M> {
    state: Mutex<State<M>>,
    writer: AtomicWaker,
}

struct State<M> {
    machine: M,
    /// Whether the writer lets others speak before it writes: then not every word need wake it.
    gathering: bool,
}

/// A machine with an outbox, as a writer sees it.
pub(super) trait Speaks {
    /// What is to be written.
    fn outbox(&mut self) -> &mut Outbox;

    /// Whether nothing more will be said once the outbox is empty.
    fn is_silent(&self) -> bool;

    /// Whether more may be said in a moment, worth a moment's wait.
    fn may_say_more(&self) -> bool;
}

impl<M: Speaks> Shared<M> {
    pub(super) fn new(machine: M) -> Self {
        Self { state: Mutex::new(State { machine, gathering: false }), writer: AtomicWaker::new() }
    }

    pub(super) fn lock(&self) -> MappedMutexGuard<'_, M> {
        MutexGuard::map(self.state.lock(), |state| &mut state.machine)
    }

    /// Tells the writer that there may be something to write. To be called after the lock is released.
    pub(super) fn said(&self) {
        self.writer.wake();
    }

    /// Does something with the machine and tells the writer.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut M) -> T) -> T {
        let mut state = self.state.lock();
        let result = act(&mut state.machine);
        let wake = !state.gathering || state.machine.outbox().waiting() >= ENOUGH;
        drop(state);
        if wake {
            self.said();
        }
        result
    }

    /// Tells the writer that several are about to say something, each on its own.
    pub(super) fn expect(&self) {
        self.state.lock().gathering = true;
        self.said();
    }

    /// Waits for something to write, or to be expected; `false` once all has been said.
    async fn has_said(&self) -> bool {
        poll_fn(|context| {
            let poll = || {
                let mut state = self.state.lock();
                match !state.machine.outbox().is_empty() || state.gathering {
                    true => Poll::Ready(true),
                    false if state.machine.is_silent() => Poll::Ready(false),
                    false => Poll::Pending,
                }
            };
            let polled = poll();
            if polled.is_ready() {
                return polled;
            }
            self.writer.register(context.waker());
            // What was said before the waker was in place woke nobody.
            poll()
        })
        .await
    }

    /// Lets whoever is ready to say something do so first, and share the write: one for each frame would cost more than all
    /// the rest. Not longer than until there is enough for a write: then the other side can begin while this one goes on.
    async fn gather(&self) {
        let mut turn = pin!(tokio::task::yield_now());
        poll_fn(|context| {
            let mut state = self.state.lock();
            let ready = state.machine.outbox().waiting() >= ENOUGH || !state.machine.may_say_more();
            self.writer.register(context.waker());
            let polled = if ready { Poll::Ready(()) } else { turn.as_mut().poll(context) };
            state.gathering = polled.is_pending();
            polled
        })
        .await;
    }

    /// Takes what is to be written next, waiting for it; `None` once all has been said.
    pub(super) async fn heard(&self) -> Option<Bytes> {
        while self.has_said().await {
            if let Some(bytes) = self.take() {
                return Some(bytes);
            }
        }
        None
    }

    fn take(&self) -> Option<Bytes> {
        self.lock().outbox().take()
    }

    /// Writes what the machine says, until it is silent or the stream breaks. Whatever waits is written before the stream is
    /// flushed, and nothing ever waits for a timer. Calls `room` when there is room for more to be said.
    pub(super) async fn write(&self, stream: &mut WriteHalf<Substream>, room: impl Fn()) -> io::Result<()> {
        while self.has_said().await {
            self.gather().await;
            let mut written = false;
            while let Some(bytes) = self.take() {
                written = true;
                // There is room for more as soon as this is taken: what is said meanwhile goes out right after it.
                room();
                stream.write_all(&bytes).await?;
            }
            if written {
                stream.flush().await?;
            }
        }
        stream.close().await
    }
}

impl<M> std::fmt::Debug for Shared<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// Counts what broke the protocol, and charges it to the peer; a substream that merely broke is nobody's fault.
pub(super) fn note_broken(net: &Net, peer: &NodeId, read: Result<(), ReadError>) {
    match read {
        Ok(()) => {}
        Err(ReadError::Io(error)) => tracing::debug!(%peer, "a substream ended: {error}"),
        Err(ReadError::Frame(error)) => {
            net.conduct.charge(Some(*peer), fault(&error), error);
            net.counters.broken_frames.add(1);
        }
    }
}

const fn fault(error: &FrameError) -> Fault {
    match error {
        FrameError::HeadTooLong { .. } | FrameError::BodyTooLong { .. } => Fault::Oversize,
        _ => Fault::Malformed,
    }
}

/// Writes what `outbox` holds and flushes it.
pub(super) async fn write_out(stream: &mut WriteHalf<Substream>, outbox: &mut Outbox) -> io::Result<()> {
    while let Some(bytes) = outbox.take() {
        stream.write_all(&bytes).await?;
    }
    stream.flush().await
}
