//! Publishing and resolving service records.
//!
//! One actor (see [`actor`]) owns the registry's view and is its only writer; everything else reads the view under a
//! shared lock that is never held across anything slow. Records are verified before they reach the actor's lock.
//!
//! Three ways to learn of a service, one truth: gossiped announcements, synchronisation with a neighbour or the
//! provider, and provider records in the DHT for names outside the view.

mod actor;
mod adjacency;
mod exchange;
mod keys;
mod resolve;
mod restore;
mod schemas;
mod sync;
#[cfg(test)]
mod tests;
mod watch;

use std::{collections::HashSet, sync::Arc};

use atoll_protocol::{
    directory::{Heads, Summary, SyncRequest},
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName, ServiceQuery},
    sealed::Verified,
    service::{ServiceRecord, Withdrawal},
};
use atoll_registry::{
    exchange::Moment,
    routes::LinkState,
    services::{Batch, Change, Directory as View, DirectoryLimits, Instance, KnownNode, Search, SearchQuery},
    time::Time,
};
use libp2p::Multiaddr;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::{
    sync::{Notify, broadcast, mpsc, oneshot, watch as latest},
    task::JoinHandle,
};

pub use watch::Watch;

pub(crate) use schemas::{Described, Schemas};
pub(crate) use sync::serve_stream;

use crate::{
    clock::Clock,
    error::RegisterError,
    event::Events,
    net::{Net, NetEvent},
    storage::Storage,
};

/// Commands that may wait for the actor.
const COMMANDS: usize = 256;
/// Changes that a slow watcher may be behind before it has to look at the whole view again.
const CHANGES: usize = 1024;

/// What the actor is asked to do.
#[derive(Debug)]
enum Command {
    Register {
        record: Box<ServiceRecord>,
        reply: oneshot::Sender<Result<(), RegisterError>>,
    },
    /// A synchronisation has brought these, verified; answered once they are in the view.
    Learned {
        source: NodeId,
        batches: Vec<Batch>,
        reply: oneshot::Sender<()>,
    },
    /// A neighbour has said where its view differs.
    Compared {
        peer: NodeId,
        asked: Summary,
        heads: Heads,
    },
    /// A neighbour has compared its view with this node's, and they differ.
    WasCompared {
        peer: NodeId,
    },
    /// What the exchange wanted asked has been answered, or not.
    Asked {
        peer: NodeId,
        question: SyncRequest,
        ok: bool,
    },
    /// A neighbour is leaving; answered once that has been taken in.
    Goodbye {
        peer: NodeId,
        withdrawal: Verified<Withdrawal>,
        reply: oneshot::Sender<()>,
    },
    ContactFailed {
        node: NodeId,
    },
    /// These were known before a restart, verified again; answered with how many of them are listed now.
    Restore {
        sets: Vec<Batch>,
        /// What was found of these is no record set.
        rubbish: Vec<NodeId>,
        reply: oneshot::Sender<usize>,
    },
    /// That was all.
    Restored,
    /// Of the survey of who is connected to whom.
    Survey(adjacency::Input),
    Shutdown {
        reply: oneshot::Sender<()>,
    },
}

/// Services dropped by their owners since the actor last looked; bounded by the number of services registered.
#[derive(Debug, Default)]
struct Dropped {
    instances: Mutex<HashSet<InstanceId>>,
    news: Notify,
}

/// Handle to the directory; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    view: Arc<RwLock<View>>,
    /// Who is connected to whom. Where both are locked, the view is first.
    map: Arc<RwLock<LinkState>>,
    net: Net,
    network: NetworkName,
    clock: Clock,
    schemas: Schemas,
    commands: mpsc::Sender<Command>,
    /// Weak, since it is the end of the actor that ends the watches.
    changes: broadcast::WeakSender<Change>,
    dropped: Arc<Dropped>,
    joined: latest::Receiver<bool>,
}

/// What the directory needs to start.
pub(crate) struct Setup {
    pub(crate) key: SecretKey,
    pub(crate) network: NetworkName,
    pub(crate) net: Net,
    pub(crate) net_events: mpsc::Receiver<NetEvent>,
    pub(crate) storage: Storage,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
}

