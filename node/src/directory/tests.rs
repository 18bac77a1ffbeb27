//! Tests of what a node believes: of its neighbours, of gossip, of the DHT.

mod adjacency;
mod conduct;
mod exchange;
mod flooding;
mod forging;
mod gossip;
mod learning;
mod restoring;
mod schemas;
mod sync;
