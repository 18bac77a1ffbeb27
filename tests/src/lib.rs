//! What the whole-network tests have in common: real processes, driven only by what they print, by the command line and
//! by the control socket, on loopback, on ports that the system picks, without multicast DNS.
//!
//! | module | what it holds |
//! |---|---|
//! | [`programs`] | where the built programs are |
//! | [`process`] | one running program: its lines, its complaints, its end |
//! | [`node`] | one running node or bootstrap |
//! | [`command`] | one command and its answer |
//! | [`control`] | questions to a node's control socket, without the cost of a process |
//! | [`embedded`] | nodes inside the test itself |
//! | [`http`] | requests to a node's gateway |
//! | [`browser`] | a real browser at its pages |
//! | [`network`] | a bootstrap and nodes that have joined it |
//! | [`wait`] | waiting for a condition, never for a time |
//!
//! Nothing in here panics and nothing waits without a bound. A process ends with the value that holds it, and with the
//! test program, however that ends.

pub mod browser;
pub mod command;
pub mod control;
pub mod embedded;
pub mod http;
pub mod network;
pub mod node;
pub mod process;
pub mod programs;
pub mod wait;

pub use self::{
    command::Answer,
    network::Network,
    node::{NodeOptions, NodeProcess},
    process::Process,
    programs::Program,
    wait::{PATIENCE, until},
};
