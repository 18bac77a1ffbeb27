//! What a node knows of its network, and how it chooses.
//!
//! Policy only: these are state machines that are told what happened and what time it is, and say what follows. They
//! never read a clock, never draw a random number, never open a socket and never block; all but [`store`] never
//! touch a disk. A driver (the node, or a simulator) owns them and feeds them. Nothing in here panics on any input.
//!
//! | module | what it holds |
//! |---|---|
//! | [`services`] | the directory: who offers what, for how long, and what changed |
//! | [`exchange`] | how the directories of a network are kept equal: what to say, whom to ask, whom to believe |
//! | [`peers`] | where peers were last reached, of what kind that is, what is public, how many of one subnet are let in |
//! | [`rate`] | how often something may be done |
//! | [`reach`] | how peers behind NATs are reached: which path, by which relays, and what kind of NAT this is |
//! | [`routes`] | which way a call to a service would go |
//! | [`schemas`] | the JSON Schemas of services, by their hashes |
//! | [`select`] | which instance takes a call, which one is left alone, and how many calls are made twice |
//! | [`standing`] | how far peers are to be trusted: evidence, scores, tiers, and whom to call |
//! | [`store`] | what survives a restart |
//! | [`topics`] | who keeps topics for how long, who may say what, and how groups share the work |
//! | [`time`] | the time that drivers pass in |

pub mod exchange;
mod mix;
pub mod peers;
pub mod rate;
pub mod reach;
pub mod routes;
pub mod schemas;
pub mod select;
pub mod services;
pub mod standing;
pub mod store;
pub mod time;
pub mod topics;
