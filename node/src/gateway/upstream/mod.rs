//! Services of programs in any language: `PUT /v1/services/{name}` says what a program offers and where it listens, and calls arrive
//! there as `POST {url}/{method}`.
//!
//! ```json
//! {"version": "1.0.0", "url": "http://127.0.0.1:9000/rpc", "doc": "Simple arithmetic.", "ttl_s": 60,
//!  "endpoints": [{"name": "add", "doc": "Adds.", "idempotent": true, "request": {"type": "object"}, "response": {"type": "integer"}}]}
//! ```
//!
//! The same again renews it; another description replaces it. Programs that name different addresses for one version share its calls.
//! An address that is not renewed within its time is forgotten, and with the last one the service ends; `DELETE` ends it at once.
//!
//! | module | what it holds |
//! |---|---|
//! | [`request`] | what a program says, checked |
//! | [`pool`] | its addresses: which are well, and whose turn it is |
//! | [`forward`] | a call on its way to one of them |

mod forward;
mod pool;
mod request;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    limits,
    names::{InstanceId, NameError, ServiceName, ServiceQuery},
    rpc::Code,
    service::Schema,
};
use axum::{
    Json,
    extract::{Path, Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use semver::Version;
use serde::Serialize;
use tokio::{
    sync::{Mutex, Notify},
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use self::{
    forward::Forwarder,
    pool::{Pool, UpstreamRow},
    request::Offer,
};
use super::{Shared, body, params::Params, problem::Problem};
use crate::{ServiceBuilder, Serving, error::RegisterError, node::Inner};

/// Services that programs may offer here at a time.
const SERVICES: usize = 1024;
/// Largest description, in bytes: all schemas of a record, and what is around them.
const DESCRIPTION: usize = 4 * limits::SERVICE_RECORD;
/// How often it is looked who has not renewed.
const SWEEP: Duration = Duration::from_millis(250);
/// How often programs are asked whether they are well.
const PROBE: Duration = Duration::from_secs(5);

/// What programs offer here.
#[derive(Debug)]
pub(super) struct Upstreams {
    forwarder: Forwarder,
    /// Whether programs may be on other machines.
    remote: bool,
    offered: Mutex<BTreeMap<(ServiceName, Version), Offered>>,
    /// Told when something is offered: until then there is nothing to look after.
    stirred: Notify,
}

#[derive(Debug)]
struct Offered {
    offer: Offer,
    pool: Arc<Pool>,
    serving: Serving,
}

/// What a program is answered.
#[derive(Debug, Serialize)]
struct Registered {
    service: ServiceName,
    version: String,
    instance: InstanceId,
    /// `created`, `changed` or `renewed`.
    outcome: &'static str,
    /// By when it has to be said again.
    ttl_s: u64,
    upstreams: Vec<UpstreamRow>,
}

impl Upstreams {
    pub(super) fn new(remote: bool) -> Self {
        Self { forwarder: Forwarder::new(), remote, offered: Mutex::default(), stirred: Notify::new() }
    }

    /// Forgets who does not renew, and asks who is well, for as long as the node lives.
    pub(super) async fn look_after(&self) {
        let (mut sweep, mut probe) = (interval(SWEEP), interval(PROBE));
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probing = None;
        loop {
            if self.offered.lock().await.is_empty() {
                self.stirred.notified().await;
            }
            tokio::select! {
                _ = sweep.tick() => self.offered.lock().await.retain(|_, offered| offered.pool.expire()),
                _ = probe.tick(), if probing.as_ref().is_none_or(JoinHandle::is_finished) => {
                    let pools: Vec<_> = self.offered.lock().await.values().map(|offered| Arc::clone(&offered.pool)).collect();
                    // Beside the sweep: a program that does not answer must not keep others from ending in time.
                    let forwarder = self.forwarder.clone();
                    probing = Some(tokio::spawn(async move { forwarder.probe(&pools).await }));
                }
            }
        }
    }

    async fn put(&self, node: &Inner, name: ServiceName, offer: Offer) -> Result<Registered, Problem> {
        let key = (name.clone(), offer.version.clone());
        let mut all = self.offered.lock().await;
        self.is_free(node, &all, &name)?;
        let (addresses, ttl) = (offer.addresses.clone(), offer.ttl);
        if let Some(known) = all.get(&key).filter(|known| known.offer.says_the_same(&offer)) {
            known.pool.renew(addresses, ttl)?;
            return Ok(registered(&name, known, "renewed"));
        }
        if all.len() >= SERVICES && !all.contains_key(&key) {
            let said = format!("programs offer {SERVICES} services here, as many as may be");
            return Err(Problem::new(Code::ResourceExhausted, said));
        }
        let pool = Arc::new(Pool::new(offer.health.clone()));
        pool.renew(addresses, ttl)?;
        let serving = self.register(node, &name, &offer, &pool).await?;
        let outcome = if all.contains_key(&key) { "changed" } else { "created" };
        let offered = Offered { offer, pool, serving };
        let answer = registered(&name, &offered, outcome);
        // Only now does the former one end: there is always somebody to call.
        all.insert(key, offered);
        self.stirred.notify_one();
        Ok(answer)
    }

    /// A service that this node itself offers is nobody else's.
    fn is_free(
        &self,
        node: &Inner,
        all: &BTreeMap<(ServiceName, Version), Offered>,
        name: &ServiceName,
    ) -> Result<(), Problem> {
        let ours: Vec<InstanceId> = all.values().map(|offered| offered.serving.instance()).collect();
        let here = node.rpc.directory.of_node(&node.net().me, &ServiceQuery::any(name.clone()));
        if here.iter().any(|instance| !ours.contains(&instance.record.value().instance)) {
            let said = format!("this node itself offers {name}; choose another name");
            return Err(Problem::new(Code::AlreadyExists, said));
        }
        Ok(())
    }

    async fn register(
        &self,
        node: &Inner,
        name: &ServiceName,
        offer: &Offer,
        pool: &Arc<Pool>,
    ) -> Result<Serving, Problem> {
        let builder = ServiceBuilder::new(Arc::clone(&node.rpc), name.as_str(), &offer.version.to_string());
        let mut builder = builder.map_err(|e| refused(&e))?.doc(&offer.doc);
        for (key, value) in &offer.metadata {
            builder = builder.metadata(key, value);
        }
        for endpoint in &offer.endpoints {
            let method: Arc<str> = endpoint.name.as_str().into();
            let (forwarder, pool, service) = (self.forwarder.clone(), Arc::clone(pool), name.clone());
            let gives_json = matches!(endpoint.response, Schema::Json(_));
            let handler = move |context, body| {
                let (forwarder, pool) = (forwarder.clone(), Arc::clone(&pool));
                let to = forward::To { service: service.clone(), method: Arc::clone(&method), gives_json };
                async move { forwarder.call(&pool, &to, &context, body).await }.boxed()
            };
            let name = endpoint.name.as_str();
            builder = builder.foreign_method(name, [endpoint.request.clone(), endpoint.response.clone()], handler);
            builder = builder.documented(name, &endpoint.doc);
            if endpoint.idempotent {
                builder = builder.idempotent(name);
            }
            if let Some(millis) = endpoint.deadline_hint_ms {
                builder = builder.promises(name, Duration::from_millis(millis.into()));
            }
        }
        builder.register().await.map_err(|e| refused(&e))
    }

    async fn delete(&self, name: &ServiceName, version: Option<&Version>, url: Option<&str>) -> Result<(), Problem> {
        let mut found = false;
        self.offered.lock().await.retain(|(of, at), offered| {
            if of != name || version.is_some_and(|version| version != at) {
                return true;
            }
            match url {
                None => {
                    found = true;
                    false
                }
                Some(url) => {
                    found |= offered.pool.forget(url);
                    offered.pool.expire()
                }
            }
        });
        if found { Ok(()) } else { Err(Problem::not_found(format!("no program offers {name} here, or not like that"))) }
    }
}

fn registered(name: &ServiceName, offered: &Offered, outcome: &'static str) -> Registered {
    Registered {
        service: name.clone(),
        version: offered.offer.version.to_string(),
        instance: offered.serving.instance(),
        outcome,
        ttl_s: offered.offer.ttl.as_secs(),
        upstreams: offered.pool.rows(),
    }
}

fn refused(error: &RegisterError) -> Problem {
    match error {
        RegisterError::Stopped => Problem::stopping(),
        _ => Problem::refused(error),
    }
}

/// `PUT /v1/services/{name}`.
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let name: ServiceName = name.parse().map_err(|e: NameError| Problem::refused(e))?;
    Params::of(request.uri(), &[])?;
    let body = body::read(request.into_body(), DESCRIPTION).await?;
    let offer = Offer::read(&body, shared.upstreams.remote)?;
    let answer = shared.upstreams.put(&*shared.node()?, name, offer).await?;
    let status = if answer.outcome == "created" { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(answer)).into_response())
}

/// `DELETE /v1/services/{name}`: all versions, or the one of `?version=`; with `?url=` only that address of it.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let name: ServiceName = name.parse().map_err(|e: NameError| Problem::refused(e))?;
    let params = Params::of(&uri, &["version", "url"])?;
    let version: Option<Version> = params.parsed("version")?;
    shared.upstreams.delete(&name, version.as_ref(), params.one("url")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
