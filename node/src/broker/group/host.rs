//! A node's part in a group, for all its members: it reads what coordinators note, knows who coordinates, and does so itself if it is
//! to.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{ServiceQuery, TopicName, TopicPattern},
    rpc::Status,
    service::EndpointKind,
    topic::sync::Scope,
};
use atoll_registry::topics::group::Settings;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OnceCell, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Group, Name,
    coordinator::{self, Coordinator},
    election,
    gather::SETTLE,
    notes::Notes,
    serve,
    wire::{REPORT, WORK},
};
use crate::{
    ServiceBuilder, Serving,
    broker::{
        From, Inner,
        interests::InterestId,
        tail::{Begin, Tail},
    },
    error::{JoinError, RegisterError},
};

/// How often the directory is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// How long a node that could not be reached is not taken for a coordinator.
const AVOID: Duration = Duration::from_secs(5);
/// Nodes that hold the topic and its dead letters, so that one of them can go on when the coordinator is gone.
const STANDBYS: usize = 3;
/// How long a coordinator that ends may take to note how far it has come.
const LEAVING: Duration = Duration::from_secs(1);

/// What this node is in a group.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// It does not know yet, or is about to coordinate.
    Settling,
    /// It coordinates.
    Coordinator(Arc<Coordinator>),
    /// Somebody else does.
    Member(NodeId),
}

impl Role {
    /// Who coordinates.
    pub(super) fn target(&self, me: NodeId) -> Option<NodeId> {
        match self {
            Self::Settling => None,
            Self::Coordinator(_) => Some(me),
            Self::Member(node) => Some(*node),
        }
    }
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Host {
    pub(super) inner: Arc<Inner>,
    pub(super) name: Arc<Name>,
    pub(super) settings: Settings,
    pub(super) from: From,
    pub(super) notes: Mutex<Notes>,
    pub(super) role: watch::Sender<Role>,
    /// Something has happened that may change who coordinates.
    pub(super) news: Notify,
    /// Whoever is to be asked for notes was asked, and what they had was read.
    pub(super) settled: CancellationToken,
    avoided: Mutex<HashMap<NodeId, Instant>>,
    /// Coordinators that members of this node are welcome at, and how many of them.
    links: Mutex<HashMap<NodeId, usize>>,
    end: CancellationToken,
    ended: CancellationToken,
}

/// Held by members; when the last one is gone the node takes part no longer.
#[derive(Debug)]
pub(super) struct TakesPart {
    pub(super) host: Arc<Host>,
    serving: OnceCell<Serving>,
}

impl TakesPart {
    /// Tells the network that this node takes part, once.
    pub(super) async fn offer(&self) -> Result<(), RegisterError> {
        self.serving.get_or_try_init(|| self.host.offer()).await.map(drop)
    }

    /// Cancelled once the node takes part no longer, and has noted how far the group has come.
    pub(super) fn ended(&self) -> CancellationToken {
        self.host.ended.clone()
    }

