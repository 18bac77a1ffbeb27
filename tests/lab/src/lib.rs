//! A laboratory for networks behind NAT: homes, carriers and an internet in network namespaces of this machine, with
//! every kind of NAT that there is, each proved to be what it claims, and programs that try to reach each other through
//! them.
//!
//! The order of the modules is the order of the work: a [`sandbox`] to be in, [`topology`] to build in it, [`rules`]
//! that make a router a [`nat`] of a kind, a [`delay`] line for distance, [`probe`]s that [`prove`] the kind, and a
//! [`matrix`] of pairs in which a [`subject`] tries to connect. [`times`] tells how long nodes take when something happens; and
//! [`chaos`] whether topics lose anything while everything happens at once.
//!
//! The lab never touches the machine's own networks, never uses an address that belongs to somebody, and knows nothing
//! of Atoll's code: it drives programs.

pub mod chaos;
pub mod conntrack;
pub mod delay;
pub mod matrix;
pub mod nat;
pub mod probe;
pub mod prove;
pub mod rules;
pub mod sandbox;
pub mod subject;
pub mod testing;
pub mod times;
pub mod topology;
