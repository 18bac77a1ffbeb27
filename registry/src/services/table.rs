//! The table of nodes and their records, with its three indices: by service name, by end of lease, by order of eviction.
//!
//! Invariant: after every call the indices and the record count agree with the nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::InstanceId,
    sealed::{Hash, Proved, Verified},
    service::{Lease, NodeRecord, Seq, ServiceRecord},
};

use super::{
    depth::{Part, covers},
    index::Index,
    known::Instance,
    names::{Listed, Names},
    plan::Plan,
    presence::Presence,
    shares::{Class, Group, Member, Rank, Shares},
    watch::{Change, Changes, Removal},
};
use crate::time::Time;

/// What is known of one node.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) lease: Verified<Lease>,
    /// When the lease arrived.
    pub(super) renewed: Time,
    pub(super) record: Option<Proved<NodeRecord>>,
    pub(super) services: BTreeMap<InstanceId, Held>,
    /// Digest of `record` and `services`.
    held: Hash,
    /// The highest lease whose whole record set was held.
    pub(super) settled: Option<Seq>,
    /// When the lease ends, when the node was last of use, whether it is suspect.
    presence: Arc<Presence>,
    /// Whether it is known only from before a restart: then it is suspect, too.
    pub(super) restored: bool,
    /// Where the node stands in the order of eviction, which lags behind its use.
    rank: Rank,
    /// Where it is counted, and with how many records.
    member: Member,
    counted: usize,
}

/// A record held.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) record: Proved<ServiceRecord>,
    pub(super) learnt: Time,
}

/// All nodes and their records.
#[derive(Debug, Default)]
pub(super) struct Table {
    nodes: BTreeMap<NodeId, Entry>,
    names: Names,
    /// The same for searches, which read more of a record.
    index: Index,
    expiries: BTreeSet<(Time, NodeId)>,
    /// What nodes have, and in which order they are evicted; without this node, which never is.
    pub(super) shares: Shares,
    records: usize,
    part: Part,
}

impl Entry {
    /// A node of which only the lease is known.
    pub(super) fn new(lease: Verified<Lease>, member: Member, now: Time, expires: Time) -> Self {
        Self {
            lease,
            renewed: now,
            presence: Arc::new(Presence::new(now, expires)),
            record: None,
            services: BTreeMap::new(),
            held: Hash::of_set([]),
            settled: None,
            restored: false,
            rank: Rank { trusted: member.trusted, services: false, inside: false, used: now },
            member,
            counted: 0,
        }
    }

    /// Whether what is held is the node's whole record set under its lease.
    pub(super) fn complete(&self) -> bool {
        self.held == self.lease.value().digest
    }

    /// How long ago the lease was made, as far as can be told.
    pub(super) fn age(&self, now: Time) -> Duration {
        let heard = now.since(self.renewed);
        if self.mortal() {
            heard.max(self.lease.value().ttl().saturating_sub(self.expires().since(now)))
        } else {
            heard
        }
    }

    /// When the lease ends; [`Time::NEVER`] for this node itself.
    pub(super) fn expires(&self) -> Time {
        self.presence.expires()
    }

    pub(super) fn suspect(&self) -> bool {
        self.presence.suspect()
    }

    /// Notes that one of the node's records was wanted.
    pub(super) fn mark_used(&self, now: Time) {
        self.presence.mark_used(now);
    }

    /// A record of this node as it is told.
    pub(super) fn instance(&self, held: &Held) -> Instance {
        self.listed(held).instance()
    }

    /// A record of this node as it is listed by its name.
    fn listed(&self, held: &Held) -> Listed {
        Listed { record: held.record.clone(), learnt: held.learnt, node: Arc::clone(&self.presence) }
    }

    /// A complete record set settles all that was said up to its lease.
    fn settle_if_complete(&mut self) -> bool {
        let complete = self.complete();
        if complete {
            self.settled = self.settled.max(Some(self.lease.value().seq));
        }
        complete
    }

    fn rank_now(&self, inside: bool) -> Rank {
        let (services, used) = (!self.services.is_empty(), self.presence.used());
        Rank { trusted: self.member.trusted, services, inside, used }
    }

    fn mortal(&self) -> bool {
        self.expires() != Time::NEVER
    }

    /// This node itself is no stranger.
    fn class(&self) -> Class {
        if self.mortal() { self.member.class } else { Class::Known }
    }

    fn refresh_digest(&mut self) {
        let services = self.services.values().map(|held| held.record.hash());
        self.held = Hash::of_set(services.chain(self.record.as_ref().map(Proved::hash)));
    }
}

impl Table {
    pub(super) fn node(&self, node: &NodeId) -> Option<&Entry> {
        self.nodes.get(node)
    }

