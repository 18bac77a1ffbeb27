//! Applications of this machine that are exposed: what there is, and who takes it away.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use atoll_protocol::{identity::NodeId, names::ServiceName, service::EndpointKind, tunnel::CONNECT};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    access::Access,
    address::LocalAddress,
    carry::Traffic,
    door::Door,
    error::{ExposeError, KeepError, RemoveError},
    forward::Port,
    kept::Kept,
    places::Places,
    ports::describe_port,
    report::{ExposedApp, Origin, TunnelsReport},
    target::Target,
    tickets::Tickets,
    web::Web,
};
use crate::{
    ServiceBuilder, Serving,
    config::{ExposeConfig, TunnelsConfig},
    rpc::Rpc,
};

/// Applications that one node exposes, and ports that it forwards.
pub(super) const MOST: usize = 256;
/// Callers that may be saying what they want, beside the connections that are open.
const GREETING: usize = 128;
/// What the record of an application has as its version: it says nothing of the application's.
const VERSION: &str = "1.0.0";

/// What a node exposes and forwards; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tunnels(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) rpc: Arc<Rpc>,
    pub(super) config: TunnelsConfig,
    pub(super) tickets: Tickets,
    pub(super) kept: Kept,
    pub(super) web: Web,
    /// Held while something is shared or ceases to be.
    pub(super) sharing: tokio::sync::Mutex<()>,
    places: Arc<Places>,
    exposed: Mutex<BTreeMap<ServiceName, Entry>>,
    pub(super) ports: Mutex<BTreeMap<u64, OpenPort>>,
    pub(super) next: AtomicU64,
}

/// A port that is forwarded.
#[derive(Debug)]
pub(super) struct OpenPort {
    pub(super) port: Arc<Port>,
    pub(super) origin: Origin,
    pub(super) task: JoinHandle<()>,
}

/// One exposed application.
#[derive(Debug)]
struct Entry {
    door: Arc<Door>,
    origin: Origin,
    /// None while it is being registered.
    serving: Option<Serving>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.door.closed.cancel();
    }
}

/// An application that is exposed; dropping this ends that, and the connections to it.
#[must_use = "dropping it takes the application away"]
#[derive(Debug)]
pub struct Exposed {
    tunnels: Tunnels,
    door: Arc<Door>,
    held: bool,
}

impl Exposed {
    /// The name under which it is exposed.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.door.name
    }

    /// Why the application does not answer now, if it does not: it may come later.
    pub async fn trouble(&self) -> Option<String> {
        self.door.target.trouble().await
    }

    /// What there is to say of it.
    #[must_use]
    pub fn report(&self) -> ExposedApp {
        describe(&self.door, if self.held { Origin::Session } else { Origin::Kept })
    }

    /// Resolves when somebody has taken it away.
    pub async fn ended(&self) {
        self.door.closed.cancelled().await;
    }

    /// Keeps it exposed for as long as the node runs.
    pub(super) fn detach(mut self) {
        self.held = false;
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        if self.held {
            let removed = self.tunnels.take(&self.door);
            drop(removed);
        }
    }
}

