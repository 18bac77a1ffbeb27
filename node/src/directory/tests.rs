//! Tests of what a node believes: of its neighbours, of gossip, of the DHT.

mod exchange;
mod forging;
mod gossip;
mod learning;
mod schemas;
mod sync;
