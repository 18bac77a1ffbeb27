//! What is called: a client for each service, and what its methods take and give.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::{MethodName, NameError, ServiceQuery},
    service::{EndpointKind, Schema},
};
use atoll_registry::services::Instance;
use parking_lot::Mutex;

use super::super::problem::Problem;
use crate::{Client, node::Inner};

/// Services whose clients are kept; beyond it all are made anew.
const KEPT: usize = 1024;

/// What a method takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Shape {
    pub(in crate::gateway) kind: EndpointKind,
    /// Whether it takes bytes of which nothing is said; else JSON.
    pub(in crate::gateway) takes_bytes: bool,
    /// Whether it gives such.
    pub(in crate::gateway) gives_bytes: bool,
}

/// One service, as it is listed.
#[derive(Debug)]
pub(in crate::gateway) struct Target {
    pub(in crate::gateway) client: Client,
    /// The generation of the view that this is from.
    generation: u64,
    methods: BTreeMap<MethodName, Shape>,
}

impl Target {
    fn new(client: Client, generation: u64, instances: &[Instance]) -> Self {
        let mut methods = BTreeMap::new();
        for endpoint in instances.iter().flat_map(|instance| &instance.record.value().endpoints) {
            // Where versions differ, the newest has its way.
            methods.entry(endpoint.name.clone()).or_insert_with(|| Shape {
                kind: endpoint.kind,
                takes_bytes: matches!(endpoint.request, Schema::Raw),
                gives_bytes: matches!(endpoint.response, Schema::Raw),
            });
        }
        Self { client, generation, methods }
    }

    /// What this method takes and gives; none if no record here says so.
    ///
    /// # Errors
    /// 404 if the service has other methods.
    pub(in crate::gateway) fn shape(&self, service: &str, method: &str) -> Result<Option<Shape>, Problem> {
        match self.methods.get(method) {
            Some(shape) => Ok(Some(*shape)),
            None if self.methods.is_empty() => Ok(None),
            None => {
                let known: Vec<&str> = self.methods.keys().map(MethodName::as_str).collect();
                let said = format!("{service} has no method {method:.64}; it has {}", known.join(", "));
                Err(Problem::not_found(said))
            }
        }
    }
}

/// The targets of late, by what was asked for.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Targets(Mutex<HashMap<String, Arc<Target>>>);

impl Targets {
    /// The service that is asked for, looked for in the DHT if it is not listed here. A named node knows best what it has.
    pub(in crate::gateway) async fn find(
        &self,
        node: Arc<Inner>,
        service: &str,
        version: Option<&str>,
        peer: Option<NodeId>,
    ) -> Result<Arc<Target>, Problem> {
        let joined = version.map(|version| format!("{service}@{version}"));
        let text = joined.as_deref().unwrap_or(service);
        let directory = node.rpc.directory.clone();
        let generation = directory.generation();
        let kept = self.0.lock().get(text).cloned();
        if let Some(target) =
            kept.as_ref().filter(|target| target.generation == generation && !target.methods.is_empty())
        {
            return Ok(Arc::clone(target));
        }
        let query: ServiceQuery = text.parse().map_err(|e: NameError| Problem::refused(e))?;
        let client =
            kept.map_or_else(|| Client::new(Arc::clone(&node.rpc), query.clone()), |target| target.client.clone());
        // The node must not stay because somebody is looked for.
        drop(node);
        let mut instances = directory.find(&query);
        if instances.is_empty() && peer.is_none() {
            instances = directory.resolve(&query).await;
            if instances.is_empty() {
                return Err(Problem::not_found(format!("no node offers {query}")));
            }
        }
        let target = Arc::new(Target::new(client, generation, &instances));
        let mut all = self.0.lock();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(text.to_owned(), Arc::clone(&target));
        Ok(target)
    }
}
