//! Topics: what is published and subscribed to, on this node and over the network.
//!
//! A data plane of its own: entries pass through neither the swarm's task nor the directory's actor. The machines are
//! [`atoll_protocol::topic`] and [`atoll_registry::topics`]; here they get threads, a disk and a network.
//!
//! ```text
//!  publish ──► drafts ──► writer ─────────► store ──► readers ──► subscriptions, followers
//!                          (one thread,       ▲
//!                           group commit)     │ take in
//!                            │                │
//!                            ▼              logs ◄── gossip (fresh and small), follow (fast), ask (what is missing)
//!                          gossip
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`topic`], [`publish`], [`subscription`], [`message`], [`filter`] | the library's side |
//! | [`drafts`], [`writer`], [`acks`] | publishing: batches, group commit, levels of acknowledgement |
//! | [`logs`], [`recent`], [`disk`] | what is held: in short, lately, and all of it |
//! | [`readers`], [`tail`] | reading logs as they grow |
//! | [`gossip`], [`sync`], [`holes`] | telling others, asking others, and more of them for what the first one lacks |
//! | [`group`] | subscribers that share a topic's work |
//! | [`interests`], [`keep`], [`retain`], [`upkeep`] | what is wanted here, kept for others, deleted; and when |
//! | [`sessions`], [`taken`] | subscriptions that outlive their subscribers, and how far they have come |
//! | [`report`] | what there is, for whoever looks |
//!
//! An entry of this node's own is with the operating system before anybody hears of it, and no acknowledgement is given before what it
//! claims is so.

mod acks;
mod disk;
mod drafts;
mod filter;
mod gossip;
mod group;
mod holes;
mod interests;
mod keep;
mod logs;
mod message;
mod publish;
mod readers;
mod recent;
mod report;
mod retain;
mod sessions;
mod subscribe;
mod subscription;
mod sync;
mod syncer;
mod tail;
mod taken;
mod tasks;
#[cfg(test)]
mod tests;
mod topic;
mod upkeep;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::{NetworkName, TopicName, TopicPattern},
    sealed::Verified,
    topic::{Batch, Epoch, Head},
};
use atoll_registry::{
    store::{Store, StoreError},
    topics::{access::Policies, keepers::Volunteer},
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use self::{
    acks::Acks,
    disk::Disk,
    drafts::Drafts,
    group::Groups,
    holes::Holes,
    interests::Interests,
    keep::{Keeping, SERVICE as KEEPER, WEIGHT},
    logs::Logs,
    sessions::Sessions,
    sync::{Asks, Follows},
    syncer::Unsynced,
    tasks::Tasks,
    upkeep::Upkeep,
    writer::{Bell, Writer},
};
pub(crate) use self::{
    disk::Mark,
    report::{EpochReport, LogReport, OutboxReport, PendingReport, TopicReport},
    sync::serve_stream,
};
pub use self::{
    group::{Group, GroupProgress, GroupReport, Job, Member, NodeMembers},
    message::{Delivery, Gap, Message},
    publish::{Publish, Published},
    subscribe::{From, Subscribe},
    subscription::Subscription,
    topic::Topic,
};
use crate::{
    ServiceBuilder, Serving,
    clock::Clock,
    config::TopicsConfig,
    directory::Directory,
    error::{PublishError, RegisterError},
    net::{Net, TopicEvent},
    rpc::Rpc,
};

/// KiB of batches that may be on their way from the network to the disk.
const PLACES: usize = 32 * 1024;
/// This node's own batches that may wait to be gossiped.
const NEWS: usize = 1024;

/// Handle to the broker; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Broker(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    key: SecretKey,
    me: NodeId,
    network: NetworkName,
    clock: Clock,
    net: Net,
    directory: Directory,
    config: TopicsConfig,
    disk: Disk,
    logs: Mutex<Logs>,
    interests: Mutex<Interests>,
    drafts: Drafts,
    acks: Acks,
    keeping: Keeping,
    asks: Asks,
    follows: Follows,
    upkeep: Upkeep,
    holes: Holes,
    sessions: Sessions,
    groups: Groups,
    bell: Arc<Bell>,
    unsynced: Arc<Unsynced>,
    news: mpsc::Sender<Arc<Batch>>,
    /// Heads of logs that there was no room for among the news, by topic.
    unsaid: Mutex<BTreeMap<TopicName, Verified<Head>>>,
    places: Arc<Semaphore>,
    mark: Mark,
    volunteers: Mutex<(u64, Arc<[Volunteer]>)>,
    tasks: Tasks,
}

/// What the broker needs to start.
pub(crate) struct Setup {
    pub(crate) key: SecretKey,
    pub(crate) network: NetworkName,
    pub(crate) events: mpsc::Receiver<TopicEvent>,
    /// By which members of groups find each other, and speak.
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) store: Arc<dyn Store>,
    /// Of this run; what the last one has left tells whether it knows all that was published.
    pub(crate) mark: Mark,
    pub(crate) clock: Clock,
    pub(crate) config: TopicsConfig,
}

