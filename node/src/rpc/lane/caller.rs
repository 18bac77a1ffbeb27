//! The calling end of a lane.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use atoll_protocol::{
    limits,
    rpc::{
        Outbox, Status,
        frame::Decoded,
        lane::{Caller, Refused, Reply},
    },
};
use bytes::Bytes;
use futures::AsyncReadExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::wire::{ReadError, Reader, Shared, Speaks, note_broken};
use crate::net::{
    Net,
    connections::{Connection, Connections},
    streams::Substream,
};

/// How long a lane without calls stays open.
const IDLE: Duration = Duration::from_secs(60);
/// Silence while calls wait, after which the other side is asked whether it is there.
const PING_AFTER: Duration = Duration::from_millis(200);
/// Silence while calls wait, after which new calls go elsewhere, and so do those that may be made again. Four round trips
/// are added.
const STALLED_AFTER: Duration = Duration::from_millis(600);

/// Why no answer came.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Failure {
    pub(in crate::rpc) status: Status,
    /// Whether the request may have reached the service: if not, calling another instance is safe.
    pub(in crate::rpc) sent: bool,
    /// Whether the node could not be reached, or was lost: no service has said this.
    pub(in crate::rpc) contact: bool,
}

impl Failure {
    /// The node was not reached.
    pub(in crate::rpc) fn unsent(reason: impl Into<String>) -> Self {
        Self { status: Status::unavailable(reason), sent: false, contact: true }
    }

    /// The node was reached, and nobody knows what became of the call.
    pub(in crate::rpc) fn lost(reason: impl Into<String>) -> Self {
        Self { status: Status::unavailable(reason).retryable(false), sent: true, contact: true }
    }

    /// The service, or this node on its behalf, has said so.
    pub(in crate::rpc) fn answered(status: Status) -> Self {
        Self { status, sent: true, contact: false }
    }
}

impl Speaks for Caller {
    fn outbox(&mut self) -> &mut Outbox {
        self.outbox()
    }

    fn is_silent(&self) -> bool {
        self.is_closed()
    }

    fn may_say_more(&self) -> bool {
        self.waiting() > 1
    }
}

/// Since when a lane has heard nothing, as far as its calls are concerned.
#[derive(Debug)]
struct Silence {
    heard: u64,
    /// Whether calls waited at the last look.
    waited: bool,
    since: Instant,
    pinged: bool,
    stalled: bool,
}

/// One lane. It ends when its connection does, or after a minute without calls.
#[derive(Debug)]
pub(in crate::rpc) struct Lane {
    pub(in crate::rpc) connection: Arc<Connection>,
    shared: Arc<Shared<Caller>>,
    /// Tells those who wait because the lane is full.
    room: Arc<Notify>,
    silence: Mutex<Silence>,
}

impl Lane {
    /// Runs a lane over a freshly opened substream.
    pub(in crate::rpc) fn start(stream: Substream, connection: Arc<Connection>, net: &Net) -> Self {
        let (read, mut write) = stream.split();
        let shared = Arc::new(Shared::new(Caller::default()));
        let room = Arc::new(Notify::new());
        let (machine, roomy) = (Arc::clone(&shared), Arc::clone(&room));
        tokio::spawn(async move {
            // Closing says "no more requests"; a peer that has gone already need not hear it.
            let _ = machine.write(&mut write, || roomy.notify_waiters()).await;
            end(&machine, &roomy);
        });
        let (machine, roomy, connected) = (Arc::clone(&shared), Arc::clone(&room), Arc::clone(&connection));
        let net = net.clone();
        tokio::spawn(async move {
            let read = read_replies(Reader::new(read, limits::RPC_INLINE_BODY), &machine).await;
            if read.is_ok() {
                // Whoever closes a lane is there.
                net.connections.set_silent(&connected, false);
            }
            note_broken(&net, &connected.peer, read);
            end(&machine, &roomy);
        });
        let silence = Silence { heard: 0, waited: false, since: Instant::now(), pinged: false, stalled: false };
        Self { connection, shared, room, silence: Mutex::new(silence) }
    }

    /// Whether no further call can be made here.
    pub(in crate::rpc) fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// Calls that wait for their answer.
    pub(in crate::rpc) fn waiting(&self) -> usize {
        self.shared.lock().waiting()
    }

    /// Whether the other side says nothing although calls wait.
    pub(in crate::rpc) fn is_stalled(&self) -> bool {
        self.silence.lock().stalled
    }

