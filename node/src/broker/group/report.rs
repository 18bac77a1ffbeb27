//! What is told of groups.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{GroupName, ServiceQuery, TopicName},
    rpc::Status,
    topic::{Epoch, Seq, work::Standing},
};
use bytes::Bytes;
use futures::future::{join, join_all, select_ok};
use serde::{Deserialize, Serialize};

use super::{
    coordinator::Coordinator,
    host::{Host, Role},
    wire::{self, REPORT},
};
use crate::{
    Client, Context,
    broker::{Broker, Inner, disk::chain_id},
};

/// How long a coordinator is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// Nodes of a group that are asked whether they coordinate, where this node takes no part.
const ASKED: usize = 8;
/// Groups that are told of at most, in which this node takes no part.
const ELSEWHERE: usize = 64;

/// A group that this node takes part in, or knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReport {
    /// Whose work is shared.
    pub topic: TopicName,
    /// The group.
    pub group: GroupName,
    /// Who coordinates, if that is known.
    pub coordinator: Option<NodeId>,
    /// The coordinator's epoch.
    pub epoch: Option<u64>,
    /// The nodes that take part.
    pub nodes: Vec<NodeMembers>,
    /// Entries that were read and are not done; as said by the coordinator, if it could be asked.
    pub pending: Option<usize>,
    /// Those of them that somebody is working on.
    pub leased: Option<usize>,
    /// Dead letters that the coordinator holds; as said by it, if it could be asked.
    pub dead: Option<u64>,
    /// How far the group has come in each log, as far as this node knows; nothing, if it takes no part.
    pub logs: Vec<GroupProgress>,
}

/// A node that takes part in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeMembers {
    /// Which node.
    pub node: NodeId,
    /// How many members it has; as said by the coordinator, if it could be asked.
    pub members: Option<usize>,
    /// Whether it may be gone.
    pub suspect: bool,
}

/// How far a group has come in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupProgress {
    /// Whose log.
    pub author: NodeId,
    /// Which epoch of it.
    pub epoch: Epoch,
    /// Everything up to here is done.
    pub committed: Seq,
    /// Something up to here was taken up.
    pub taken: Seq,
}

/// What only the coordinator knows.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    epoch: u64,
    pending: usize,
    leased: usize,
    dead: u64,
    members: BTreeMap<NodeId, usize>,
}

impl Coordinator {
    fn tell(&self) -> Told {
        let state = self.state.lock();
        let mut members = BTreeMap::new();
        state.members().for_each(|member| *members.entry(member.node).or_default() += 1);
        let (pending, leased) = (state.group.pending(), state.group.leased());
        drop(state);
        Told { epoch: self.epoch, pending, leased, dead: self.dead_letters(), members }
    }

    fn dead_letters(&self) -> u64 {
        let topic = &self.name.dead;
        let logs = self.inner.logs.lock();
        let epochs = logs.shelf.logs(topic).flat_map(|log| log.chains().map(|(epoch, _)| (log.author(), epoch)));
        epochs.map(|(author, epoch)| logs.amount(&chain_id(topic, author, epoch)).1).sum()
    }
}

impl Host {
    /// How the group is doing, for other nodes that take part.
    pub(super) fn told(&self, context: &Context) -> Result<Bytes, Status> {
        let (topic, caller) = (&self.name.topic, context.caller());
        if !self.inner.logs.lock().policies.may_read(topic, &caller) {
            return Err(Status::permission_denied(format!("the owner of {topic} does not let {caller} read it")));
        }
        match &*self.role.borrow() {
            Role::Coordinator(coordinator) => {
                let told = serde_json::to_vec(&coordinator.tell());
                told.map(Bytes::from).map_err(|error| Status::internal(error.to_string()))
            }
            _ => Err(Status::failed_precondition("this node does not coordinate the group")),
        }
    }

    async fn report(&self) -> GroupReport {
        let (me, role) = (self.inner.me, self.role.borrow().clone());
        let told = match &role {
            Role::Coordinator(coordinator) => Some(coordinator.tell()),
            Role::Member(node) => self.ask_coordinator(*node).await,
            Role::Settling => None,
        };
        let members = |node: &NodeId| told.as_ref().map(|told| told.members.get(node).copied().unwrap_or_default());
        let nodes = self.taking_part().into_iter();
        let nodes = nodes.map(|(node, suspect)| NodeMembers { node, members: members(&node), suspect }).collect();
        let notes = self.notes.lock();
        let log = |((author, epoch), standing): (&(NodeId, Epoch), &Standing)| {
            let (author, epoch) = (*author, *epoch);
            GroupProgress { author, epoch, committed: standing.committed(), taken: standing.to }
        };
        GroupReport {
            topic: self.name.topic.clone(),
            group: self.name.group.clone(),
            coordinator: role.target(me),
            epoch: told.as_ref().map(|told| told.epoch).or_else(|| notes.claim().map(|(epoch, _)| epoch)),
            pending: told.as_ref().map(|told| told.pending),
            leased: told.as_ref().map(|told| told.leased),
            dead: told.as_ref().map(|told| told.dead),
            nodes,
            logs: notes.standings().map(log).collect(),
        }
    }

