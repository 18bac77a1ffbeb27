//! How fast the directory is with 10 000 records in it: `cargo bench -p atoll-registry`.
//!
//! Figures depend on the machine; none of them fails anything. The targets in the docs of each group are for one core of an
//! ordinary server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use criterion::{criterion_group, criterion_main};

mod flood;
mod insert;
mod look_up;
mod network;
mod search;
mod summary;

criterion_group!(benches, look_up::benches, insert::benches, search::benches, summary::benches, flood::benches);
criterion_main!(benches);