    /// Sends a request, as soon as there is room for it, and waits for the reply. Dropping the future tells the other side
    /// that nobody waits. `movable` says that the call may be made again elsewhere if the other side falls silent. `begun` is
    /// called once the request is on its way.
    pub(in crate::rpc) async fn call(
        &self,
        head: &[u8],
        body: Bytes,
        movable: bool,
        begun: impl FnOnce(),
    ) -> Result<Reply, Failure> {
        let call = loop {
            let room = self.room.notified();
            match self.shared.with(|caller| caller.begin(head, body.clone(), movable)) {
                Ok(call) => break call,
                Err(Refused::Full) => room.await,
                Err(Refused::Closed) => return Err(Failure::unsent("the connection is gone")),
                Err(Refused::TooLong) => {
                    return Err(Failure::answered(Status::internal("a request too long for a frame")));
                }
            }
        };
        begun();
        match (Waiting { lane: self, call, over: false }.await, self.is_stalled()) {
            (Reply::Unsent, _) => Err(Failure::unsent("the connection was lost before the request was sent")),
            (Reply::Lost, false) => Err(Failure::lost("the connection was lost before the answer came")),
            (Reply::Lost, true) => Err(Failure::lost("the node fell silent before the answer came")),
            (reply, _) => Ok(reply),
        }
    }

    /// Looks after a lane now and then: asks a silent peer whether it is there, gives it up for calls that may be made
    /// elsewhere, and closes a lane that nobody has used for a while. Returns whether calls wait.
    pub(in crate::rpc) fn look_after(&self, connections: &Connections, now: Instant) -> bool {
        let mut caller = self.shared.lock();
        let mut silence = self.silence.lock();
        let (heard, waiting) = (caller.heard(), caller.waiting() > 0);
        if heard != silence.heard || (waiting && !silence.waited) {
            if silence.stalled && heard != silence.heard {
                connections.set_silent(&self.connection, false);
            }
            *silence = Silence { heard, since: now, waited: waiting, pinged: false, stalled: false };
        }
        silence.waited = waiting;
        let quiet = now.saturating_duration_since(silence.since);
        let mut wakers = Vec::new();
        if !waiting && !silence.stalled {
            if quiet >= IDLE {
                wakers = caller.close();
            }
        } else if quiet >= STALLED_AFTER + 4 * self.connection.rtt().unwrap_or_default() {
            if !silence.stalled {
                tracing::debug!(peer = %self.connection.peer, "a node has fallen silent while calls wait");
                connections.set_silent(&self.connection, true);
            }
            silence.stalled = true;
            wakers = caller.give_up_movable();
        } else if quiet >= PING_AFTER && !silence.pinged {
            silence.pinged = true;
            caller.ping();
        }
        let busy = waiting || silence.stalled;
        drop((caller, silence));
        self.shared.said();
        wakers.into_iter().for_each(std::task::Waker::wake);
        busy
    }
}

impl Drop for Lane {
    /// Whoever calls holds the lane: without it there are no calls.
    fn drop(&mut self) {
        end(&self.shared, &self.room);
    }
}

/// A lane has ended, whatever the reason: everyone is told.
fn end(shared: &Shared<Caller>, room: &Notify) {
    let wakers = shared.with(Caller::close);
    wakers.into_iter().for_each(std::task::Waker::wake);
    room.notify_waiters();
}

/// A call under way.
struct Waiting<'a> {
    lane: &'a Lane,
    call: u64,
    over: bool,
}

impl Future for Waiting<'_> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let polled = self.lane.shared.lock().poll(self.call, context.waker());
        if polled.is_ready() {
            self.over = true;
            self.lane.room.notify_waiters();
        }
        polled
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.lane.shared.with(|caller| caller.abandon(self.call));
            self.lane.room.notify_waiters();
        }
    }
}

async fn read_replies(mut reader: Reader, shared: &Shared<Caller>) -> Result<(), ReadError> {
    let mut wakers = Vec::new();
    while reader.fill().await? {
        let mut result = Ok(());
        {
            let mut caller = shared.lock();
            loop {
                match reader.buffered() {
                    Ok(Some(Decoded::Frame(frame))) => wakers.extend(caller.receive(frame)),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
        }
        if wakers.len() > 1 {
            shared.expect();
        }
        wakers.drain(..).for_each(std::task::Waker::wake);
        result?;
    }
    Ok(())
}
