//! What a handler learns about the call it serves.

use std::{fmt, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{NameError, ServiceQuery},
    rpc::Metadata,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Client, Rpc};

/// A call as its handler sees it.
#[derive(Clone)]
pub struct Context {
    pub(super) rpc: Arc<Rpc>,
    pub(super) caller: NodeId,
    pub(super) deadline: Option<Instant>,
    pub(super) metadata: Metadata,
    pub(super) cancel: CancellationToken,
}

impl Context {
    /// Who calls; proved by the connection's encryption.
    #[must_use]
    pub fn caller(&self) -> NodeId {
        self.caller
    }

    /// The node that serves the call.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.rpc.net.me
    }

    /// What is left of the caller's deadline; `None` if it set none.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Text that came with the call.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Resolves when the caller no longer waits. The handler's future is dropped then anyway; this is for work that it
    /// has handed to others.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// A client for an onward call, which inherits what is left of the deadline, and the metadata.
    ///
    /// # Errors
    /// [`NameError`] if `service` is not `name` or `name@requirement`.
    pub fn client(&self, service: &str) -> Result<Client, NameError> {
        let query: ServiceQuery = service.parse()?;
        Ok(Client::inheriting(Arc::clone(&self.rpc), query, self.deadline, self.metadata.clone()))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("caller", &self.caller)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
