//! What lies between two machines: bytes under way, which arrive in pieces and late; and tasks that count how often they are
//! woken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
};

use bytes::BytesMut;

use crate::rpc::{
    Frame, Outbox,
    frame::{Decoded, decode},
};

/// One direction of a substream.
#[derive(Debug)]
pub(in crate::rpc) struct Wire {
    under_way: BytesMut,
    /// What has arrived, up to the last whole frame.
    arrived: BytesMut,
    max_body: usize,
}

impl Wire {
    pub(in crate::rpc) fn new(max_body: usize) -> Self {
        Self { under_way: BytesMut::new(), arrived: BytesMut::new(), max_body }
    }

    /// Takes up to `pieces` from what waits to be written. Returns whether there were any.
    pub(in crate::rpc) fn write(&mut self, outbox: &mut Outbox, pieces: usize) -> bool {
        (0..pieces).map_while(|_| outbox.take()).map(|bytes| self.under_way.extend_from_slice(&bytes)).count() > 0
    }

    /// Lets up to `bytes` arrive, and gives what can be read then.
    pub(in crate::rpc) fn deliver(&mut self, bytes: usize) -> Vec<Decoded> {
        let piece = self.under_way.split_to(bytes.min(self.under_way.len()));
        self.arrived.extend_from_slice(&piece);
        let mut read = Vec::new();
        loop {
            match decode(&mut self.arrived, self.max_body).unwrap() {
                Decoded::Incomplete { .. } => return read,
                decoded => read.push(decoded),
            }
        }
    }

    /// The same, of a side that sends nothing unknown.
    pub(in crate::rpc) fn frames(&mut self, bytes: usize) -> Vec<Frame> {
        let known = |decoded| match decoded {
            Decoded::Frame(frame) => frame,
            other => panic!("{other:?}"),
        };
        self.deliver(bytes).into_iter().map(known).collect()
    }

    /// Whether anything has still to arrive.
    pub(in crate::rpc) fn is_busy(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Whether all that was written has been read.
    pub(in crate::rpc) fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.arrived.is_empty()
    }
}

/// Everything that `outbox` holds, as frames.
pub(in crate::rpc) fn said(outbox: &mut Outbox) -> Vec<Frame> {
    let mut wire = Wire::new(crate::limits::RPC_BODY);
    wire.write(outbox, usize::MAX);
    let frames = wire.frames(usize::MAX);
    assert!(wire.is_empty());
    frames
}

/// A task that counts how often it is woken.
#[derive(Debug, Default, Clone)]
pub(in crate::rpc) struct Task(Arc<Count>);

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Task {
    pub(in crate::rpc) fn waker(&self) -> Waker {
        Arc::clone(&self.0).into()
    }

    pub(in crate::rpc) fn woken(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }
}
