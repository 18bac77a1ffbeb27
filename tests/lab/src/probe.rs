//! Plain UDP and TCP probes: remote-controlled sockets in the hosts' namespaces.
//!
//! An *agent* (`lab probe`) runs in a host and does what it is told, one JSON request a line; the handle [`Probe`] tells
//! it. All judgement is with whoever holds the handles: an agent only opens sockets, sends, receives and reports. The
//! one thing with a will of its own is the hole punch ([`agent`]), because both sides must do it at the same time.

pub mod agent;
mod client;
mod request;

pub use self::{
    client::{Probe, Reflector},
    request::{Datagram, Reply, Request, Seen},
};
