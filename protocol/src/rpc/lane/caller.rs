//! The calling end.

use std::{
    mem,
    task::{Poll, Waker},
};

use bytes::{Buf, Bytes};

use super::super::{
    Outbox,
    frame::{Frame, FrameKind},
};
use crate::limits;

/// How a call on a lane ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// With an answer.
    Answer {
        /// The encoded [`ResponseHead`](super::super::ResponseHead).
        head: Bytes,
        /// The answer's body.
        body: Bytes,
    },
    /// With an answer that is too large for the lane and waits under this ticket.
    Parked {
        /// The number to fetch it with.
        ticket: u64,
    },
    /// The lane is gone, and the request with it: it has certainly not been sent.
    Unsent,
    /// The lane is gone, or the peer no longer says anything. The request may have been carried out.
    Lost,
}

/// Why a call cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The lane has as many calls, or as many bytes to write, as it takes. Try again when some are gone.
    Full,
    /// The lane is gone.
    Closed,
    /// Head or body are too long for a frame.
    TooLong,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Option<Waker>),
    Done(Reply),
}

#[derive(Debug)]
struct Slot {
    /// Counts the calls that this slot has held, so that a late answer to one is not taken for an answer to the next.
    generation: u32,
    /// Where in the lane's bytes the request begins.
    start: u64,
    /// Whether the call may be made again elsewhere.
    movable: bool,
    state: State,
}

/// The calling end of a lane. See the [module docs](super).
#[derive(Debug, Default)]
pub struct Caller {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Calls that wait for their reply.
    waiting: usize,
    outbox: Outbox,
    closed: bool,
    /// Frames received.
    heard: u64,
    /// Answers to nothing that was asked, or asked no more.
    strays: u64,
}

impl Caller {
    /// Begins a call: its number, to poll with. `movable` says that the call may be made again elsewhere if the peer falls
    /// silent.
    ///
    /// # Errors
    /// [`Refused`]; nothing has been sent.
    pub fn begin(&mut self, head: &[u8], body: Bytes, movable: bool) -> Result<u64, Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        if self.outbox.is_full() || self.slots.len() - self.free.len() >= limits::LANE_CALLS {
            return Err(Refused::Full);
        }
        let start = self.outbox.pushed();
        let index = self.free.last().copied().unwrap_or(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        // From 1 on: zero is the number of no call.
        let generation = self.slots.get(index as usize).map_or(1, |slot| slot.generation);
        let call = number(generation, index);
        if body.len() > limits::RPC_INLINE_BODY || !self.outbox.push(FrameKind::Request, call, head, body) {
            return Err(Refused::TooLong);
        }
        let slot = Slot { generation, start, movable, state: State::Waiting(None) };
        match self.slots.get_mut(index as usize) {
            Some(free) => {
                *free = slot;
                self.free.pop();
            }
            None => self.slots.push(slot),
        }
        self.waiting += 1;
        Ok(call)
    }

    /// The call's reply, once. Of a call that is not under way nothing will ever come: [`Reply::Lost`].
    pub fn poll(&mut self, call: u64, waker: &Waker) -> Poll<Reply> {
        let Some(slot) = self.slot(call) else { return Poll::Ready(Reply::Lost) };
        match &mut slot.state {
            State::Waiting(waiting) => {
                match waiting {
                    Some(old) => old.clone_from(waker),
                    None => *waiting = Some(waker.clone()),
                }
                Poll::Pending
            }
            State::Free | State::Done(_) => match self.release(call) {
                Some(State::Done(reply)) => Poll::Ready(reply),
                _ => Poll::Ready(Reply::Lost),
            },
        }
    }

    /// Nobody waits for the call any more: the other side is told, if it is not over.
    pub fn abandon(&mut self, call: u64) {
        if let Some(State::Waiting(_)) = self.release(call) {
            self.waiting -= 1;
            if !self.closed {
                self.outbox.push_bare(FrameKind::Cancel, call);
            }
        }
    }

    /// Takes in a frame; gives the task to wake.
    pub fn receive(&mut self, frame: Frame) -> Option<Waker> {
        self.heard += 1;
        let Frame { kind, call, head, mut body } = frame;
        let reply = match kind {
            FrameKind::Response => Reply::Answer { head, body },
            FrameKind::Parked if body.len() == 8 => Reply::Parked { ticket: body.get_u64_le() },
            FrameKind::Pong => return None,
            _ => {
                self.strays += 1;
                return None;
            }
        };
        self.finish(call, reply)
    }

    fn finish(&mut self, call: u64, reply: Reply) -> Option<Waker> {
        match self.slot(call).map(|slot| &mut slot.state) {
            Some(state @ State::Waiting(_)) => {
                let State::Waiting(waker) = mem::replace(state, State::Done(reply)) else { return None };
                self.waiting -= 1;
                waker
            }
            _ => {
                self.strays += 1;
                None
            }
        }
    }

    /// Asks the other side whether it is there.
    pub fn ping(&mut self) {
        if !self.closed {
            self.outbox.push_bare(FrameKind::Ping, 0);
        }
    }

    /// The other side says nothing: calls that may be made elsewhere end here with [`Reply::Lost`], and are cancelled
    /// in case it comes back. Gives the tasks to wake.
    pub fn give_up_movable(&mut self) -> Vec<Waker> {
        let calls: Vec<u64> = self.calls(|slot| slot.movable);
        for call in &calls {
            self.outbox.push_bare(FrameKind::Cancel, *call);
        }
        calls.into_iter().filter_map(|call| self.finish(call, Reply::Lost)).collect()
    }

    /// The lane is gone, or is to take no more calls. What has not been taken from the outbox never is: a call that ends with
    /// [`Reply::Unsent`] may be made again elsewhere. Gives the tasks to wake.
    pub fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        self.outbox.discard();
        let taken = self.outbox.taken();
        let unsent = self.calls(|slot| slot.start >= taken);
        let lost = self.calls(|slot| slot.start < taken);
        let unsent = unsent.into_iter().map(|call| (call, Reply::Unsent));
        unsent.chain(lost.into_iter().map(|call| (call, Reply::Lost))).filter_map(|(c, r)| self.finish(c, r)).collect()
    }

    fn calls(&self, which: impl Fn(&Slot) -> bool) -> Vec<u64> {
        let waiting = (0_u32..).zip(&self.slots).filter(|(_, slot)| matches!(slot.state, State::Waiting(_)));
        waiting.filter(|(_, slot)| which(slot)).map(|(index, slot)| number(slot.generation, index)).collect()
    }

    fn slot(&mut self, call: u64) -> Option<&mut Slot> {
        let (generation, index) = parts(call);
        self.slots.get_mut(index).filter(|slot| slot.generation == generation)
    }

    /// Frees the call's slot.
    fn release(&mut self, call: u64) -> Option<State> {
        let slot = self.slot(call).filter(|slot| !matches!(slot.state, State::Free))?;
        slot.generation = slot.generation.wrapping_add(1);
        let state = mem::replace(&mut slot.state, State::Free);
        self.free.push(u32::try_from(parts(call).1).unwrap_or(u32::MAX));
        Some(state)
    }

    /// What is to be written.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Whether the lane takes no more calls.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Calls that wait for their reply.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Frames received so far.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Answers so far that nobody waited for: late ones, doubled ones, and what a caller is never to be sent.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.strays
    }
}

fn number(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

fn parts(call: u64) -> (u32, usize) {
    ((call >> 32) as u32, (call & u64::from(u32::MAX)) as usize)
}
