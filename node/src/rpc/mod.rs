//! Calls: serving them, making them, and the lanes they travel on.
//!
//! The data plane. Nothing here goes through the swarm task or the directory's actor: a call looks up its provider in
//! a shared table, and its bytes go from the caller's task to the lane's writer and from the lane's reader to the
//! caller's task.

mod bulk;
mod client;
mod context;
mod dispatch;
mod frames;
mod lane;
mod lanes;
mod parked;
mod serve;
mod service;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use atoll_protocol::rpc::{ContentType, Metadata};
use bytes::Bytes;

pub use client::{Call, Client, RawCall};
pub use context::Context;
pub use service::{ServiceBuilder, Serving};

pub(crate) use serve::serve_stream;

use self::{dispatch::Services, lanes::Lanes, parked::Parked};
use crate::{directory::Directory, net::Net};

/// How long a call may take if its caller does not say.
pub const DEFAULT_DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);

/// A request's or an answer's body, and how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) content: ContentType,
    pub(crate) bytes: Bytes,
}

impl Body {
    pub(crate) fn json(bytes: impl Into<Bytes>) -> Self {
        Self { content: ContentType::Json, bytes: bytes.into() }
    }

    pub(crate) fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { content: ContentType::Raw, bytes: bytes.into() }
    }
}

/// A call as it is made: everything but who serves it.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) method: String,
    pub(crate) metadata: Metadata,
    pub(crate) body: Body,
    pub(crate) deadline: tokio::time::Instant,
}

/// What serving and calling share.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) net: Net,
    pub(crate) directory: Directory,
    pub(crate) services: Services,
    lanes: Lanes,
    parked: Parked,
    /// Bounds the substreams with large bodies that are served at a time.
    bulk: Arc<tokio::sync::Semaphore>,
}

impl Rpc {
    pub(crate) fn new(net: Net, directory: Directory) -> Arc<Self> {
        Arc::new(Self {
            net,
            directory,
            services: Services::default(),
            lanes: Lanes::default(),
            parked: Parked::default(),
            bulk: Arc::new(tokio::sync::Semaphore::new(serve::BULK_STREAMS)),
        })
    }
}
