//! Making room: who is evicted for what is new. The rules, and why they are these, are told in [`shares`](super::shares).

use atoll_protocol::identity::NodeId;

use super::{
    Directory, Refused, Removal,
    shares::{Class, Group, Member, Standing, per_subnet},
};
use crate::{peers::Subnet, time::Time};

/// What a node is about to have.
struct Wanted {
    node: NodeId,
    /// None for this node itself, which is in no class.
    member: Option<Member>,
    /// Its service records, in place of those it has.
    records: usize,
    new: bool,
}

impl Directory {
    /// A node is connected to this one, from `subnet`, if that is counted ([`Subnet::counted`]): it is no stranger any more.
    pub fn connected(&mut self, node: NodeId, subnet: Option<Subnet>, now: Time) {
        self.expire(now);
        let forgotten = self.places.connected(node, subnet);
        self.regroup(node, forgotten);
    }

    /// A node is not connected any more. It stays known as long as there is room to remember that it was.
    pub fn disconnected(&mut self, node: NodeId) {
        self.places.disconnected(node);
    }

    /// Sets what a node has earned here; [`Standing::New`] unless told otherwise.
    pub fn set_standing(&mut self, node: NodeId, standing: Standing) {
        let forgotten = self.places.set_standing(node, standing);
        self.regroup(node, forgotten);
    }

    /// Evicts nodes until `node` may have `records`, or says why it may not.
    pub(super) fn make_room(&mut self, node: &NodeId, records: usize, new: bool) -> Result<(), Refused> {
        let member = (*node != self.me).then(|| self.places.member(node));
        let wanted = Wanted { node: *node, member, records, new };
        let limit = self.limit_of(&wanted);
        if records > limit {
            return Err(Refused::TooManyRecords { node: *node, count: records, limit });
        }
        self.trim_subnet(&wanted);
        loop {
            let excess = (self.others(&wanted) + records).saturating_sub(self.limits.records);
            let crowd = (self.table.len() + usize::from(new)).saturating_sub(self.limits.nodes.max(2));
            if excess == 0 && crowd == 0 {
                return Ok(());
            }
            let Some(victim) = self.victim(&wanted, excess > 0) else { return Ok(()) };
            self.evict(victim);
        }
    }

    /// Records that a node may have: as many as any node may, and no more than there is room for without taking from
    /// this node itself, or from the other class what that is entitled to.
    fn limit_of(&self, wanted: &Wanted) -> usize {
        let Some(member) = wanted.member else { return self.limits.records_per_node.min(self.limits.records) };
        let all = self.for_others();
        let other = member.class.other();
        let reserved = self.table.shares.records(Group::Class(other)).min(other.entitled(all));
        self.limits.records_per_node.min(all.saturating_sub(reserved))
    }

    /// Records that other nodes may have together.
    fn for_others(&self) -> usize {
        self.limits.records.saturating_sub(self.table.count_of(&self.me))
    }

    /// Records of all nodes but this.
    fn others(&self, wanted: &Wanted) -> usize {
        self.table.records().saturating_sub(self.table.count_of(&wanted.node))
    }

    fn victim(&mut self, wanted: &Wanted, for_records: bool) -> Option<NodeId> {
        let class = wanted.member.map_or(Class::Strangers, |member| member.class);
        let class = if self.exceeds(class, wanted, for_records) { class } else { class.other() };
        let mut first = |class| self.table.least_used(Group::Class(class), &wanted.node, for_records);
        first(class).or_else(|| first(class.other()))
    }

    /// Whether a class would have more than it is entitled to.
    fn exceeds(&self, class: Class, wanted: &Wanted, for_records: bool) -> bool {
        let (group, shares) = (Group::Class(class), &self.table.shares);
        let joins = wanted.member.is_some_and(|member| member.class == class);
        if for_records {
            let more = if joins { wanted.records } else { 0 };
            let held = if joins { self.table.count_of(&wanted.node) } else { 0 };
            shares.records(group).saturating_sub(held) + more > class.entitled(self.for_others())
        } else {
            shares.nodes(group) + usize::from(joins && wanted.new) > class.entitled(self.limits.nodes.max(2))
        }
    }

    /// Evicts nodes of `wanted`'s subnet until they have no more than their share, or there are no others.
    fn trim_subnet(&mut self, wanted: &Wanted) {
        let Some(subnet) = wanted.member.and_then(|member| member.subnet) else { return };
        let group = Group::Subnet(subnet);
        loop {
            let held = self.table.count_of(&wanted.node);
            let records = self.table.shares.records(group).saturating_sub(held) + wanted.records;
            let nodes = self.table.shares.nodes(group) + usize::from(wanted.new);
            let too_full = records > per_subnet(self.limits.records);
            if !too_full && nodes <= per_subnet(self.limits.nodes) {
                return;
            }
            let Some(victim) = self.table.least_used(group, &wanted.node, too_full) else { return };
            self.evict(victim);
        }
    }

    fn evict(&mut self, victim: NodeId) {
        if let Some(entry) = self.table.remove_node(&victim, Removal::Evicted, &mut self.changes) {
            self.floors.end_node(victim, entry.lease.value().seq, self.now, entry.expires());
        }
    }

    /// Counts a node, and one that was forgotten for it, where they now belong.
    fn regroup(&mut self, node: NodeId, forgotten: Option<NodeId>) {
        for node in forgotten.into_iter().chain([node]) {
            self.table.set_member(&node, self.places.member(&node));
        }
        if self.table.node(&node).is_some_and(|entry| entry.expires() != Time::NEVER) {
            let (member, records) = (Some(self.places.member(&node)), self.table.count_of(&node));
            self.trim_subnet(&Wanted { node, member, records, new: false });
        }
    }
}
