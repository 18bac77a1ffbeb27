//! Protocol machines in a seeded network without sockets, in virtual time: `make sim`.
pub mod engine;
pub mod overlay;
pub mod scenario;
