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

use super::{
    Body, Context, Rpc,
    admission::Admission,
    pace::Pace,
    stream::{RawReceiver, RawSender},
};
use crate::standing::{Admitted, Caller};

#[cfg(test)]
mod tests;

/// A unary method's code.
pub(super) type UnaryHandler = Arc<dyn Fn(Context, Body) -> BoxFuture<'static, Result<Body, Status>> + Send + Sync>;
/// A streaming method's code. What it gives is the single answer of a client stream, and empty for the others.
pub(super) type StreamHandler =
    Arc<dyn Fn(Context, RawReceiver, RawSender) -> BoxFuture<'static, Result<Body, Status>> + Send + Sync>;

/// A method's code.
pub(super) enum Handler {
    Unary(UnaryHandler),
    Stream(StreamHandler),
}

/// One method that this node runs.
struct Method {
    /// `service/method`, for messages.
    path: String,
    handler: Handler,
    pace: Arc<Pace>,
}

/// One service that this node runs.
pub(crate) struct LocalService {
    pub(crate) name: ServiceName,
    pub(crate) version: Version,
    pub(crate) instance: InstanceId,
    methods: BTreeMap<MethodName, Arc<Method>>,
    admission: Admission,
}

impl LocalService {
    pub(super) fn new(
        name: ServiceName,
        version: Version,
        instance: InstanceId,
        handlers: BTreeMap<MethodName, Handler>,
        admission: Admission,
    ) -> Self {
        let method = |(method, handler)| {
            let path = format!("{name}/{method}");
            (method, Arc::new(Method { path, handler, pace: Arc::default() }))
        };
        let methods = handlers.into_iter().map(method).collect();
        Self { name, version, instance, methods, admission }
    }
}

impl fmt::Debug for LocalService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} ({})", self.name, self.version, self.instance)
    }
}

/// The services that this node runs, by name, newest version first.
#[derive(Debug, Default)]
pub(crate) struct Services(RwLock<HashMap<ServiceName, Vec<Arc<LocalService>>>>);

/// A method and the service that it belongs to.
struct Found {
    service: Arc<LocalService>,
    method: Arc<Method>,
}

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

    fn find(&self, head: &RequestHead<'_>) -> Result<Found, Status> {
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
        let method = service.methods.get(method).ok_or_else(|| {
            let known: Vec<&str> = service.methods.keys().map(MethodName::as_str).collect();
            Status::unimplemented(format!("{name} has no method {method:.64}; it has {}", known.join(", ")))
        })?;
        Ok(Found { service: Arc::clone(service), method: Arc::clone(method) })
    }
}

/// A handler that is about to run.
pub(super) struct Run<F> {
    pub(super) context: Context,
    pub(super) pace: Arc<Pace>,
    /// Runs it: once there is a place for it, within the deadline, and with a panic turned into `internal`.
    pub(super) outcome: F,
}

impl Rpc {
    /// Finds the handler for a unary request.
    pub(super) fn prepare(
        self: &Arc<Self>,
        caller: &Caller,
        head: &RequestHead<'_>,
        body: Body,
        now: Instant,
    ) -> Result<Run<impl Future<Output = Result<Body, Status>> + Send + 'static + use<>>, Status> {
        let admitted = caller.admit(self.directory.time_of(now))?;
        let found = self.services.find(head)?;
        if matches!(found.method.handler, Handler::Stream(_)) {
            let path = &found.method.path;
            let way_out = "call it as one (--stream on the command line)";
            return Err(Status::unimplemented(format!("{path} is a stream; {way_out}")));
        }
        let (context, pace) = (self.context(caller.peer(), head, now), Arc::clone(&found.method.pace));
        let outcome = guarded(found, context.clone(), admitted, |handler, context| match handler {
            Handler::Unary(handler) => handler(context, body),
            Handler::Stream(_) => unreachable_kind(),
        });
        Ok(Run { context, pace, outcome })
    }

    /// Finds the handler for a stream.
    pub(super) fn prepare_stream(
        self: &Arc<Self>,
        caller: &Caller,
        head: &RequestHead<'_>,
        receiver: RawReceiver,
        sender: RawSender,
        now: Instant,
    ) -> Result<Run<impl Future<Output = Result<Body, Status>> + Send + 'static + use<>>, Status> {
        let admitted = caller.admit(self.directory.time_of(now))?;
        let found = self.services.find(head)?;
        if matches!(found.method.handler, Handler::Unary(_)) {
            let path = &found.method.path;
            return Err(Status::unimplemented(format!(
                "{path} is no stream: one request, one answer; leave out --stream"
            )));
        }
        let (context, pace) = (self.context(caller.peer(), head, now), Arc::clone(&found.method.pace));
        let outcome = guarded(found, context.clone(), admitted, |handler, context| match handler {
            Handler::Stream(handler) => handler(context, receiver, sender),
            Handler::Unary(_) => unreachable_kind(),
        });
        Ok(Run { context, pace, outcome })
    }

    fn context(self: &Arc<Self>, caller: NodeId, head: &RequestHead<'_>, now: Instant) -> Context {
        if caller != self.net.me {
            self.net.counters.calls_served.add(1);
        }
        let allowed = (head.deadline_ms > 0).then(|| Duration::from_millis(head.deadline_ms.into()));
        Context::new(Arc::clone(self), caller, allowed.map(|d| now + d), head.metadata.clone())
    }
}

/// What a handler of the wrong kind would answer; its kind has been checked.
fn unreachable_kind() -> BoxFuture<'static, Result<Body, Status>> {
    std::future::ready(Err(Status::unimplemented("the method is of another kind"))).boxed()
}

async fn guarded(
    Found { service, method }: Found,
    context: Context,
    admitted: Admitted,
    begin: impl FnOnce(&Handler, Context) -> BoxFuture<'static, Result<Body, Status>> + Send,
) -> Result<Body, Status> {
    let path = &method.path;
    let given = context.clone();
    let served = async {
        let _place = service.admission.enter().await?;
        // The call to the handler is inside: it too may panic, before it ever gives a future.
        let work = async { begin(&method.handler, given).await };
        AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
            tracing::error!(method = path, "a handler panicked: {}", panic_message(&*panic));
            Err(Status::internal(format!("{path} failed unexpectedly; the node's log says more")))
        })
    };
    let outcome = match context.deadline() {
        Some(end) => tokio::time::timeout_at(end, served).await,
        None => Ok(served.await),
    };
    if matches!(outcome, Ok(Ok(_))) {
        admitted.answered();
    }
    outcome.unwrap_or_else(|_| {
        // Whatever the handler has handed to others is told, as if the caller had left: it has, or soon will.
        context.cancel();
        Err(Status::deadline_exceeded(format!("{path} did not finish in time")))
    })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
