//! A lane: one long-lived substream that carries many calls at once.
//!
//! The side that opened it calls, the other answers. Both ends are machines without I/O: frames that were read and what
//! the program wants go in, bytes to be written and tasks to be woken come out.
//!
//! ```text
//!   begin ──┐    ┌────────┐  Request, Cancel, Ping   ┌────────┐  ┌─► Start: run the handler
//!    poll ──┼──► │ Caller │ ───────────────────────► │ Server │ ─┼─► Cancelled: stop it
//! abandon ──┘    │        │ ◄─────────────────────── │        │  └── answer
//!                └────────┘ Response, Parked, Pong   └────────┘
//! ```
//!
//! Whatever the other side sends, no machine panics, and what it holds stays within
//! [`LANE_CALLS`](crate::limits::LANE_CALLS) calls. A server may have as many more that are cancelled, until their handlers
//! are attached, and so stopped.

mod caller;
mod server;
#[cfg(test)]
mod tests;

pub use caller::{Caller, Refused, Reply};
pub use server::{Request, Server};
