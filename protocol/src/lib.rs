//! What Atoll nodes say to each other: names, signed records and frames.
//!
//! This crate is pure. It never reads a clock, never draws a random number, never touches a socket or a disk, and
//! knows nothing of tokio or libp2p; time, seeds and bytes are passed in. Everything that arrives from a stranger is
//! length-checked before it is parsed and parsed before it is believed, and nothing in here panics on any input.
//!
//! | module | what it holds |
//! |---|---|
//! | [`identity`] | [`NodeId`](identity::NodeId) and the key behind it |
//! | [`names`] | networks, services, versions, methods, topics: parsed once, at the edge |
//! | [`codec`] | the one place that knows the binary encoding |
//! | [`sealed`] | signed envelopes with a domain tag |
//! | [`schema`] | JSON Schema documents, named by their hash |
//! | [`service`] | what a node says of itself and of its services |
//! | [`directory`] | how nodes tell each other of services: announcements and synchronisation |
//! | [`adjacency`] | whom a node is connected to, and how that is asked for |
//! | [`rpc`] | frames, heads and status codes of a call |
//! | [`standing`] | what nodes have done for each other, as others can check it |
//! | [`ticket`] | what lets somebody in who would not be otherwise |
//! | [`topic`] | entries and their logs, and how logs are kept equal |
//! | [`tunnel`] | what is said on a stream before it carries somebody's bytes |
//! | [`limits`] | every bound on the wire, by name |

pub mod adjacency;
pub mod codec;
pub mod directory;
pub mod identity;
pub mod limits;
pub mod names;
pub mod rpc;
pub mod schema;
pub mod sealed;
pub mod service;
pub mod standing;
pub mod ticket;
pub mod topic;
pub mod tunnel;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod strategies;
