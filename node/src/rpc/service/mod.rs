//! Offering a service.

mod json;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use atoll_protocol::{
    names::{InstanceId, MethodName, ServiceName, parse_version},
    rpc::Status,
    service::{Endpoint, EndpointKind, Extensions, Protocol, Schema, Seq, ServiceRecord, UnixMillis},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Body, Context, Rpc,
    admission::{self, Admission},
    dispatch::{Handler, LocalService, StreamHandler},
    stream::{RawReceiver, RawSender, Receiver, Sender},
};
use crate::error::RegisterError;

pub(super) use json::{from_json, to_json};

#[cfg(test)]
mod tests;

/// A service in the making; see [`Node::service`](crate::Node::service).
#[must_use = "a service exists once it is registered"]
pub struct ServiceBuilder {
    rpc: Arc<Rpc>,
    name: ServiceName,
    version: semver::Version,
    doc: String,
    metadata: BTreeMap<String, String>,
    endpoints: Vec<Endpoint>,
    methods: BTreeMap<MethodName, Handler>,
    protocols: Vec<Protocol>,
    listed: bool,
    concurrency: usize,
    queue: usize,
    /// The first thing that was wrong; reported on registration, so that building reads in one line.
    error: Option<RegisterError>,
}

impl ServiceBuilder {
    pub(crate) fn new(rpc: Arc<Rpc>, name: &str, version: &str) -> Result<Self, RegisterError> {
        Ok(Self {
            rpc,
            name: name.parse()?,
            version: parse_version(version)?,
            doc: String::new(),
            metadata: BTreeMap::new(),
            endpoints: Vec::new(),
            methods: BTreeMap::new(),
            protocols: vec![Protocol::Rpc],
            listed: true,
            concurrency: admission::CONCURRENCY,
            queue: admission::QUEUE,
            error: None,
        })
    }

    /// Says what the service is for.
    pub fn doc(mut self, doc: impl Into<String>) -> Self {
        self.doc = doc.into();
        self
    }

    /// Adds a label that callers may select by.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Adds a method that takes and gives JSON. Its schemas come from the types.
    ///
    /// A request that does not fit `Req` is answered with `invalid_argument`, naming the field, before the handler is
    /// asked. A handler that panics is answered with `internal`.
    pub fn method<Req, Res, F, Fut>(self, name: &str, handler: F) -> Self
    where
        Req: DeserializeOwned + JsonSchema,
        Res: Serialize + JsonSchema,
        F: Fn(Context, Req) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Res, Status>> + Send + 'static,
    {
        let typed = Handler::Unary(Arc::new(move |context, body: Body| match from_json::<Req>(&body.bytes) {
            Ok(request) => handler(context, request).map(|result| result.and_then(|r| to_json(&r))).boxed(),
            Err(status) => std::future::ready(Err(status)).boxed(),
        }));
        self.add(name, EndpointKind::Unary, [schema_of::<Req>(), schema_of::<Res>()], typed)
    }

    /// Adds a method that takes and gives bytes, of which nothing is said.
    pub fn raw_method<F, Fut>(self, name: &str, handler: F) -> Self
    where
        F: Fn(Context, Bytes) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Bytes, Status>> + Send + 'static,
    {
        let raw = Handler::Unary(Arc::new(move |context, body: Body| {
            handler(context, body.bytes).map(|result| result.map(Body::raw)).boxed()
        }));
        self.add(name, EndpointKind::Unary, [Schema::Raw, Schema::Raw], raw)
    }

    /// Adds a method whose code is elsewhere, with the schemas that are said of it.
    pub(crate) fn foreign_method<F>(self, name: &str, schemas: [Schema; 2], handler: F) -> Self
    where
        F: Fn(Context, Body) -> BoxFuture<'static, Result<Body, Status>> + Send + Sync + 'static,
    {
        self.add(name, EndpointKind::Unary, schemas, Handler::Unary(Arc::new(handler)))
    }

    /// Adds a method that takes one request and gives any number of responses, as JSON. The stream ends with the handler.
    pub fn server_stream<Req, Res, F, Fut>(self, name: &str, handler: F) -> Self
    where
        Req: DeserializeOwned + JsonSchema + Send,
        Res: Serialize + JsonSchema + 'static,
        F: Fn(Context, Req, Sender<Res>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let typed: StreamHandler = Arc::new(move |context, mut requests: RawReceiver, responses: RawSender| {
            let handler = handler.clone();
            async move {
                let request = requests.next().await?.unwrap_or_default();
                handler(context, from_json(&request)?, Sender::new(responses)).await.map(|()| Body::nothing())
            }
            .boxed()
        });
        self.add(name, EndpointKind::ServerStream, [schema_of::<Req>(), schema_of::<Res>()], Handler::Stream(typed))
    }

