//! Atoll: an open network for services.
//!
//! A [`Node`] joins a network of peers, offers services to it and calls those of others, wherever they run.
//!
//! ```no_run
//! use std::time::Duration;
//! use atoll_node::{Context, Node};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Add { a: i64, b: i64 }
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Sum { sum: i64 }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let node = Node::builder().network("main").spawn().await?;
//! let _serving = node
//!     .service("math.calc", "1.0.0")?
//!     .method("add", |_: Context, r: Add| async move { Ok(Sum { sum: r.a + r.b }) })
//!     .register()
//!     .await?;
//! let sum: Sum = node.client("math.calc")?.call("add", &Add { a: 2, b: 3 }).deadline(Duration::from_secs(2)).await?;
//! # Ok(()) }
//! ```
//!
//! The modules, from the wire up: `net` is the overlay, `rpc` carries calls, `directory` says and learns who offers
//! what, `broker` publishes and subscribes, [`tunnel`] carries what others' applications say, [`control`] lets the command
//! line ask the running node, [`gateway`] is the door for browsers and programs in any language. ARCHITECTURE.md tells how
//! they fit together.

pub mod bench;
mod broker;
mod builder;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
pub mod config;
pub mod control;
mod data_dir;
mod directory;
pub mod error;
mod event;
pub mod gateway;
pub mod identity_file;
mod net;
mod node;
mod rpc;
mod standing;
mod storage;
pub mod svid;
mod system;
#[cfg(test)]
mod testing;
pub mod tunnel;

pub use atoll_protocol::{
    self as protocol,
    identity::NodeId,
    rpc::{Code, Status},
};
pub use atoll_registry::topics::outbox::AckLevel;
pub use atoll_registry::{
    select::Policy,
    services::{Change, Found, Instance, NamePattern, Removal, Search, SearchError, SearchQuery},
};
pub use broker::{
    Delivery, From, Gap, Group, GroupProgress, GroupReport, Job, Member, Message, NodeMembers, Publish, Published,
    Subscribe, Subscription, Topic,
};
pub use builder::Builder;
pub use directory::Watch;
pub use event::NodeEvent;
pub use libp2p::Multiaddr;
pub use node::Node;
pub use rpc::{
    Answer, Call, Client, Context, DEFAULT_DEADLINE, RawCall, RawReceiver, RawSender, Receiver, Sender, ServiceBuilder,
    Serving, StreamCall,
};

/// What this program calls itself, on the wire and to people.
pub const AGENT: &str = concat!("atoll/", env!("CARGO_PKG_VERSION"));