impl Tunnels {
    pub(super) fn new(rpc: Arc<Rpc>, config: TunnelsConfig, tickets: Tickets, kept: Kept) -> Self {
        let places = Places::new(config.connections, config.connections_per_peer);
        let (exposed, ports, next) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let (web, sharing) = (Web::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { rpc, config, tickets, kept, web, sharing, places, exposed, ports, next }))
    }

    /// Begins to expose an application.
    pub(super) async fn expose(
        &self,
        name: ServiceName,
        target: Target,
        access: Access,
        doc: Option<String>,
        origin: Origin,
    ) -> Result<Exposed, ExposeError> {
        let inner = &self.0;
        let private = access.private;
        let door = Arc::new(Door {
            me: inner.rpc.net.me,
            name: name.clone(),
            target: target.clone(),
            access,
            tickets: inner.tickets.clone(),
            places: Arc::clone(&inner.places),
            connect: Duration::from_secs(inner.config.connect_secs),
            idle: Duration::from_secs(inner.config.idle_secs),
            traffic: Traffic::default(),
            closed: CancellationToken::new(),
        });
        {
            let mut exposed = inner.exposed.lock();
            if let Some(entry) = exposed.get(&name) {
                let target = entry.door.target.to_string();
                return Err(ExposeError::Already { service: name, target });
            }
            if exposed.len() >= MOST {
                return Err(ExposeError::TooMany { most: MOST });
            }
            exposed.insert(name.clone(), Entry { door: Arc::clone(&door), origin, serving: None });
        }
        // From here on, dropping it takes it away again.
        let exposed = Exposed { tunnels: self.clone(), door: Arc::clone(&door), held: true };
        let doc = doc.unwrap_or_else(|| {
            let what = match target {
                Target::Http(_) => "A web application",
                Target::Tcp(_) => "An application that speaks its own protocol",
                Target::Files(_) => "Files",
            };
            format!("{what}, reached through a tunnel.")
        });
        let mut builder = ServiceBuilder::new(Arc::clone(&inner.rpc), name.as_str(), VERSION)?
            .doc(doc)
            .raw_stream(CONNECT, EndpointKind::Bidirectional, move |context, receiver, sender| {
                let door = Arc::clone(&door);
                async move { door.serve(context, receiver, sender).await }
            })
            .documented(CONNECT, "Carries one connection to the application: see atoll_protocol::tunnel.")
            .reached_by(target.protocol())
            // It is the door that counts, for each peer and over all applications; it refuses with better words.
            .concurrency(inner.config.connections.saturating_add(GREETING))
            .queue(0);
        if private {
            builder = builder.unlisted();
        }
        let serving = builder.register().await?;
        if let Some(entry) = inner.exposed.lock().get_mut(&name).filter(|entry| Arc::ptr_eq(&entry.door, &exposed.door))
        {
            entry.serving = Some(serving);
        }
        Ok(exposed)
    }

    /// Takes the entry of this door out, if it is still there.
    fn take(&self, door: &Arc<Door>) -> Option<Entry> {
        let mut exposed = self.0.exposed.lock();
        let there = exposed.get(&door.name).is_some_and(|entry| Arc::ptr_eq(&entry.door, door));
        there.then(|| exposed.remove(&door.name)).flatten()
    }

    /// Keeps an application exposed over restarts.
    pub(super) async fn keep_exposed(&self, exposed: Exposed, config: ExposeConfig) -> Result<ExposedApp, KeepError> {
        if !self.0.kept.lasts() {
            return Err(KeepError::Nowhere);
        }
        self.0.kept.change(|content| content.expose.push(config)).await?;
        self.mark_kept(exposed.name());
        let report = describe(&exposed.door, Origin::Kept);
        exposed.detach();
        Ok(report)
    }

    /// Takes away what is exposed under this name, or forwarded on this port or address, and forgets it.
    pub(crate) async fn remove(&self, what: &str) -> Result<(), RemoveError> {
        let unknown = || RemoveError::Unknown { what: what.to_owned() };
        let configured = || RemoveError::Configured { what: what.to_owned() };
        if let Ok(local) = what.parse::<LocalAddress>() {
            let found = self
                .0
                .ports
                .lock()
                .iter()
                .find_map(|(number, open)| (open.port.local == local.0).then_some((*number, open.origin)));
            match found {
                Some((_, Origin::Config)) => return Err(configured()),
                Some((number, _)) => {
                    self.end_port(number);
                    let forget =
                        |content: &mut super::kept::Content| content.forward.retain(|kept| kept.local != local);
                    return Ok(self.0.kept.change(forget).await?);
                }
                None => {}
            }
        }
        let name: ServiceName = what.parse().map_err(|_| unknown())?;
        let origin = self.0.exposed.lock().get(&name).map(|entry| entry.origin).ok_or_else(unknown)?;
        if origin == Origin::Config {
            return Err(configured());
        }
        self.end_exposed(&name);
        Ok(self.0.kept.change(|content| content.expose.retain(|kept| kept.name != name)).await?)
    }

    /// What there is.
    pub(crate) fn report(&self) -> TunnelsReport {
        let exposed = self.0.exposed.lock().values().map(|entry| describe(&entry.door, entry.origin)).collect();
        let forwarded = self.0.ports.lock().values().map(|open| describe_port(&open.port, open.origin)).collect();
        TunnelsReport { exposed, forwarded }
    }

    /// The files that are shared, by the services that tickets name.
    pub(super) fn shares(&self) -> Vec<ServiceName> {
        let exposed = self.0.exposed.lock();
        let files = exposed.values().filter(|entry| matches!(entry.door.target, Target::Files(_)));
        files.map(|entry| entry.door.name.clone()).collect()
    }

    /// Says that it is kept from now on.
    pub(super) fn mark_kept(&self, name: &ServiceName) {
        if let Some(entry) = self.0.exposed.lock().get_mut(name) {
            entry.origin = Origin::Kept;
        }
    }

    /// Takes away what is exposed under this name.
    pub(super) fn end_exposed(&self, name: &ServiceName) {
        let removed = self.0.exposed.lock().remove(name);
        // The lock is not held while its service is withdrawn.
        drop(removed);
    }

    /// What is exposed under this name.
    pub(super) fn target(&self, name: &ServiceName) -> Option<Target> {
        self.0.exposed.lock().get(name).map(|entry| entry.door.target.clone())
    }

    /// Ends everything.
    pub(crate) fn close(&self) {
        let exposed = std::mem::take(&mut *self.0.exposed.lock());
        drop(exposed);
        let numbers: Vec<u64> = self.0.ports.lock().keys().copied().collect();
        numbers.into_iter().for_each(|number| self.end_port(number));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.ports.get_mut().values().for_each(|open| open.task.abort());
    }
}

fn describe(door: &Door, origin: Origin) -> ExposedApp {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    ExposedApp {
        name: door.name.clone(),
        protocol: door.target.protocol(),
        target: door.target.to_string(),
        private: door.access.private,
        allow: door.access.peers.clone(),
        origin,
        connections: count(&door.traffic.open),
        connections_total: count(&door.traffic.total),
        bytes_in: count(&door.traffic.to_app),
        bytes_out: count(&door.traffic.from_app),
    }
}

/// Nodes that are let in, as they stand in a configuration.
pub(super) fn access(peers: impl IntoIterator<Item = NodeId>, private: bool) -> Access {
    Access { peers: peers.into_iter().collect::<BTreeSet<_>>(), private }
}
