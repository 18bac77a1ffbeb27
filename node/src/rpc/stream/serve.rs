//! Serving streams.

use std::{sync::Arc, time::Duration};

use atoll_protocol::rpc::{RequestHead, Status, stream::Stream};
use futures::io::WriteHalf;
use tokio::time::Instant;

use super::{MESSAGE, Pipe, RawReceiver, RawSender, carry::failure, hand_over};
use crate::{
    net::streams::Substream,
    rpc::{
        Body, Rpc,
        context::Stop,
        dispatch::Run,
        lane,
        wire::{Reader, note_broken},
    },
    standing::Caller,
};

/// How long the outcome of a stream may take to be written once nothing more comes in, and to be heard once it is written.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the stream that a peer has opened with `head`, until it is over.
pub(in crate::rpc) async fn serve(
    rpc: &Arc<Rpc>,
    caller: &Caller,
    head: &[u8],
    mut reader: Reader,
    write: WriteHalf<Substream>,
) {
    reader.allow(MESSAGE);
    let pipe = Pipe::new(Stream::accept(), rpc.memories.of(caller.peer()));
    let stop = match lane::read_head(head) {
        Ok(head) => rpc.start_stream(caller, &head, &pipe),
        Err(status) => {
            conclude(&pipe, Err(status));
            None
        }
    };
    let writing = pipe.write(write);
    let reading = pipe.read(reader, || ());
    tokio::pin!(writing, reading);
    tokio::select! {
        written = &mut writing => match written {
            // All has been said. The caller closes its side when it has heard it; dropping this one before would look like a
            // stream that broke.
            Ok(()) => drop(tokio::time::timeout(PATIENCE, reading).await),
            // The caller does not listen any more.
            Err(_) => {
                pipe.lost();
                give_up(&pipe, stop);
            }
        },
        read = &mut reading => {
            note_broken(&rpc.net, &caller.peer(), read);
            give_up(&pipe, stop);
            let _ = tokio::time::timeout(PATIENCE, writing).await;
        }
    }
}

/// Nobody waits for what the handler does. Whoever broke the protocol is told so, as far as it listens.
fn give_up(pipe: &Pipe, stop: Option<Stop>) {
    if let Some(stop) = stop {
        stop.stop();
    }
    let status = pipe.with(|stream, _| stream.ending().map(failure));
    conclude(pipe, Err(status.unwrap_or_else(|| Status::cancelled("the stream is over"))));
}

/// The outcome as the last frame. An answer that is too long for a frame becomes `resource_exhausted`.
fn conclude(pipe: &Pipe, result: Result<Body, Status>) {
    let (mut head, mut body) = lane::encode(result);
    if body.len() > MESSAGE {
        let text = format!("the answer has {} bytes, at most {MESSAGE} end a stream; send it as messages", body.len());
        (head, body) = lane::encode(Err(Status::resource_exhausted(text).retryable(false)));
    }
    pipe.conclude(&head, body);
}

impl Rpc {
    /// Starts the handler of a stream; gives what stops it.
    fn start_stream(self: &Arc<Self>, caller: &Caller, head: &RequestHead<'_>, pipe: &Arc<Pipe>) -> Option<Stop> {
        let receiver = RawReceiver::of_handler(Arc::clone(pipe));
        let sender = RawSender::new(Arc::clone(pipe), false, None);
        match self.prepare_stream(caller, head, receiver, sender, Instant::now()) {
            Ok(Run { context, outcome, .. }) => {
                let pipe = Arc::clone(pipe);
                let given = context.clone();
                let task = tokio::spawn(async move {
                    let result = outcome.await;
                    // Before the caller hears of it: that it goes then means nothing. A handler may also end because the caller
                    // has gone.
                    match pipe.with(|stream, _| stream.is_broken()) {
                        true => given.cancel(),
                        false => given.finish(),
                    }
                    conclude(&pipe, result);
                });
                Some(Stop::new(task.abort_handle(), context))
            }
            Err(status) => {
                conclude(pipe, Err(status));
                None
            }
        }
    }

    /// Connects a caller's stream to this node's own handler.
    pub(in crate::rpc) fn stream_in_process(self: &Arc<Self>, head: &RequestHead<'_>, caller: &Arc<Pipe>) {
        let pipe = Pipe::new(Stream::accept(), self.memories.of(self.net.me));
        let stop = self.start_stream(&self.trust.itself(&self.net.me), head, &pipe);
        let (there, back) = ((Arc::clone(caller), Arc::clone(&pipe)), (pipe, Arc::clone(caller)));
        tokio::spawn(async move {
            hand_over(&there.0, &there.1).await;
            if let Some(stop) = stop {
                stop.stop();
            }
        });
        tokio::spawn(async move { hand_over(&back.0, &back.1).await });
    }
}
