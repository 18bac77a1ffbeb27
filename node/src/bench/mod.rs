//! Measuring calls and streams between two nodes, and publishing, through the same API that every program uses; and what
//! [`dht`] finds.
//!
//! The serving node offers [`SERVICE`] if it was started to ([`Builder::bench`](crate::Builder::bench)); any other node can
//! then put it under load.

pub mod dht;
mod echo;
mod flow;
mod publish;
mod service;

use std::time::Duration;

pub use echo::{EchoLoad, EchoReport, InstanceReport};
pub use flow::{FlowLoad, FlowReport};
pub use publish::{Amount, PublishLoad, PublishReport, Unmeasured, stored};
pub(crate) use service::register;

/// The name of the service that is measured.
pub const SERVICE: &str = "bench";

/// No latency is told apart beyond this.
const LONGEST_MICROS: u64 = 60_000_000;
/// What is done before measuring begins.
const WARM_UP: Duration = Duration::from_millis(500);
