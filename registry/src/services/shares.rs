//! Shares: whose records make room where the view is full.
//!
//! Identities cost nothing, so neither the number of records of a node nor the order of use can protect a view: a hundred
//! thousand strangers with one record each are all within bounds, and all of them have just been heard of. What costs
//! something is to have been *met*: to be connected to this node, or named by its owner. Hence two classes:
//!
//! - **Known**: nodes that are connected here, were connected lately, or have a [`Standing`] of their own.
//! - **Strangers**: all others, known by hearsay only.
//!
//! Each class is *entitled* to half of the view (strangers to the odd one), in records and in nodes. What one does not use
//! the other may, so that a view of strangers only is as large as any. Where there is no room, whoever brings the new
//! record pays: if its class would then have more than its half, the least recently used node of the same class goes, else
//! one of the other class, which must have more than its own. So a flood of strangers displaces strangers, and neither
//! those whose services are in use here nor newcomers are ever crowded out altogether.
//!
//! An address costs a little, too: all known nodes that were connected from one **subnet** (a /24 or /48) together have at
//! most a tenth of the view, or else the least recently used of them go. Loopback and private networks are not
//! counted, as nobody from outside is on them. Only connections tell a subnet: what a node says of its own addresses
//! costs nothing to say, and would let a liar fill up the share of a subnet that it is not in.
//!
//! Every step is a look-up in an ordered set: O(log n), however full the view is.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::identity::NodeId;

use crate::{peers::Subnet, time::Time};

/// One of so many equal parts of the view is what all nodes of one subnet may have.
const PARTS_PER_SUBNET: usize = 10;

/// What a node has earned here, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Standing {
    /// Nothing is known of it but what it says.
    #[default]
    New,
    /// It has proved to be of use.
    Established,
    /// The owner trusts it: of the known nodes it is evicted last.
    Trusted,
}

/// What a node's room is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Strangers,
    Known,
}

impl Class {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Strangers => Self::Known,
            Self::Known => Self::Strangers,
        }
    }

    /// Its part of `all`.
    pub(super) const fn entitled(self, all: usize) -> usize {
        match self {
            Self::Strangers => all.div_ceil(2),
            Self::Known => all / 2,
        }
    }
}

/// What all nodes of one subnet may have of `all`.
pub(super) fn per_subnet(all: usize) -> usize {
    (all / PARTS_PER_SUBNET).max(1)
}

/// Nodes that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Class(Class),
    Subnet(Subnet),
}

/// Where a node is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) class: Class,
    pub(super) subnet: Option<Subnet>,
    pub(super) trusted: bool,
}

impl Member {
    /// A node that nothing is known of.
    pub(super) const STRANGER: Self = Self { class: Class::Strangers, subnet: None, trusted: false };

    fn groups(self) -> impl Iterator<Item = Group> {
        [Group::Class(self.class)].into_iter().chain(self.subnet.map(Group::Subnet))
    }
}

/// Order of eviction: trusted nodes last, nodes without services first, then those outside of the part that the view lists,
/// then by last use as far as it has been noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Rank {
    pub(super) trusted: bool,
    pub(super) services: bool,
    /// Whether it is of the part of the network that the view lists as a whole.
    pub(super) inside: bool,
    pub(super) used: Time,
}

/// What a group has.
#[derive(Debug, Default)]
struct Share {
    records: usize,
    order: BTreeSet<(Rank, NodeId)>,
}

/// An account of what each group has of the view. Its size is that of the view.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<Group, Share>);

impl Shares {
    /// A node with so many records joins its groups.
    pub(super) fn enter(&mut self, node: NodeId, member: Member, rank: Rank, records: usize) {
        for group in member.groups() {
            let share = self.0.entry(group).or_default();
            share.order.insert((rank, node));
            share.records += records;
        }
    }

    /// A node with so many records leaves its groups.
    pub(super) fn leave(&mut self, node: NodeId, member: Member, rank: Rank, records: usize) {
        for group in member.groups() {
            let Some(share) = self.0.get_mut(&group) else { continue };
            share.order.remove(&(rank, node));
            share.records = share.records.saturating_sub(records);
            if share.order.is_empty() {
                self.0.remove(&group);
            }
        }
    }

    /// Records of a group.
    pub(super) fn records(&self, group: Group) -> usize {
        self.0.get(&group).map_or(0, |share| share.records)
    }

    /// Nodes of a group.
    pub(super) fn nodes(&self, group: Group) -> usize {
        self.0.get(&group).map_or(0, |share| share.order.len())
    }

    /// The first to go of a group, other than `except`; one with services, if `with_services`.
    pub(super) fn first(&self, group: Group, except: &NodeId, with_services: bool) -> Option<(Rank, NodeId)> {
        let order = &self.0.get(&group)?.order;
        // Ids are compared as bytes, so the one of all zeros is the lowest.
        let nobody = NodeId::from_public_key([0; 32]);
        let mut found = [false, true].into_iter().flat_map(|trusted| {
            let from = (Rank { trusted, services: with_services, ..Rank::default() }, nobody);
            order.range(from..).take_while(move |(rank, _)| rank.trusted == trusted)
        });
        found.find(|(_, node)| node != except).copied()
    }
}
