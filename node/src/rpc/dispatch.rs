//! Finding the handler that a request is for, and running it without letting it harm the node.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, MethodName, ServiceName, parse_requirement},
    rpc::{RequestHead, Status},
};
use futures::{FutureExt, future::BoxFuture};
use parking_lot::RwLock;
use semver::{Version, VersionReq};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Body, Context, Rpc};

#[cfg(test)]
mod tests;

/// A method's code.
pub(super) type Handler = Arc<dyn Fn(Context, Body) -> BoxFuture<'static, Result<Body, Status>> + Send + Sync>;

/// One service that this node runs.
pub(crate) struct LocalService {
    pub(crate) name: ServiceName,
    pub(crate) version: Version,
    pub(crate) instance: InstanceId,
    pub(super) methods: BTreeMap<MethodName, Handler>,
}

impl fmt::Debug for LocalService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} ({})", self.name, self.version, self.instance)
    }
}

/// The services that this node runs, by name, newest version first.
#[derive(Debug, Default)]
pub(crate) struct Services(RwLock<HashMap<ServiceName, Vec<Arc<LocalService>>>>);

impl Services {
    pub(crate) fn insert(&self, service: LocalService) {
        let mut all = self.0.write();
        let versions = all.entry(service.name.clone()).or_default();
        versions.push(Arc::new(service));
        versions.sort_by(|a, b| b.version.cmp(&a.version));
    }

    pub(crate) fn remove(&self, instance: InstanceId) {
        self.0.write().retain(|_, versions| {
            versions.retain(|s| s.instance != instance);
            !versions.is_empty()
        });
    }

    fn find(&self, head: &RequestHead<'_>) -> Result<Handler, Status> {
        let all = self.0.read();
        let (name, method) = (head.service.as_ref(), head.method.as_ref());
        let versions =
            all.get(name).ok_or_else(|| Status::not_found(format!("this node has no service {name:.128}")))?;
        let service = if head.version.is_empty() {
            versions.first()
        } else {
            let wanted: VersionReq =
                parse_requirement(&head.version).map_err(|e| Status::invalid_argument(e.to_string()))?;
            versions.iter().find(|s| wanted.matches(&s.version))
        };
        let service = service.ok_or_else(|| {
            let here: Vec<String> = versions.iter().map(|s| s.version.to_string()).collect();
            Status::not_found(format!("{name} here has version {}, not {}", here.join(", "), head.version))
        })?;
        service.methods.get(method).cloned().ok_or_else(|| {
            let known: Vec<&str> = service.methods.keys().map(MethodName::as_str).collect();
            Status::unimplemented(format!("{name} has no method {method:.64}; it has {}", known.join(", ")))
        })
    }
}

impl Rpc {
    /// Finds the handler for a request and gives the future that runs it: within the deadline, and with a panic turned
    /// into `internal`.
    pub(super) fn prepare(
        self: &Arc<Self>,
        caller: NodeId,
        head: &RequestHead<'_>,
        body: Body,
        cancel: CancellationToken,
    ) -> Result<impl Future<Output = Result<Body, Status>> + Send + 'static, Status> {
        let handler = self.services.find(head)?;
        if caller != self.net.me {
            self.net.counters.calls_served.add(1);
        }
        let allowed = (head.deadline_ms > 0).then(|| Duration::from_millis(head.deadline_ms.into()));
        let deadline = allowed.map(|d| Instant::now() + d);
        let name = format!("{}/{}", head.service, head.method);
        let context = Context { rpc: Arc::clone(self), caller, deadline, metadata: head.metadata.clone(), cancel };
        Ok(async move {
            // The call to the handler is inside: it too may panic, before it ever gives a future.
            let work = AssertUnwindSafe(async move { handler(context, body).await }).catch_unwind();
            let outcome = match deadline {
                Some(end) => tokio::time::timeout_at(end, work).await,
                None => Ok(work.await),
            };
            match outcome {
                Ok(Ok(result)) => result,
                Ok(Err(panic)) => {
                    tracing::error!(method = name, "a handler panicked: {}", panic_message(&*panic));
                    Err(Status::internal(format!("{name} failed unexpectedly; the node's log says more")))
                }
                Err(_) => Err(Status::deadline_exceeded(format!("{name} did not finish in time"))),
            }
        })
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