/// Takes up what was left by the last run, and starts.
pub(crate) fn start(setup: Setup) -> Result<Broker, StoreError> {
    let Setup { key, network, events, rpc, store, mark, clock, config } = setup;
    let (net, directory) = (rpc.net.clone(), rpc.directory.clone());
    let (me, disk) = (key.node_id(), Disk::new(store));
    let mut logs = Logs::new(me, disk.clone(), rpc.trust.clone(), config.quotas(), Policies::new(config.owners()));
    let damaged = logs.restore(disk.found()?);
    if damaged > 0 {
        tracing::warn!("{damaged} logs of topics cannot be read; what they held is asked for again");
    }
    let acks = Acks::new(me);
    let own = logs.shelf.topics().filter_map(|topic| logs.log(topic, &me)).flat_map(|log| log.chains());
    let last = own.inspect(|(_, chain)| acks.found(chain.tail())).map(|(epoch, _)| epoch).max();
    let mark = mark.after(disk.mark().as_ref(), damaged, Epoch::begin(clock.wall(), last));
    disk.set_mark(&mark)?;
    let (news, to_tell) = mpsc::channel(NEWS);
    let inner = Arc::new(Inner {
        key,
        me,
        network,
        clock,
        net,
        directory,
        sessions: Sessions::new(config.sessions()),
        groups: Groups::new(rpc),
        config,
        disk,
        logs: Mutex::new(logs),
        interests: Mutex::default(),
        drafts: Drafts::new(),
        acks,
        keeping: Keeping::default(),
        asks: Asks::default(),
        follows: Follows::default(),
        upkeep: Upkeep::default(),
        holes: Holes::default(),
        bell: Arc::default(),
        unsynced: Arc::default(),
        news,
        unsaid: Mutex::default(),
        places: Arc::new(Semaphore::new(PLACES)),
        mark,
        volunteers: Mutex::default(),
        tasks: Tasks::new(),
    });
    inner.restore_policies();
    inner.restore_kept();
    if let Err(error) = Writer::start(&inner) {
        tracing::error!("cannot start the thread that writes topics: {error}; nothing can be published");
        inner.drafts.close();
    }
    inner.tasks.spawn(gossip::tell(Arc::clone(&inner), to_tell));
    inner.tasks.spawn(upkeep::run(Arc::clone(&inner), events));
    Ok(Broker(inner))
}

/// Offers to keep others' topics.
pub(crate) async fn offer_to_keep(rpc: &Arc<Rpc>, weight: u8) -> Result<Serving, RegisterError> {
    ServiceBuilder::new(Arc::clone(rpc), KEEPER, env!("CARGO_PKG_VERSION"))?
        .doc("Keeps topics for their publishers and subscribers, who find it by this service.")
        .metadata(WEIGHT, weight.to_string())
        .register()
        .await
}

impl Broker {
    pub(crate) fn topic(&self, name: TopicName) -> Topic {
        Topic::new(Arc::clone(&self.0), name)
    }

    pub(crate) fn subscribe(&self, pattern: TopicPattern) -> Subscribe {
        Subscribe::new(Arc::clone(&self.0), pattern)
    }

    /// Everything that was published or taken in so far is on the disk, once this resolves.
    pub(crate) async fn synced(&self) {
        let _ = self.0.bell.sync().await;
    }

    /// Coordinators note how far their groups have come, as long as that still gets out.
    pub(crate) async fn leave_groups(&self) {
        self.0.leave_groups().await;
    }

    /// Ends without a word: the node was dropped.
    pub(crate) fn abandon(&self) {
        self.0.bell.gone();
        self.0.end();
        self.0.disk.close();
    }

    /// Writes and syncs everything, and ends. Nothing can be published from then on.
    pub(crate) async fn close(&self) {
        self.0.save_sessions();
        let closed = self.0.bell.close();
        let _ = closed.await;
        self.0.end();
        self.0.tasks.ended().await;
        self.0.disk.close();
    }
}

impl Inner {
    /// A place for a batch of somebody else on its way to the disk, waited for; none if the node is stopping.
    async fn place(&self, batch: &Batch) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_many_owned(kib(batch)).await.ok()
    }

    /// The same, if there is one now.
    fn try_place(&self, batch: &Batch) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_many_owned(kib(batch)).ok()
    }

    /// The writer has ended; `clean` if everything is on the disk.
    fn ended(&self, clean: bool) {
        if clean && let Err(error) = self.disk.set_mark(&self.mark.clone().ended()) {
            tracing::error!("{error}");
        }
    }

    /// Whether nothing more happens.
    fn has_ended(&self) -> bool {
        self.places.is_closed()
    }

    /// Nothing more happens.
    fn end(&self) {
        self.places.close();
        self.drafts.close().values().flatten().for_each(|round| round.fail(&PublishError::Stopped));
        self.acks.end();
        self.logs.lock().readers.end_all();
        self.tasks.end();
    }
}

fn kib(batch: &Batch) -> u32 {
    u32::try_from(batch.len().div_ceil(1024) + 1).unwrap_or(u32::MAX)
}
