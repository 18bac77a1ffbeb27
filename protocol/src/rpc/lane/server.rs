//! The answering end.

use std::collections::{HashMap, hash_map::Entry};

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
    outbox: Outbox,
}

impl<H> Default for Server<H> {
    fn default() -> Self {
        Self { running: HashMap::new(), outbox: Outbox::default() }
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
            FrameKind::Cancel => self.running.remove(&call).flatten().map(Request::Stop),
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
        if self.running.len() >= limit {
            let status = format!("more than {limit} calls are under way on this lane; wait for some to end");
            self.refuse(call, &Status::resource_exhausted(status));
            return None;
        }
        match self.running.entry(call) {
            Entry::Vacant(free) => {
                free.insert(None);
                Some(Request::Start { call, head, body })
            }
            // The call that has the number keeps it, or it could no longer be cancelled.
            Entry::Occupied(_) => {
                self.refuse(call, &Status::invalid_argument(format!("call id {call} is in use already")));
                None
            }
        }
    }

    /// What stops the call's handler. Given back if the call is over.
    pub fn attach(&mut self, call: u64, handle: H) -> Option<H> {
        match self.running.get_mut(&call) {
            Some(place) => {
                *place = Some(handle);
                None
            }
            None => Some(handle),
        }
    }

    /// Ends a call with its answer ([`FrameKind::Response`] or [`FrameKind::Parked`]). Returns `false` if it was not under
    /// way any more, and nothing is sent.
    pub fn answer(&mut self, kind: FrameKind, call: u64, head: &[u8], body: Bytes) -> bool {
        self.running.remove(&call).is_some() && self.outbox.push(kind, call, head, body)
    }

    fn refuse(&mut self, call: u64, status: &Status) {
        // A status head is small: it can be encoded, and fits.
        let head = ResponseHead::failed(status).encode().unwrap_or_default();
        let _ = self.outbox.push(FrameKind::Response, call, &head, Bytes::new());
    }

    /// The lane is gone: everything that still runs, to be stopped.
    pub fn close(&mut self) -> Vec<H> {
        self.running.drain().filter_map(|(_, handle)| handle).collect()
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
