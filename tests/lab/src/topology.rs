//! Networks, hosts and homes, as one lab.
//!
//! ```text
//!                     internet: a bridge and a router in the lab's outer namespace
//!          203.0.113.1/24 ───────────────┬──────────────── 198.51.100.1/24
//!      ┌───────────┬─────────────────────┼──────────────────────┐
//!    relay     observer               router                 carrier           a namespace each
//!                                 192.168.1.1/24           100.64.2.1/24
//!                                        │                      │
//!                                      host                   router
//!                                                          192.168.2.1/24
//!                                                               │
//!                                                             host
//! ```
//!
//! Only addresses for documentation (RFC 5737, RFC 3849) and private ones (RFC 1918, RFC 6598) are used. IPv6 is off
//! unless a site asks for it: with it, every pair would find a path that no NAT stands in.

mod build;
mod gateway;
mod host;
mod meter;
mod namespace;
mod network;
mod upnp;

pub use self::{
    build::{Lab, Site, SiteOptions},
    gateway::Gateway,
    host::Host,
    meter::{Count, Flow},
    namespace::Namespace,
    network::{Link, Network},
    upnp::PortMapper,
};
