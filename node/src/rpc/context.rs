//! What a handler learns about the call it serves.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{NameError, ServiceQuery},
    rpc::Metadata,
};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

use super::{Client, Rpc, trace};

/// A call as its handler sees it. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    rpc: Arc<Rpc>,
    caller: NodeId,
    deadline: Option<Instant>,
    metadata: Metadata,
    cancelled: AtomicBool,
    /// Set by whichever comes first: the handler's end, or the caller's.
    over: AtomicBool,
    cancellation: Notify,
}

impl Context {
    pub(super) fn new(rpc: Arc<Rpc>, caller: NodeId, deadline: Option<Instant>, metadata: Metadata) -> Self {
        let (cancelled, over, cancellation) = (AtomicBool::new(false), AtomicBool::new(false), Notify::new());
        Self(Arc::new(Inner { rpc, caller, deadline, metadata, cancelled, over, cancellation }))
    }

    /// Who calls; proved by the connection's encryption.
    #[must_use]
    pub fn caller(&self) -> NodeId {
        self.0.caller
    }

    /// The node that serves the call.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.0.rpc.net.me
    }

    /// What is left of the caller's deadline; `None` if it set none.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Text that came with the call.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// Resolves when the caller no longer waits. The handler's future is dropped then anyway; this is for work that it
    /// has handed to others.
    pub async fn cancelled(&self) {
        loop {
            let cancelled = self.0.cancellation.notified();
            if self.is_cancelled() {
                return;
            }
            cancelled.await;
        }
    }

    /// Whether the caller no longer waits.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// The handler has come to its end: from now on there is nothing to cancel.
    pub(super) fn finish(&self) {
        self.0.over.store(true, Ordering::Release);
    }

    pub(super) fn cancel(&self) {
        if self.0.over.swap(true, Ordering::AcqRel) {
            return;
        }
        self.0.cancelled.store(true, Ordering::Release);
        self.0.cancellation.notify_waiters();
    }

    /// Cancels when dropped, unless disarmed by [`CancelOnDrop::finished`].
    pub(super) fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(Some(self.clone()))
    }

    /// A client for an onward call, which inherits what is left of the deadline, and the metadata. A `traceparent` among it
    /// gets a parent id of its own, as W3C Trace Context wants it of every hop.
    ///
    /// # Errors
    /// [`NameError`] if `service` is not `name` or `name@requirement`.
    pub fn client(&self, service: &str) -> Result<Client, NameError> {
        let query: ServiceQuery = service.parse()?;
        let metadata = trace::onward(&self.0.metadata, rand::random());
        Ok(Client::inheriting(Arc::clone(&self.0.rpc), query, self.0.deadline, metadata))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("caller", &self.0.caller)
            .field("metadata", &self.0.metadata)
            .finish_non_exhaustive()
    }
}

/// Ends a running handler.
#[derive(Debug)]
pub(super) struct Stop {
    task: AbortHandle,
    context: Context,
}

impl Stop {
    pub(super) fn new(task: AbortHandle, context: Context) -> Self {
        Self { task, context }
    }

    /// Whether the handler has come to its end by itself.
    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// The caller no longer waits: the handler's future is dropped, and whatever it has handed out is told.
    pub(super) fn stop(self) {
        self.context.cancel();
        self.task.abort();
    }
}

/// See [`Context::cancel_on_drop`].
pub(super) struct CancelOnDrop(Option<Context>);

impl CancelOnDrop {
    /// The call has come to its end.
    pub(super) fn finished(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.cancel();
        }
    }
}
