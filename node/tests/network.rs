//! Nodes in one process, over real sockets on loopback, as whoever embeds the library uses them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "network/calls.rs"]
mod calls;
#[path = "network/discovery.rs"]
mod discovery;
#[path = "network/restart.rs"]
mod restart;