    /// Nodes in the order of their ids.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&NodeId, &Entry)> {
        self.nodes.iter()
    }

    /// Nodes in the order of their ids, from some place on.
    pub(super) fn nodes_from(&self, from: Bound<NodeId>) -> impl Iterator<Item = (&NodeId, &Entry)> {
        self.nodes.range((from, Bound::Unbounded))
    }

    /// What searches read.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// The records by name.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Nodes known.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The part of the network that is listed as a whole.
    pub(super) fn part(&self) -> &Part {
        &self.part
    }

    /// Lists another part as a whole. Nothing goes at once: what lies outside goes first where room is needed.
    pub(super) fn set_depth(&mut self, depth: u8) {
        self.part = Part { depth, ..Part::default() };
        for (_, entry) in self.nodes.iter().filter(|(node, _)| covers(depth, node)) {
            self.part.nodes += 1;
            self.part.records += entry.services.len();
        }
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        nodes.iter().for_each(|node| self.rerank(node));
    }

    /// Service records of all nodes.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Service records of one node.
    pub(super) fn count_of(&self, node: &NodeId) -> usize {
        self.nodes.get(node).map_or(0, |entry| entry.services.len())
    }

    pub(super) fn first_to_expire(&self) -> Option<(Time, NodeId)> {
        self.expiries.first().copied()
    }

    /// The node of a group to evict next, other than `except`; one with services, if `with_services`.
    ///
    /// Use is noted without touching the order, so the order is corrected here: a node that was used since it was
    /// ranked is ranked anew. Each use noted costs at most one correction.
    pub(super) fn least_used(&mut self, group: Group, except: &NodeId, with_services: bool) -> Option<NodeId> {
        loop {
            let (rank, node) = self.shares.first(group, except, with_services)?;
            self.rerank(&node);
            if self.nodes.get(&node).is_none_or(|entry| entry.rank == rank) {
                return Some(node);
            }
        }
    }

    /// Counts a node somewhere else from now on.
    pub(super) fn set_member(&mut self, node: &NodeId, member: Member) {
        let inside = self.part.covers(node);
        let Some(entry) = self.nodes.get_mut(node).filter(|entry| entry.mortal()) else { return };
        self.shares.leave(*node, entry.member, entry.rank, entry.counted);
        if member.class != entry.member.class {
            for held in entry.services.values() {
                self.names.remove(&held.record);
                self.names.insert(entry.listed(held), member.class);
            }
        }
        entry.member = member;
        entry.rank = entry.rank_now(inside);
        self.shares.enter(*node, member, entry.rank, entry.counted);
    }

    /// Brings in a node's lease, if it is later than the one held, and carries out the plan. Returns whether the
    /// node's record set is then complete.
    pub(super) fn update(&mut self, new: Entry, plan: Plan, now: Time, changes: &mut Changes) -> bool {
        let node = new.lease.author();
        let changed = plan.node.is_some() || !plan.put.is_empty() || !plan.drop.is_empty();
        self.renew(node, new, now);
        for instance in plan.drop {
            self.remove_record(&node, instance, Removal::Superseded, changes);
        }
        for record in plan.put {
            self.put_record(&node, record, now, changes);
        }
        let Some(entry) = self.nodes.get_mut(&node) else { return false };
        if let Some(record) = plan.node {
            entry.record = record;
        }
        if changed {
            entry.refresh_digest();
        }
        entry.settled = entry.settled.max(plan.settle);
        let complete = entry.settle_if_complete();
        self.rerank(&node);
        complete
    }

    /// Removes a node with all its records.
    pub(super) fn remove_node(&mut self, node: &NodeId, why: Removal, changes: &mut Changes) -> Option<Entry> {
        let entry = self.nodes.remove(node)?;
        self.part.nodes = self.part.nodes.saturating_sub(usize::from(self.part.covers(node)));
        self.expiries.remove(&(entry.expires(), *node));
        self.index.suspect(node, false);
        if entry.mortal() {
            self.shares.leave(*node, entry.member, entry.rank, entry.counted);
        }
        for held in entry.services.values() {
            self.unlist(&held.record);
            changes.push(Change::Removed(entry.instance(held), why));
        }
        Some(entry)
    }

    /// Carries out a node's withdrawal of all that it had said up to `seq`.
    pub(super) fn remove_up_to(&mut self, node: &NodeId, seq: Seq, changes: &mut Changes) {
        let Some(entry) = self.nodes.get_mut(node) else { return };
        if entry.lease.value().seq <= seq {
            self.remove_node(node, Removal::Withdrawn, changes);
            return;
        }
        if entry.record.as_ref().is_some_and(|record| record.value().seq <= seq) {
            entry.record = None;
        }
        let instances: Vec<InstanceId> = entry.services.keys().copied().collect();
        self.remove_instances(node, &instances, seq, changes);
    }

    /// Carries out a node's withdrawal of what it had said of `instances` up to `seq`.
    pub(super) fn remove_instances(
        &mut self,
        node: &NodeId,
        instances: &[InstanceId],
        seq: Seq,
        changes: &mut Changes,
    ) {
        for &instance in instances {
            let held = self.nodes.get(node).and_then(|entry| entry.services.get(&instance));
            if held.is_some_and(|held| held.record.value().seq <= seq) {
                self.remove_record(node, instance, Removal::Withdrawn, changes);
            }
        }
        if let Some(entry) = self.nodes.get_mut(node) {
            entry.refresh_digest();
            entry.settle_if_complete();
        }
        self.rerank(node);
    }

    /// Marks a node as known only from before a restart.
    pub(super) fn set_restored(&mut self, node: &NodeId, changes: &mut Changes) {
        self.set_suspect(node, true, changes);
        if let Some(entry) = self.nodes.get_mut(node) {
            entry.restored = true;
        }
    }

    /// Sets or clears suspicion of a node, of which something has been seen in this run.
    pub(super) fn set_suspect(&mut self, node: &NodeId, suspect: bool, changes: &mut Changes) {
        let Some(entry) = self.nodes.get_mut(node) else { return };
        entry.restored = false;
        if !entry.presence.set_suspect(suspect) {
            return;
        }
        self.index.suspect(node, suspect);
        for held in entry.services.values() {
            let instance = entry.instance(held);
            changes.push(if suspect { Change::Suspect(instance) } else { Change::Recovered(instance) });
        }
    }

    /// Ends a node's lease at `ends` at the latest.
    pub(super) fn shorten(&mut self, node: &NodeId, ends: Time) {
        let Some(entry) = self.nodes.get_mut(node).filter(|entry| entry.mortal() && ends < entry.expires()) else {
            return;
        };
        self.expiries.remove(&(entry.expires(), *node));
        entry.presence.set_expires(ends);
        self.expiries.insert((ends, *node));
    }

    fn renew(&mut self, node: NodeId, new: Entry, now: Time) {
        if let Some(entry) = self.nodes.get_mut(&node) {
            if new.lease.value().seq <= entry.lease.value().seq {
                return;
            }
            self.expiries.remove(&(entry.expires(), node));
            entry.presence.mark_used(now);
            entry.presence.set_expires(new.expires());
            (entry.lease, entry.renewed) = (new.lease, new.renewed);
            if entry.mortal() {
                self.expiries.insert((entry.expires(), node));
            }
        } else {
            if new.mortal() {
                self.expiries.insert((new.expires(), node));
                self.shares.enter(node, new.member, new.rank, 0);
            }
            self.nodes.insert(node, new);
            self.part.nodes += usize::from(self.part.covers(&node));
        }
    }

    /// Puts a node where it now belongs in the order of eviction, and counts what it now has.
    fn rerank(&mut self, node: &NodeId) {
        let inside = self.part.covers(node);
        let Some(entry) = self.nodes.get_mut(node).filter(|entry| entry.mortal()) else { return };
        let (rank, records) = (entry.rank_now(inside), entry.services.len());
        if (rank, records) != (entry.rank, entry.counted) {
            self.shares.leave(*node, entry.member, entry.rank, entry.counted);
            self.shares.enter(*node, entry.member, rank, records);
            (entry.rank, entry.counted) = (rank, records);
        }
    }

    fn put_record(&mut self, node: &NodeId, record: Proved<ServiceRecord>, now: Time, changes: &mut Changes) {
        let Some(entry) = self.nodes.get_mut(node) else { return };
        let held = Held { record: record.clone(), learnt: now };
        let (listed, class) = (entry.listed(&held), entry.class());
        let instance = listed.instance();
        match entry.services.insert(record.value().instance, held) {
            Some(old) => {
                self.unlist(&old.record);
                changes.push(Change::Changed(instance));
            }
            None => changes.push(Change::Added(instance)),
        }
        self.records += 1;
        self.part.records += usize::from(self.part.covers(node));
        self.index.insert(&record);
        self.names.insert(listed, class);
    }

    fn remove_record(&mut self, node: &NodeId, instance: InstanceId, why: Removal, changes: &mut Changes) {
        let Some(entry) = self.nodes.get_mut(node) else { return };
        let Some(held) = entry.services.remove(&instance) else { return };
        changes.push(Change::Removed(entry.instance(&held), why));
        self.unlist(&held.record);
    }

    /// Takes a record that is no longer held out of the index by name and the count.
    fn unlist(&mut self, record: &Proved<ServiceRecord>) {
        self.records = self.records.saturating_sub(1);
        let counted = usize::from(self.part.covers(&record.author()));
        self.part.records = self.part.records.saturating_sub(counted);
        self.index.remove(record);
        self.names.remove(record);
    }
}