/// Starts the actor.
pub(crate) fn start(setup: Setup) -> (Directory, JoinHandle<()>) {
    let view = Arc::new(RwLock::new(View::new(setup.net.me, DirectoryLimits::default())));
    let map = Arc::new(RwLock::new(LinkState::new(setup.net.me)));
    let (commands, requests) = mpsc::channel(COMMANDS);
    let changes = broadcast::Sender::new(CHANGES);
    let (joining, joined) = latest::channel(false);
    let directory = Directory {
        view,
        map,
        net: setup.net,
        network: setup.network,
        clock: setup.clock,
        schemas: Schemas::new(setup.storage.clone()),
        commands,
        changes: changes.downgrade(),
        dropped: Arc::default(),
        joined,
    };
    let inputs = actor::Inputs { commands: requests, net: setup.net_events };
    let outputs = actor::Outputs { joining, changes, events: setup.events, storage: setup.storage };
    restore::start(directory.clone(), &outputs.storage);
    let actor = tokio::spawn(actor::run(directory.clone(), setup.key, inputs, outputs));
    (directory, actor)
}

impl Directory {
    /// The view, to be read and let go of at once.
    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read()
    }

    /// Whether what a node says of itself is not to be listed, since its identity cost too little.
    fn is_void(&self, author: &NodeId) -> bool {
        self.net.conduct.is_void(author, self.net.connections.best(author).as_deref())
    }

    /// Known instances, suspects last.
    pub(crate) fn find(&self, query: &ServiceQuery) -> Vec<Instance> {
        self.view.read().find(query)
    }

    /// Those of them that run on this node.
    pub(crate) fn of_node(&self, node: &NodeId, query: &ServiceQuery) -> Vec<Instance> {
        self.view.read().of_node(node, query)
    }

    /// Changes whenever what is listed does.
    pub(crate) fn generation(&self) -> u64 {
        self.view.read().generation()
    }

    /// The node's time.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Now, and a number drawn for it, as the registry wants to be told.
    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), wall: self.clock.wall(), random: rand::random() }
    }

    /// The node's time at that moment.
    pub(crate) fn time_of(&self, moment: tokio::time::Instant) -> Time {
        self.clock.time_of(moment.into_std())
    }

    /// A node, if known.
    pub(crate) fn node(&self, node: &NodeId) -> Option<KnownNode> {
        self.view.read().node(node)
    }

    /// Where a node says that it can be dialled.
    pub(crate) fn addresses_of(&self, node: &NodeId) -> Vec<Multiaddr> {
        let known = self.node(node).and_then(|n| n.record);
        known.map(|r| r.value().addresses.iter().filter_map(|a| a.parse().ok()).collect()).unwrap_or_default()
    }

    /// Looks for services among those that are listed. Long texts take a while: the view is let go of before.
    pub(crate) fn search(&self, query: &SearchQuery) -> Search {
        let candidates = self.view.read().candidates(query);
        let ranking = candidates.rank(query);
        self.view.read().found(query, ranking)
    }

    /// Begins to offer a service.
    pub(crate) async fn register(&self, mut record: ServiceRecord) -> Result<(), RegisterError> {
        // At hand before they are named: nobody may hear of a schema that is not there.
        self.schemas.hold_own(&mut record)?;
        let (reply, done) = oneshot::channel();
        let command = Command::Register { record: Box::new(record), reply };
        self.commands.send(command).await.map_err(|_| RegisterError::Stopped)?;
        done.await.map_err(|_| RegisterError::Stopped)?
    }

    /// Stops offering an instance. Never waits, so that it can be called on drop.
    pub(crate) fn withdraw(&self, instance: InstanceId) {
        self.schemas.release_own(&instance);
        self.dropped.instances.lock().insert(instance);
        self.dropped.news.notify_one();
    }

    /// A call did not reach this node.
    pub(crate) fn contact_failed(&self, node: NodeId) {
        // A hint: where the actor is busy, the next failure gives it again.
        let _ = self.commands.try_send(Command::ContactFailed { node });
    }

    /// Changes from now on, beginning with what is there.
    pub(crate) fn watch(&self) -> Watch {
        // Subscribed before the view is read: a change in between is seen twice, never missed. Of a node that has
        // stopped there is no sender any more.
        let changes = self.changes.upgrade().unwrap_or_else(|| broadcast::Sender::new(1)).subscribe();
        Watch::new(changes, Arc::clone(&self.view))
    }

    /// Resolves once the node is part of the network.
    pub(crate) async fn joined(&self) {
        let mut joined = self.joined.clone();
        // An error means that the node has stopped: then there is nothing to wait for.
        let _ = joined.wait_for(|joined| *joined).await;
    }

    /// Whether the node is part of the network.
    pub(crate) fn has_joined(&self) -> bool {
        *self.joined.borrow()
    }

    /// The network that this is the directory of.
    pub(crate) fn network(&self) -> &NetworkName {
        &self.network
    }

    /// Withdraws everything and tells the neighbours.
    pub(crate) async fn shutdown(&self) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(Command::Shutdown { reply }).await.is_ok() {
            let _ = done.await;
        }
    }
}
