//! Which records a name has, and how many of them a look-up takes.
//!
//! A name costs nothing, as an identity does: ten thousand strangers may all offer the very service that is looked for, and
//! each look-up would go through all of them. So a look-up takes all records of known nodes (see
//! [`shares`](super::shares)), and of strangers at most [`STRANGERS`]. Where a name has more, it takes another part of them
//! every [`TURN`], each node beginning somewhere else: nobody stays unseen, and callers do not all crowd onto the same few.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceName},
};
use semver::Version;

use super::{depth::position, shares::Class};
use crate::{mix::mix, time::Time};

/// Records of strangers that a look-up takes.
pub(super) const STRANGERS: usize = 1024;
/// How long it takes the same part of them.
pub(super) const TURN: Duration = Duration::from_secs(60);

/// Where a record stands among those of its name: latest version first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) version: Reverse<Version>,
    pub(super) node: NodeId,
    pub(super) instance: InstanceId,
}

/// The records of one name.
#[derive(Debug, Default)]
struct Named {
    known: BTreeSet<Slot>,
    /// By node, which nobody can choose freely, while a version can be.
    strangers: BTreeMap<(NodeId, InstanceId), Version>,
}

/// Every name that somebody offers something under.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<ServiceName, Named>);

impl Names {
    /// Lists a record of a node of this class.
    pub(super) fn insert(&mut self, name: &ServiceName, slot: Slot, class: Class) {
        let named = match self.0.get_mut(name) {
            Some(named) => named,
            None => self.0.entry(name.clone()).or_default(),
        };
        match class {
            Class::Known => drop(named.known.insert(slot)),
            Class::Strangers => drop(named.strangers.insert((slot.node, slot.instance), slot.version.0)),
        }
    }

    /// Takes a record out, whichever class it was listed in.
    pub(super) fn remove(&mut self, name: &ServiceName, slot: &Slot) {
        let Some(named) = self.0.get_mut(name) else { return };
        if !named.known.remove(slot) {
            named.strangers.remove(&(slot.node, slot.instance));
        }
        if named.known.is_empty() && named.strangers.is_empty() {
            self.0.remove(name);
        }
    }

    /// The class that a record is listed in.
    #[cfg(test)]
    pub(super) fn class_of(&self, name: &ServiceName, slot: &Slot) -> Option<Class> {
        let named = self.0.get(name)?;
        let stranger = named.strangers.contains_key(&(slot.node, slot.instance));
        named.known.contains(slot).then_some(Class::Known).xor(stranger.then_some(Class::Strangers))
    }

    /// Names in alphabetical order.
    pub(super) fn all(&self) -> impl Iterator<Item = &ServiceName> {
        self.0.keys()
    }

    /// Every record, by name, then version (latest first), then node.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.0.values().flat_map(|named| {
            let mut slots: Vec<Slot> = named.known.iter().cloned().chain(named.strangers.iter().map(slot)).collect();
            slots.sort_unstable();
            slots
        })
    }

    /// The records that a look-up of `me` at this time takes, in no particular order.
    pub(super) fn looked_up(&self, name: &ServiceName, me: &NodeId, now: Time) -> impl Iterator<Item = Slot> {
        let named = self.0.get(name);
        let known = named.into_iter().flat_map(|named| named.known.iter().cloned());
        let begin = beginning(me, now);
        let strangers = named.into_iter().flat_map(move |named| {
            let (from, before) = (named.strangers.range(begin..), named.strangers.range(..begin));
            from.chain(before).take(STRANGERS).map(slot)
        });
        known.chain(strangers)
    }
}

fn slot((&(node, instance), version): (&(NodeId, InstanceId), &Version)) -> Slot {
    Slot { version: Reverse(version.clone()), node, instance }
}

/// Where the part begins that `me` takes at this time.
fn beginning(me: &NodeId, now: Time) -> (NodeId, InstanceId) {
    let turn = now.since(Time::default()).as_secs() / TURN.as_secs();
    let mut key = [0; 32];
    for (byte, drawn) in key.iter_mut().zip(mix(position(me) ^ turn).to_be_bytes()) {
        *byte = drawn;
    }
    (NodeId::from_public_key(key), InstanceId(0))
}
