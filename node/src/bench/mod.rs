//! Measuring calls and streams between two nodes, through the same API that every program uses; and what [`dht`] finds.
//!
//! The serving node offers [`SERVICE`] if it was started to ([`Builder::bench`](crate::Builder::bench)); any other node can
//! then put it under load.

pub mod dht;
mod echo;
mod flow;
mod service;

pub use echo::{EchoLoad, EchoReport, InstanceReport};
pub use flow::{FlowLoad, FlowReport};
pub(crate) use service::register;

/// The name of the service that is measured.
pub const SERVICE: &str = "bench";
