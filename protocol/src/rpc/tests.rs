//! Frames, heads and status codes; and what the tests of the machines share.

mod frames;
mod heads;
mod statuses;
pub(in crate::rpc) mod wire;