    async fn ask_coordinator(&self, coordinator: NodeId) -> Option<Told> {
        ask(&self.inner, &self.name.service, coordinator).await
    }
}

async fn ask(inner: &Inner, service: &str, coordinator: NodeId) -> Option<Told> {
    let client = Client::new(Arc::clone(&inner.groups.rpc), service.parse::<ServiceQuery>().ok()?);
    let told = client.call_raw(REPORT, Bytes::new()).peer(coordinator).deadline(PATIENCE).await.ok()?;
    serde_json::from_slice(&told).ok()
}

/// The nodes that take part in groups, and whether they are suspect.
type Elsewhere = BTreeMap<(TopicName, GroupName), BTreeMap<NodeId, bool>>;

impl Inner {
    /// Groups that others say they take part in.
    fn groups_elsewhere(&self) -> Elsewhere {
        let mut groups = Elsewhere::new();
        for instance in self.directory.view().instances() {
            let record = instance.record.value();
            let named = |name: &str| record.metadata.get(name);
            let parsed = |topic: &String, group: &String| Some((topic.parse().ok()?, group.parse().ok()?));
            let Some((topic, group)) = named("topic").zip(named("group")).and_then(|(t, g)| parsed(t, g)) else {
                continue;
            };
            // Anybody may say anything in metadata.
            if record.name.as_str() == wire::service(&topic, &group) {
                groups.entry((topic, group)).or_default().insert(instance.node, instance.suspect);
            }
        }
        groups
    }

    /// A group in which this node takes no part: whichever of its nodes tells how it is doing coordinates it.
    async fn report_elsewhere(
        &self,
        (topic, group): (TopicName, GroupName),
        nodes: BTreeMap<NodeId, bool>,
    ) -> GroupReport {
        let service = wire::service(&topic, &group);
        let asked = nodes.iter().filter(|(_, suspect)| !**suspect).take(ASKED);
        let asked = asked.map(|(node, _)| {
            let told = ask(self, &service, *node);
            Box::pin(async { told.await.map(|told| (*node, told)).ok_or(()) })
        });
        let asked: Vec<_> = asked.collect();
        let told = if asked.is_empty() { None } else { select_ok(asked).await.ok().map(|(told, _)| told) };
        let (coordinator, told) = told.unzip();
        let members = |node: &NodeId| told.as_ref().map(|told| told.members.get(node).copied().unwrap_or_default());
        let nodes =
            nodes.iter().map(|(node, suspect)| NodeMembers { node: *node, members: members(node), suspect: *suspect });
        GroupReport {
            topic,
            group,
            coordinator,
            epoch: told.as_ref().map(|told| told.epoch),
            nodes: nodes.collect(),
            pending: told.as_ref().map(|told| told.pending),
            leased: told.as_ref().map(|told| told.leased),
            dead: told.as_ref().map(|told| told.dead),
            logs: Vec::new(),
        }
    }
}

impl Broker {
    /// The groups that this node takes part in, and those that it knows of; all, or those of a topic.
    pub(crate) async fn groups(&self, of: Option<&TopicName>) -> Vec<GroupReport> {
        let inner = &*self.0;
        let is_meant = |topic: &TopicName| of.is_none_or(|of| of == topic);
        let parts: Vec<_> = inner.groups.parts().into_iter().filter(|part| is_meant(&part.host.name.topic)).collect();
        let mut elsewhere = inner.groups_elsewhere();
        elsewhere.retain(|(topic, _), _| is_meant(topic));
        for part in &parts {
            let name = &part.host.name;
            elsewhere.remove(&(name.topic.clone(), name.group.clone()));
        }
        let elsewhere = elsewhere.into_iter().take(ELSEWHERE).map(|(id, nodes)| inner.report_elsewhere(id, nodes));
        let (mut reports, others) =
            join(join_all(parts.iter().map(|part| part.host.report())), join_all(elsewhere)).await;
        reports.extend(others);
        reports.sort_by(|a, b| (&a.topic, &a.group).cmp(&(&b.topic, &b.group)));
        reports
    }
}
