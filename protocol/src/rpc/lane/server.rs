//! The answering end.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::super::{
    Outbox, ResponseHead, Status,
    frame::{Decoded, Frame, FrameKind},
};
use crate::limits;

/// What a frame asks of the program.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<H> {
    /// Run a handler; attach what stops it, and answer.
    Start {
        /// The call.
        call: u64,
        /// The encoded [`RequestHead`](super::super::RequestHead).
        head: Bytes,
        /// The request's body.
        body: Bytes,
    },
    /// The caller no longer waits: stop this one.
    Stop(H),
}

/// The answering end of a lane. `H` is what stops a running handler. See the [module docs](super).
#[derive(Debug)]
pub struct Server<H> {
    /// Calls under way; without a handle until one is attached.
    running: HashMap<u64, Option<H>>,
    /// Calls given up before there was a handle, whose handlers are still to be stopped.
    unwanted: HashSet<u64>,
    outbox: Outbox,
}

impl<H> Default for Server<H> {
    fn default() -> Self {
        Self { running: HashMap::new(), unwanted: HashSet::new(), outbox: Outbox::default() }
    }
}

impl<H> Server<H> {
    /// Takes in what was decoded. What the program need not decide is answered here.
    pub fn receive(&mut self, decoded: Decoded) -> Option<Request<H>> {
        let Frame { kind, call, head, body } = match decoded {
            Decoded::Frame(frame) => frame,
            Decoded::Unknown { kind, call } => {
                self.refuse(call, &Status::unimplemented(format!("frame kind {kind} is not known here")));
                return None;
            }
            Decoded::Incomplete { .. } => return None,
        };
        match kind {
            FrameKind::Request => self.admit(call, head, body),
            FrameKind::Cancel => self.cancel(call).map(Request::Stop),
            FrameKind::Ping => {
                self.outbox.push_bare(FrameKind::Pong, call);
                None
            }
            _ => {
                self.refuse(call, &Status::unimplemented(format!("{kind:?} has no meaning on a lane")));
                None
            }
        }
    }

    fn admit(&mut self, call: u64, head: Bytes, body: Bytes) -> Option<Request<H>> {
        let limit = limits::LANE_CALLS;
        // Each on its own: a caller that keeps to the limit is not refused for what it has given up.
        if self.running.len() >= limit || self.unwanted.len() >= limit {
            let status = format!("more than {limit} calls are under way on this lane; wait for some to end");
            self.refuse(call, &Status::resource_exhausted(status));
            return None;
        }
        // The call that has the number keeps it, or it could no longer be cancelled.
        if self.running.contains_key(&call) || self.unwanted.contains(&call) {
            self.refuse(call, &Status::invalid_argument(format!("call id {call} is in use already")));
            return None;
        }
        self.running.insert(call, None);
        Some(Request::Start { call, head, body })
    }

    fn cancel(&mut self, call: u64) -> Option<H> {
        let handle = self.running.remove(&call)?;
        if handle.is_none() {
            self.unwanted.insert(call);
        }
        handle
    }

    /// What stops the call's handler. Given back, to be used at once, if the call has been cancelled; dropped if it has been
    /// answered.
    pub fn attach(&mut self, call: u64, handle: H) -> Option<H> {
        if self.unwanted.remove(&call) {
            return Some(handle);
        }
        if let Some(place) = self.running.get_mut(&call) {
            *place = Some(handle);
        }
        None
    }

    /// Ends a call with its answer ([`FrameKind::Response`] or [`FrameKind::Parked`]). Returns `false` if nobody waits for it
    /// any more, and nothing is sent. An answer too long for a lane becomes `resource_exhausted`.
    pub fn answer(&mut self, kind: FrameKind, call: u64, head: &[u8], body: Bytes) -> bool {
        if self.unwanted.remove(&call) || self.running.remove(&call).is_none() {
            return false;
        }
        let (len, limit) = (body.len(), limits::RPC_INLINE_BODY);
        if len > limit || !self.outbox.push(kind, call, head, body) {
            let status = format!("the answer has {len} bytes, a lane carries at most {limit}");
            self.refuse(call, &Status::resource_exhausted(status).retryable(false));
        }
        true
    }

    fn refuse(&mut self, call: u64, status: &Status) {
        // A status head is small: it can be encoded, and fits.
        let head = ResponseHead::failed(status).encode().unwrap_or_default();
        let _ = self.outbox.push(FrameKind::Response, call, &head, Bytes::new());
    }

    /// The lane is gone: everything that still runs, to be stopped.
    pub fn close(&mut self) -> Vec<H> {
        let calls: Vec<u64> = self.running.keys().copied().collect();
        calls.into_iter().filter_map(|call| self.cancel(call)).collect()
    }

    /// What is to be written.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Calls under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }
}
