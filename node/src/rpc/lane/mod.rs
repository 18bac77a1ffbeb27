//! A lane: one long-lived substream that carries many calls at once.
//!
//! The side that opened it calls, the other answers. Each side has one task that reads and one that writes.

mod caller;
mod server;

pub(super) use caller::{Answer, Failure, Lane};
pub(super) use server::{encode, serve};

/// Frames that may wait for a lane's writer; beyond it callers wait, which is the backpressure they should feel.
const QUEUE: usize = 1024;
/// How long a lane without calls stays open.
const IDLE: std::time::Duration = std::time::Duration::from_secs(60);
