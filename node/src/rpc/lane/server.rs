//! The answering end of a lane.

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use atoll_protocol::{
    limits,
    rpc::{
        Outbox, RequestHead, ResponseHead, Status,
        frame::FrameKind,
        lane::{Request, Server},
    },
};
use bytes::Bytes;
use futures::AsyncReadExt;
use tokio::{sync::Notify, time::Instant};

use super::super::{
    Body, Rpc,
    context::Stop,
    dispatch::Run,
    wire::{ReadError, Reader, Shared, Speaks, note_broken},
};
use crate::{net::streams::Substream, standing::Caller};

impl Speaks for Server<Stop> {
    fn outbox(&mut self) -> &mut Outbox {
        self.outbox()
    }

    fn is_silent(&self) -> bool {
        false
    }

    fn may_say_more(&self) -> bool {
        self.running() > 0
    }
}

/// What every call on a lane shares.
struct Answering {
    rpc: Arc<Rpc>,
    caller: Caller,
    shared: Shared<Server<Stop>>,
    /// Tells those who wait because too much is to be written.
    room: Notify,
}

/// Answers the calls on a lane until its peer closes it, it breaks, or the peer breaks the protocol. Whatever is still
/// running then has nobody who waits for it, and is dropped: a caller closes its lane only when it waits for nothing, and
/// over TCP a connection that died looks just like that.
pub(in crate::rpc) async fn serve(rpc: Arc<Rpc>, caller: Caller, stream: Substream) {
    let (read, mut write) = stream.split();
    let peer = caller.peer();
    let answering = Arc::new(Answering { rpc, caller, shared: Shared::new(Server::default()), room: Notify::new() });
    let writing = Arc::clone(&answering);
    let mut writer = tokio::spawn(async move {
        let _ = writing.shared.write(&mut write, || writing.room.notify_waiters()).await;
        writing.room.notify_waiters();
    });
    let result = tokio::select! {
        result = read_requests(Reader::new(read, limits::RPC_INLINE_BODY), &answering) => result,
        _ = &mut writer => Ok(()),
    };
    writer.abort();
    note_broken(&answering.rpc.net, &peer, result);
    let running = answering.shared.lock().close();
    running.into_iter().for_each(Stop::stop);
}

async fn read_requests(mut reader: Reader, answering: &Arc<Answering>) -> Result<(), ReadError> {
    while reader.fill().await? {
        let mut asked = Vec::new();
        let result = {
            let mut server = answering.shared.lock();
            loop {
                match reader.buffered() {
                    Ok(Some(decoded)) => asked.extend(server.receive(decoded)),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        };
        answering.take_up(asked);
        result?;
        // A peer that asks and never reads is not read either.
        answering.has_room().await;
    }
    Ok(())
}

impl Answering {
    /// Starts and stops handlers.
    fn take_up(self: &Arc<Self>, asked: Vec<Request<Stop>>) {
        let mut started = Vec::new();
        let mut now = Instant::now();
        for request in asked {
            match request {
                Request::Start { call, head, body } => match self.start(call, &head, body, &mut now) {
                    Ok(Some(stop)) => started.push((call, stop)),
                    Ok(None) => {}
                    Err(status) => {
                        let (head, body) = encode(Err(status));
                        self.shared.lock().answer(FrameKind::Response, call, &head, body);
                    }
                },
                Request::Stop(stop) => stop.stop(),
            }
        }
        let mut server = self.shared.lock();
        // Those are over already, or their caller gave up in the same breath as it asked.
        let left: Vec<_> = started.into_iter().filter_map(|(call, stop)| server.attach(call, stop)).collect();
        drop(server);
        left.into_iter().filter(|stop| !stop.is_over()).for_each(Stop::stop);
        self.shared.said();
    }

    /// Runs a handler: right here, if its method has proved to be quick, and for as long as it does not wait. A task of its own
    /// costs more than most handlers do, and its answer would miss the write that the others share. Gives what stops it, if it
    /// goes on in a task of its own.
    fn start(self: &Arc<Self>, call: u64, head: &[u8], body: Bytes, now: &mut Instant) -> Result<Option<Stop>, Status> {
        let head = read_head(head)?;
        let body = Body { content: head.content, bytes: body };
        let Run { context, pace, outcome } = self.rpc.prepare(&self.caller, &head, body, *now)?;
        let answering = Arc::clone(self);
        let mut work = Box::pin(async move { answering.answer(call, outcome.await).await });
        if !pace.is_quick() {
            let task = tokio::spawn(pace.measured(work));
            return Ok(Some(Stop::new(task.abort_handle(), context)));
        }
        let over = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let begun = std::mem::replace(now, Instant::now());
        pace.took(*now - begun);
        // Polled again there, it learns whom to wake.
        Ok((!over).then(|| Stop::new(tokio::spawn(work).abort_handle(), context)))
    }

    async fn answer(&self, call: u64, result: Result<Body, Status>) {
        let (mut head, mut body) = encode(result);
        let mut kind = FrameKind::Response;
        if body.len() > limits::RPC_INLINE_BODY {
            match self.rpc.parked.park(self.caller.peer(), head.into(), body) {
                Ok(ticket) => {
                    (kind, head, body) = (FrameKind::Parked, Vec::new(), Bytes::copy_from_slice(&ticket.to_le_bytes()));
                }
                Err(status) => (head, body) = encode(Err(status)),
            }
        }
        self.has_room().await;
        self.shared.with(|server| server.answer(kind, call, &head, body));
    }

    /// Waits until there is room for more to be written. Whoever waits holds its place among the calls of the lane, which
    /// bounds how many can.
    async fn has_room(&self) {
        loop {
            let room = self.room.notified();
            if !self.shared.lock().outbox().is_full() {
                return;
            }
            room.await;
        }
    }
}

/// The head of a request, or what is wrong with it.
pub(in crate::rpc) fn read_head(head: &[u8]) -> Result<RequestHead<'_>, Status> {
    RequestHead::decode(head).map_err(|e| Status::invalid_argument(format!("the request's head cannot be read: {e}")))
}

/// An outcome as head and body. One that is too large to be sent becomes `resource_exhausted`.
pub(in crate::rpc) fn encode(result: Result<Body, Status>) -> (Vec<u8>, Bytes) {
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
    (head.encode().unwrap_or_default(), body)
}
