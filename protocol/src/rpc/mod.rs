//! Calls: frames on a lane or a substream of their own, the heads they carry, and status codes.
//!
//! Lanes are substreams of `/atoll/<network>/rpc/1` that live as long as the connection and carry many calls at once.
//! A body above [`RPC_INLINE_BODY`](crate::limits::RPC_INLINE_BODY) travels on a substream of
//! `/atoll/<network>/bulk/1`, with the same frames, so that it blocks no other call.

pub mod frame;
pub mod head;
pub mod status;

#[cfg(test)]
mod tests;

pub use frame::{Frame, FrameError, FrameKind};
pub use head::{ContentType, Metadata, RequestHead, ResponseHead};
pub use status::{Code, Status};
