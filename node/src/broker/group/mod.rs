//! Groups: subscribers on any nodes that share a topic's work.
//!
//! ```text
//!  topic ──► feed ──► machine ──► seats ═══ streams ═══► members ──► jobs ──► programs
//!            (one node coordinates)   ◄════ answers ════                        │
//!                 │         │                                                   ▼
//!                 │         └──► <topic>/dead/<group>     what nobody manages   ack, nack, reject, extend
//!                 └──► <topic>/group/<group>              claims, and what is done: read by all nodes that take part
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`member`], [`job`] | the library's side: work, and what comes of it |
//! | [`host`] | a node's part in a group: who coordinates |
//! | [`election`], [`notes`], [`gather`] | who is to; what coordinators have noted, and how that is learnt |
//! | [`beginning`], [`coordinator`], [`feed`] | coordinating: the machine of [`atoll_registry::topics::group`] and what moves it |
//! | [`ledger`], [`graves`] | what a coordinator notes; dead letters |
//! | [`serve`], [`wire`] | members' streams at the coordinator's end; messages on them |
//! | [`report`] | what is told of groups |
//!
//! Every node with members offers a service, so all know who takes part. Members keep a stream to the coordinator, over the network or
//! within this node alike. Where the coordinator is gone, or was cut off, another one claims a later epoch, begins with what was noted,
//! and gives again what was not done by that: **at least once**. Nodes cut off from each other have coordinators of their own for as long
//! as that lasts; afterwards the later claim counts, and what was done under either is done.
//!
//! Members trust the nodes of their group: an entry comes from the coordinator, without its author's signature. On a topic with an owner
//! it is the owner who says what nodes those can be.

mod beginning;
mod coordinator;
mod election;
mod feed;
mod gather;
mod graves;
mod host;
mod job;
mod ledger;
mod member;
mod notes;
mod report;
mod serve;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use atoll_protocol::{
    limits,
    names::{GroupName, NameError, TopicName},
};
use atoll_registry::topics::group::Settings;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use self::host::{Host, TakesPart};
pub use self::{
    job::Job,
    member::Member,
    report::{GroupProgress, GroupReport, NodeMembers},
};
use super::{From, Inner};
use crate::{error::JoinError, rpc::Rpc};

/// Groups that one node takes part in at most.
const GROUPS: usize = 1_024;

/// A group to be joined; see [`Topic::group`](super::Topic::group). What is set is what this node goes by when it coordinates: members
/// of a group should set the same. On one node the first member's settings count.
#[must_use = "nobody works until the group is joined"]
#[derive(Debug)]
pub struct Group {
    inner: Arc<Inner>,
    name: Arc<Name>,
    settings: Settings,
    room: u32,
    from: From,
}

/// A group's names.
#[derive(Debug)]
struct Name {
    topic: TopicName,
    group: GroupName,
    /// The topic for notes.
    notes: TopicName,
    /// The topic for dead letters.
    dead: TopicName,
    /// The service of nodes that take part.
    service: String,
}

impl Group {
    pub(super) fn new(inner: Arc<Inner>, topic: TopicName, group: &str) -> Result<Self, NameError> {
        let group: GroupName = group.parse()?;
        let (notes, dead) = (topic.group_notes(&group)?, topic.dead_letters(&group)?);
        let service = wire::service(&topic, &group);
        let name = Arc::new(Name { topic, group, notes, dead, service });
        Ok(Self { inner, name, settings: Settings::default(), room: 1, from: From::Latest })
    }

    /// How long a member may take over a job before it is given to somebody else, unless it [extends](Job::extend) that; 30 s if
    /// nothing is said.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.settings.ack_wait = wait;
        self
    }

    /// How often a job is given before it is given up and becomes a dead letter; 5 times if nothing is said.
    pub fn deliveries(mut self, most: u32) -> Self {
        self.settings.deliveries = most;
        self
    }

    /// How long it takes until a job that was not managed is given again; twice as long each further time, five minutes at most. 1 s if
    /// nothing is said.
    pub fn backoff(mut self, wait: Duration) -> Self {
        self.settings.backoff = wait;
        self
    }

    /// Whether jobs with the same key are given one after the other, in the order in which they were published; so if nothing is said.
    pub fn key_order(mut self, on: bool) -> Self {
        self.settings.key_order = on;
        self
    }

    /// How many jobs this member may have in hand, 1024 at most; 1 if nothing is said. More saves the time between an answer and the
    /// next job; but what waits here for its turn no other member can take, and its time runs.
    pub fn room(mut self, jobs: u32) -> Self {
        self.room = jobs;
        self
    }

    /// Where the group begins, if it is new; [`From::Latest`] if nothing is said.
    pub fn from(mut self, from: From) -> Self {
        self.from = from;
        self
    }

    /// Joins.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(self) -> Result<Member, JoinError> {
        self.check()?;
        let part = Groups::take_part(&self)?;
        part.offer().await?;
        Ok(Member::new(part, self.room))
    }

    fn check(&self) -> Result<(), JoinError> {
        let wrong =
            |setting: &'static str, value: String, rule: String| Err(JoinError::Setting { setting, value, rule });
        if !(1..=limits::GROUP_ROOM).contains(&self.room) {
            let rule = format!("it takes a number from 1 to {}", limits::GROUP_ROOM);
            return wrong("room", self.room.to_string(), rule);
        }
        if self.settings.deliveries == 0 {
            return wrong("deliveries", "0".to_owned(), "a job is given at least once".to_owned());
        }
        if self.settings.ack_wait < Duration::from_millis(1) {
            return wrong("ack_wait", "0".to_owned(), "a member needs time for a job".to_owned());
        }
        Ok(())
    }
}

/// The groups that this node takes part in.
#[derive(Debug)]
pub(super) struct Groups {
    rpc: Arc<Rpc>,
    all: Mutex<BTreeMap<(TopicName, GroupName), Part>>,
}

/// A part that this node takes, or has taken and is about to end.
#[derive(Debug)]
struct Part {
    taken: Weak<TakesPart>,
    ended: CancellationToken,
}

impl Groups {
    pub(super) fn new(rpc: Arc<Rpc>) -> Self {
        Self { rpc, all: Mutex::default() }
    }

    fn take_part(group: &Group) -> Result<Arc<TakesPart>, JoinError> {
        let inner = &group.inner;
        let mut all = inner.groups.all.lock();
        all.retain(|_, part| !part.ended.is_cancelled());
        let id = (group.name.topic.clone(), group.name.group.clone());
        if let Some(part) = all.get(&id).and_then(|part| part.taken.upgrade()) {
            return Ok(part);
        }
        if all.len() >= GROUPS {
            return Err(JoinError::TooMany {
                reason: format!("this node takes part in {GROUPS} groups, as many as it may"),
            });
        }
        let before = all.get(&id).map(|part| part.ended.clone());
        let part = Arc::new(Host::begin(group, before)?);
        all.insert(id, Part { taken: Arc::downgrade(&part), ended: part.ended() });
        Ok(part)
    }

    fn parts(&self) -> Vec<Arc<TakesPart>> {
        self.all.lock().values().filter_map(|part| part.taken.upgrade()).collect()
    }
}

impl Inner {
    /// Coordinators note how far they have come, and end.
    pub(super) async fn leave_groups(&self) {
        let parts = self.groups.parts();
        futures::future::join_all(parts.iter().map(|part| part.leave())).await;
    }
}
