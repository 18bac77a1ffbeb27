//! What is told of groups.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    names::{GroupName, ServiceQuery, TopicName},
    rpc::Status,
    topic::{Epoch, Seq, work::Standing},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::{
    coordinator::Coordinator,
    host::{Host, Role},
    wire::REPORT,
};
use crate::{Client, Context, broker::Broker};

/// How long a coordinator is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// A group that this node takes part in.
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
    /// How far the group has come in each log, as far as this node knows.
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
    members: BTreeMap<NodeId, usize>,
}

impl Coordinator {
    fn tell(&self) -> Told {
        let state = self.state.lock();
        let mut members = BTreeMap::new();
        state.members().for_each(|member| *members.entry(member.node).or_default() += 1);
        Told { epoch: self.epoch, pending: state.group.pending(), leased: state.group.leased(), members }
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
            nodes,
            logs: notes.standings().map(log).collect(),
        }
    }

    async fn ask_coordinator(&self, coordinator: NodeId) -> Option<Told> {
        let client = Client::new(self.inner.groups.rpc.clone(), self.name.service.parse::<ServiceQuery>().ok()?);
        let told = client.call_raw(REPORT, Bytes::new()).peer(coordinator).deadline(PATIENCE).await.ok()?;
        serde_json::from_slice(&told).ok()
    }
}

impl Broker {
    /// The groups that this node takes part in.
    pub(crate) async fn groups(&self) -> Vec<GroupReport> {
        let parts = self.0.groups.parts();
        futures::future::join_all(parts.iter().map(|part| part.host.report())).await
    }
}
