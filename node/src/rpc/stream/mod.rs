//! Streams of messages: [`atoll_protocol::rpc::stream`] over a substream of its own, or within this node.
//!
//! ```text
//! program ──send──► outbox ──► writer task ──► substream     the writer stops when the other program does not take
//! program ◄──next── queue  ◄── reader task ◄── substream     what it is sent: credit is given for what was taken
//! ```

mod carry;
mod ends;
mod memory;
mod serve;
mod typed;

pub use ends::{RawReceiver, RawSender};
pub use typed::{Receiver, Sender};

pub(super) use carry::{Pipe, hand_over};
pub(super) use ends::{Counts, too_long};
pub(super) use memory::Memories;
pub(super) use serve::serve;

/// Largest body of any frame on a stream. The outcome's is no exception: a longer answer is sent as messages.
pub(super) const MESSAGE: usize = atoll_protocol::limits::STREAM_MESSAGE;

/// How long a stream may take to be opened.
pub(super) const OPENING_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
