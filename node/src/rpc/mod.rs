//! Calls: serving them, making them, and the lanes they travel on.
//!
//! The data plane. Nothing here goes through the swarm task or the directory's actor: a call looks up its provider in
//! a shared table, and its bytes go from the caller's task to the lane's writer and from the lane's reader to the
//! caller's task.

mod admission;
mod balance;
mod bulk;
mod client;
mod context;
mod dispatch;
mod lane;
mod lanes;
mod pace;
mod parked;
mod serve;
mod service;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
mod wire;

use std::sync::Arc;

use atoll_protocol::rpc::{ContentType, Status};
use atoll_registry::select::RetryBudget;
use bytes::Bytes;
use serde::de::DeserializeOwned;

pub use client::{Answer, Call, Client, RawCall, StreamCall};
pub use context::Context;
pub use service::{ServiceBuilder, Serving};
pub use stream::{RawReceiver, RawSender, Receiver, Sender};

pub(crate) use balance::Tally;
pub(crate) use serve::serve_stream;

use self::{balance::Instances, dispatch::Services, lanes::Lanes, parked::Parked, stream::Memories};
use crate::{directory::Directory, net::Net, standing::Trust};

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

    /// What a stream ends with that has said everything in its messages.
    fn nothing() -> Self {
        Self::json(Bytes::new())
    }

    /// The typed answer.
    fn read<T: DeserializeOwned>(&self) -> Result<T, Status> {
        let bytes: &[u8] = if self.bytes.is_empty() { b"null" } else { &self.bytes };
        serde_json::from_slice(bytes)
            .map_err(|e| Status::internal(format!("the answer is not of the expected form: {e}")))
    }
}

/// What serving and calling share.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) net: Net,
    pub(crate) directory: Directory,
    pub(crate) services: Services,
    pub(crate) trust: Trust,
    lanes: Lanes,
    instances: Instances,
    /// Pays for calls that are made again.
    budget: RetryBudget,
    memories: Memories,
    parked: Parked,
    /// Bounds the substreams with large bodies that are served at a time.
    bulk: Arc<tokio::sync::Semaphore>,
}

impl Rpc {
    pub(crate) fn new(net: Net, directory: Directory, trust: Trust) -> Arc<Self> {
        Arc::new(Self {
            net,
            directory,
            trust,
            services: Services::default(),
            lanes: Lanes::default(),
            instances: Instances::default(),
            budget: RetryBudget::new(),
            memories: Memories::default(),
            parked: Parked::default(),
            bulk: Arc::new(tokio::sync::Semaphore::new(serve::BULK_STREAMS)),
        })
    }
}

/// Looks after the lanes for as long as the node lives.
pub(crate) async fn look_after_lanes(rpc: Arc<Rpc>) {
    rpc.lanes.look_after(&rpc.net).await;
}
