//! Tests of connecting: who answers, who does not, and what is left when a node goes; and of what the DHT knows.

mod connect;
mod dht;
mod strangers;
