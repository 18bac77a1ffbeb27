//! Tests of connecting: who answers, who does not, and what is left when a node goes.

mod connect;
mod strangers;