    pub(super) async fn leave(&self) {
        self.host.end.cancel();
        let _ = timeout(LEAVING, self.host.ended.cancelled()).await;
    }
}

impl Drop for TakesPart {
    fn drop(&mut self) {
        self.host.end.cancel();
    }
}

/// That a topic is wanted here, for as long as this is held.
struct Interested {
    inner: Arc<Inner>,
    id: InterestId,
}

impl Interested {
    fn begin(inner: &Arc<Inner>, topic: &TopicName) -> Self {
        let id = inner.begin_interest(&TopicPattern::from(topic.clone()), Scope::Everything);
        Self { inner: Arc::clone(inner), id }
    }
}

impl Drop for Interested {
    fn drop(&mut self) {
        self.inner.end_interest(self.id);
    }
}

/// That a member works for a coordinator.
pub(super) struct Linked {
    host: Arc<Host>,
    to: NodeId,
}

impl Drop for Linked {
    fn drop(&mut self) {
        if let Entry::Occupied(mut links) = self.host.links.lock().entry(self.to) {
            *links.get_mut() = links.get().saturating_sub(1);
            if *links.get() == 0 {
                links.remove();
            }
        }
        self.host.news.notify_one();
    }
}

impl Host {
    /// Begins to take part, once this node's part of `before` has ended: what that has noted last counts.
    pub(super) fn begin(group: &Group, before: Option<CancellationToken>) -> Result<TakesPart, JoinError> {
        let (inner, name) = (&group.inner, &group.name);
        let pattern = [TopicPattern::from(name.notes.clone())];
        let notes = Tail::new(inner, &pattern, Begin::Earliest, HashMap::new());
        let notes = notes.map_err(|full| JoinError::TooMany { reason: full.to_string() })?;
        let host = Arc::new(Self {
            inner: Arc::clone(inner),
            name: Arc::clone(name),
            settings: group.settings,
            from: group.from,
            notes: Mutex::default(),
            role: watch::Sender::new(Role::Settling),
            news: Notify::new(),
            settled: CancellationToken::new(),
            avoided: Mutex::default(),
            links: Mutex::default(),
            end: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        let run = Arc::clone(&host);
        inner.tasks.spawn(async move {
            let _ended = run.ended.clone().drop_guard();
            if let Some(before) = before {
                before.cancelled().await;
            }
            let _notes = Interested::begin(&run.inner, &run.name.notes);
            tokio::select! {
                () = run.read(notes) => {}
                () = run.compare() => {}
                () = run.work() => {}
            }
        });
        Ok(TakesPart { host, serving: OnceCell::new() })
    }

    async fn offer(self: &Arc<Self>) -> Result<Serving, RegisterError> {
        let (topic, group) = (&self.name.topic, &self.name.group);
        // The service must not keep the group alive, which owns it.
        let weak = Arc::downgrade(self);
        let of = move || weak.upgrade().ok_or_else(|| Status::unavailable("this node does not take part any more"));
        let (for_work, for_report) = (of.clone(), of);
        ServiceBuilder::new(Arc::clone(&self.inner.groups.rpc), &self.name.service, env!("CARGO_PKG_VERSION"))?
            .doc(format!("Members of {group}, who share the work on {topic}, are found by this service."))
            .metadata("topic", topic.as_str())
            .metadata("group", group.as_str())
            .concurrency(self.settings.members)
            .raw_stream(WORK, EndpointKind::Bidirectional, move |context, receiver, sender| {
                let host = for_work();
                async move { serve::member(&host?, &context, receiver, sender).await.map(|()| Bytes::new()) }
            })
            .raw_method(REPORT, move |context, _| {
                let host = for_report();
                async move { host?.told(&context) }
            })
            .idempotent(REPORT)
            .register()
            .await
    }

    /// Coordinates, or sees who does, for as long as the node takes part.
    async fn work(self: &Arc<Self>) {
        self.settled.cancelled().await;
        let mut standby = None;
        while !self.end.is_cancelled() {
            let order = self.order();
            let me = self.inner.me;
            if order.contains(&me) {
                // Dead letters are held by more than the one that has published them.
                let both = || [&self.name.topic, &self.name.dead].map(|topic| Interested::begin(&self.inner, topic));
                standby.get_or_insert_with(both);
            } else {
                standby = None;
            }
            match order.first() {
                Some(first) if *first != me => {
                    let role = Role::Member(*first);
                    self.role.send_if_modified(|known| {
                        let is_new = known.target(me) != Some(*first);
                        if is_new {
                            *known = role;
                        }
                        is_new
                    });
                    self.changed().await;
                }
                _ => coordinator::coordinate(self).await,
            }
        }
    }

    /// Something may have changed.
    async fn changed(&self) {
        tokio::select! {
            () = self.end.cancelled() => {}
            () = self.news.notified() => {}
            () = sleep(LOOK) => {}
        }
    }

    /// Whoever is to coordinate, and those that stand by.
    fn order(&self) -> Vec<NodeId> {
        let last = self.notes.lock().claim().map(|(_, node)| node);
        election::order(&self.name.notes, &self.candidates(), last, STANDBYS)
    }

    /// The nodes that take part and can be reached, as far as is known here.
    pub(super) fn candidates(&self) -> Vec<NodeId> {
        let mut nodes = vec![self.inner.me];
        let now = Instant::now();
        let links = self.links.lock();
        let mut avoided = self.avoided.lock();
        avoided.retain(|_, since| now.duration_since(*since) < AVOID);
        for (node, suspect) in self.taking_part() {
            // One call that fails makes a node suspect. While members work for it, that is no reason to take everything from them.
            let is_there = !suspect || links.contains_key(&node);
            if is_there && !avoided.contains_key(&node) && !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// The nodes that say that they take part, and whether they are suspect.
    pub(super) fn taking_part(&self) -> Vec<(NodeId, bool)> {
        let Ok(name) = self.name.service.parse() else { return Vec::new() };
        let found = self.inner.directory.find(&ServiceQuery::any(name));
        found.iter().map(|instance| (instance.node, instance.suspect)).collect()
    }

    /// A member of this node is welcome at a coordinator, for as long as this is held.
    pub(super) fn linked(self: &Arc<Self>, to: NodeId) -> Linked {
        *self.links.lock().entry(to).or_default() += 1;
        Linked { host: Arc::clone(self), to }
    }

    /// A node could not be reached as the coordinator.
    pub(super) fn avoid(&self, node: NodeId) {
        self.avoided.lock().insert(node, Instant::now());
        self.news.notify_one();
    }

    /// Resolves once this node is not to coordinate any more, in this epoch.
    pub(super) async fn overtaken(&self, epoch: u64) {
        loop {
            let claim = self.notes.lock().claim();
            let is_mine = claim == Some((epoch, self.inner.me)) && self.order().first() == Some(&self.inner.me);
            if !is_mine || self.end.is_cancelled() {
                return;
            }
            self.changed().await;
        }
    }

    /// This node's coordinator, as soon as it is known whether it has one; else who coordinates, if that is known.
    pub(super) async fn coordinating(&self) -> Result<Arc<Coordinator>, Option<NodeId>> {
        let mut role = self.role.subscribe();
        let known = async {
            let known = role.wait_for(|role| !matches!(role, Role::Settling)).await;
            known.map_or(Role::Settling, |role| role.clone())
        };
        tokio::select! {
            () = self.end.cancelled() => Err(None),
            role = timeout(2 * SETTLE, known) => match role {
                Ok(Role::Coordinator(coordinator)) => Ok(coordinator),
                Ok(Role::Member(node)) => Err(Some(node)),
                Ok(Role::Settling) | Err(_) => Err(None),
            },
        }
    }
}