    /// Adds a method that takes any number of requests and gives one response, as JSON.
    pub fn client_stream<Req, Res, F, Fut>(self, name: &str, handler: F) -> Self
    where
        Req: DeserializeOwned + JsonSchema,
        Res: Serialize + JsonSchema,
        F: Fn(Context, Receiver<Req>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Res, Status>> + Send + 'static,
    {
        let typed: StreamHandler = Arc::new(move |context, requests, _| {
            handler(context, Receiver::new(requests)).map(|result| result.and_then(|r| to_json(&r))).boxed()
        });
        self.add(name, EndpointKind::ClientStream, [schema_of::<Req>(), schema_of::<Res>()], Handler::Stream(typed))
    }

    /// Adds a method that takes and gives any number of values, as JSON. The stream ends with the handler.
    pub fn bidirectional<Req, Res, F, Fut>(self, name: &str, handler: F) -> Self
    where
        Req: DeserializeOwned + JsonSchema,
        Res: Serialize + JsonSchema,
        F: Fn(Context, Receiver<Req>, Sender<Res>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let typed: StreamHandler = Arc::new(move |context, requests, responses| {
            let (requests, responses) = (Receiver::new(requests), Sender::new(responses));
            handler(context, requests, responses).map(|result| result.map(|()| Body::nothing())).boxed()
        });
        self.add(name, EndpointKind::Bidirectional, [schema_of::<Req>(), schema_of::<Res>()], Handler::Stream(typed))
    }

    /// Adds a method that streams messages of bytes. What the handler gives is the single response of a client stream; for the
    /// other kinds it is to be empty. A method that is `Unary` takes a [`raw_method`](Self::raw_method).
    pub fn raw_stream<F, Fut>(mut self, name: &str, kind: EndpointKind, handler: F) -> Self
    where
        F: Fn(Context, RawReceiver, RawSender) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Bytes, Status>> + Send + 'static,
    {
        if kind == EndpointKind::Unary {
            self.fail(format!("the method {name:?} is added as a stream of the kind that does not stream"));
        }
        let raw: StreamHandler = Arc::new(move |context, requests, responses| {
            handler(context, requests, responses).map(|result| result.map(Body::raw)).boxed()
        });
        self.add(name, kind, [Schema::Raw, Schema::Raw], Handler::Stream(raw))
    }

    /// Says how the service can be reached, if not by calls: it is then an application behind a tunnel.
    pub(crate) fn reached_by(mut self, protocol: Protocol) -> Self {
        self.protocols = vec![protocol];
        self
    }

    /// Tells nobody of the service: it answers those who know that it is here, and call it at this node.
    pub(crate) fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    /// How many calls the service works on at a time, streams included; 1024 if it does not say. At least one.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls;
        self
    }

    /// How many calls may wait when as many are worked on as may be; 128 if it does not say. Further ones are refused at once,
    /// with a hint when to come back.
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// Says what a method does.
    pub fn documented(self, method: &str, doc: impl Into<String>) -> Self {
        let doc = doc.into();
        self.change(method, |endpoint| endpoint.doc = doc)
    }

    /// Says that calling a method twice does no more than calling it once, so that a call may be repeated when its
    /// answer is lost.
    pub fn idempotent(self, method: &str) -> Self {
        self.change(method, |endpoint| endpoint.idempotent = true)
    }

    /// Says how long a call of a method may reasonably take: callers count later answers as slow, and none within this time as lost.
    /// Without it an answer is never slow, and lost after a second at the earliest.
    pub fn promises(self, method: &str, time: Duration) -> Self {
        self.change(method, |endpoint| {
            endpoint.deadline_hint_ms = Some(time.as_millis().try_into().unwrap_or(u32::MAX))
        })
    }

    fn change(mut self, method: &str, change: impl FnOnce(&mut Endpoint)) -> Self {
        match self.endpoints.iter_mut().find(|e| e.name.as_str() == method) {
            Some(endpoint) => change(endpoint),
            None => self.fail(format!("there is no method {method:?}; add it before saying more about it")),
        }
        self
    }

    fn add(mut self, name: &str, kind: EndpointKind, [request, response]: [Schema; 2], handler: Handler) -> Self {
        let name: MethodName = match name.parse() {
            Ok(name) => name,
            Err(error) => {
                self.error.get_or_insert(error.into());
                return self;
            }
        };
        if self.methods.insert(name.clone(), handler).is_some() {
            self.fail(format!("the method {name} is added twice"));
            return self;
        }
        self.endpoints.push(Endpoint {
            name,
            kind,
            request,
            response,
            idempotent: false,
            deadline_hint_ms: None,
            doc: String::new(),
        });
        self
    }

    fn fail(&mut self, rule: String) {
        self.error.get_or_insert(RegisterError::Rule { service: self.name.to_string(), rule });
    }

    /// Begins to serve, and tells the network. Dropping what this gives withdraws the service.
    ///
    /// # Errors
    /// [`RegisterError`] if a name is none, a method is added twice, or the description breaks a limit of
    /// [`atoll_protocol::limits`].
    pub async fn register(self) -> Result<Serving, RegisterError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let instance = InstanceId(rand::random());
        let record = ServiceRecord {
            name: self.name.clone(),
            version: self.version.clone(),
            instance,
            endpoints: self.endpoints,
            topics: Vec::new(),
            doc: self.doc,
            metadata: self.metadata,
            protocols: self.protocols,
            // Filled in by the directory, which numbers this node's statements.
            issued: UnixMillis::default(),
            seq: Seq::default(),
            extensions: Extensions::new(),
        };
        // Served before it is told: nobody may hear of a service that is not there.
        let admission = Admission::new(self.concurrency, self.queue);
        self.rpc.services.insert(LocalService::new(self.name, self.version, instance, self.methods, admission));
        let serving = Serving { rpc: Arc::clone(&self.rpc), instance, listed: self.listed };
        if self.listed {
            self.rpc.directory.register(record).await?;
        }
        Ok(serving)
    }
}

impl fmt::Debug for ServiceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceBuilder({}@{})", self.name, self.version)
    }
}

/// A service that is being served; dropping it withdraws the service.
#[must_use = "dropping it withdraws the service"]
pub struct Serving {
    rpc: Arc<Rpc>,
    instance: InstanceId,
    listed: bool,
}

impl Serving {
    /// The instance that is served.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.instance
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.listed {
            self.rpc.directory.withdraw(self.instance);
        }
        self.rpc.services.remove(self.instance);
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serving({})", self.instance)
    }
}

fn schema_of<T: JsonSchema>() -> Schema {
    Schema::Json(schemars::schema_for!(T).as_value().to_string())
}
