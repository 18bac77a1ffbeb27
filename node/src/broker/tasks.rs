//! The broker's tasks: they end with the node.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Starts tasks, and ends them all. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    all: TaskTracker,
    end: CancellationToken,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self { all: TaskTracker::new(), end: CancellationToken::new() }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.all.spawn(async move {
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                () = task => {}
            }
        });
    }

    pub(super) fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) {
        self.all.spawn_blocking(work);
    }

    pub(super) fn end(&self) {
        self.end.cancel();
    }

    /// Resolves once all have ended that were told to.
    pub(super) async fn ended(&self) {
        self.all.close();
        self.all.wait().await;
    }
}
