//! Lanes over real substreams: the machines of [`atoll_protocol::rpc::lane`] with a reader and a writer task each.
//!
//! ```text
//! caller ──lock, encode──► outbox ──► writer task ──► substream        one lock and one copy for each request,
//!    ▲                                                                 one write and one flush for all that wait
//!    └──── woken ◄── reply slots ◄── reader task ◄── substream         one lock for all answers that were read at once
//! ```

mod caller;
mod server;

pub(super) use caller::{Failure, Lane};
pub(super) use server::{encode, read_head, serve};
