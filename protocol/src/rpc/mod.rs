//! Calls: frames on a lane or a substream of their own, the heads they carry, and status codes.
//!
//! Lanes are substreams of `/atoll/<network>/rpc/1` that live as long as the connection and carry many calls at once.
//! A body above [`RPC_INLINE_BODY`](crate::limits::RPC_INLINE_BODY) travels on a substream of
//! `/atoll/<network>/bulk/1`, with the same frames, so that it blocks no other call; so does every stream of messages.
//!
//! [`lane`] and [`stream`] are the two ends of each as state machines: frames and wishes go in, bytes to send and tasks
//! to wake come out. They do no I/O and know no time.

pub mod frame;
pub mod head;
pub mod lane;
pub mod outbox;
pub mod status;
pub mod stream;

#[cfg(test)]
mod tests;

pub use frame::{Frame, FrameError, FrameKind};
pub use head::{ContentType, Metadata, RequestHead, ResponseHead};
pub use outbox::Outbox;
pub use status::{Code, Status};
