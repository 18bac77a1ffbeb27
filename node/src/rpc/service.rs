//! Offering a service.

use std::{collections::BTreeMap, fmt, sync::Arc};

use atoll_protocol::{
    names::{InstanceId, MethodName, ServiceName, parse_version},
    rpc::Status,
    service::{Endpoint, EndpointKind, Extensions, Protocol, Schema, Seq, ServiceRecord, UnixMillis},
};
use bytes::Bytes;
use futures::FutureExt;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Body, Context, Rpc,
    dispatch::{Handler, LocalService},
};
use crate::error::RegisterError;

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
        let typed: Handler = Arc::new(move |context, body: Body| match from_json::<Req>(&body.bytes) {
            Ok(request) => handler(context, request).map(|result| result.and_then(|r| to_json(&r))).boxed(),
            Err(status) => std::future::ready(Err(status)).boxed(),
        });
        self.add(name, schema_of::<Req>(), schema_of::<Res>(), typed)
    }

    /// Adds a method that takes and gives bytes, of which nothing is said.
    pub fn raw_method<F, Fut>(self, name: &str, handler: F) -> Self
    where
        F: Fn(Context, Bytes) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Bytes, Status>> + Send + 'static,
    {
        let raw: Handler =
            Arc::new(move |context, body: Body| handler(context, body.bytes).map(|r| r.map(Body::raw)).boxed());
        self.add(name, Schema::Raw, Schema::Raw, raw)
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

    fn change(mut self, method: &str, change: impl FnOnce(&mut Endpoint)) -> Self {
        match self.endpoints.iter_mut().find(|e| e.name.as_str() == method) {
            Some(endpoint) => change(endpoint),
            None => self.fail(format!("there is no method {method:?}; add it before saying more about it")),
        }
        self
    }

    fn add(mut self, name: &str, request: Schema, response: Schema, handler: Handler) -> Self {
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
            kind: EndpointKind::Unary,
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
            protocols: vec![Protocol::Rpc],
            // Filled in by the directory, which numbers this node's statements.
            issued: UnixMillis::default(),
            seq: Seq::default(),
            extensions: Extensions::new(),
        };
        // Served before it is told: nobody may hear of a service that is not there.
        self.rpc.services.insert(LocalService {
            name: self.name,
            version: self.version,
            instance,
            methods: self.methods,
        });
        let serving = Serving { rpc: Arc::clone(&self.rpc), instance };
        self.rpc.directory.register(record).await?;
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
        self.rpc.directory.withdraw(self.instance);
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

/// Reads a typed value; the status names the field that does not fit.
///
/// A caller without arguments may send nothing, `null` or `{}`: which of them a type is written as is a matter of how
/// it was declared, and nobody should have to know.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Status> {
    match bytes.trim_ascii() {
        b"{}" => read_json(b"{}").or_else(|status| read_json(b"null").map_err(|_| status)),
        b"" | b"null" => read_json(b"null").or_else(|_| read_json(b"{}")),
        bytes => read_json(bytes),
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Status> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let reason = e.into_inner();
        let place = if path == "." { String::new() } else { format!("field `{path}`: ") };
        Status::invalid_argument(format!("the request does not fit: {place}{reason}"))
    })?;
    json.end().map_err(|e| Status::invalid_argument(format!("the request does not end where it should: {e}")))?;
    Ok(value)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<Body, Status> {
    let bytes = serde_json::to_vec(value).map_err(|e| Status::internal(format!("cannot be written as JSON: {e}")))?;
    Ok(Body::json(bytes))
}
