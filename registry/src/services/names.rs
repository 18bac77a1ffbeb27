//! Which records a name has, and how many of them a look-up takes.
//!
//! A name costs nothing, as an identity does: ten thousand strangers may all offer the very service that is looked for, and
//! each look-up would go through all of them. So a look-up takes all records of known nodes (see
//! [`shares`](super::shares)), and of strangers at most [`STRANGERS`]. Where a name has more, it takes another part of them
//! every [`TURN`], each node beginning somewhere else: nobody stays unseen, and callers do not all crowd onto the same few.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceName},
    sealed::Proved,
    service::ServiceRecord,
};

use super::{
    depth::position,
    known::Instance,
    order::{Place, by_place, by_version, place},
    presence::Presence,
    shares::Class,
};
use crate::{mix::mix, time::Time};

/// Records of strangers that a look-up takes.
pub(super) const STRANGERS: usize = 1024;
/// How long it takes the same part of them.
pub(super) const TURN: Duration = Duration::from_secs(60);

/// A record, and all that is told of it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) record: Proved<ServiceRecord>,
    pub(super) learnt: Time,
    pub(super) node: Arc<Presence>,
}

impl Listed {
    /// The record as it is told.
    pub(super) fn instance(&self) -> Instance {
        Instance {
            node: self.record.author(),
            record: self.record.clone(),
            learnt: self.learnt,
            expires: self.node.expires(),
            suspect: self.node.suspect(),
        }
    }
}

/// The records of one name. Most have one or two, so these are lists, which take less room than trees. In a list of ten
/// thousand an insertion moves a quarter of a megabyte at most: less work than checking the signature that came before it.
#[derive(Debug, Default)]
struct Named {
    /// Latest version first.
    known: Vec<Listed>,
    /// By place.
    strangers: Vec<Listed>,
}

type Order = fn(&Proved<ServiceRecord>, &Proved<ServiceRecord>) -> Ordering;

/// Every name that somebody offers something under.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<ServiceName, Named>);

impl Names {
    /// Lists a record of a node of this class.
    pub(super) fn insert(&mut self, listed: Listed, class: Class) {
        let name = &listed.record.value().name;
        let named = match self.0.get_mut(name) {
            Some(named) => named,
            None => self.0.entry(name.clone()).or_default(),
        };
        let (list, order) = named.class(class);
        let at = list.partition_point(|held| order(&held.record, &listed.record).is_lt());
        list.insert(at, listed);
    }

    /// Takes a record out, whichever class it was listed in.
    pub(super) fn remove(&mut self, record: &Proved<ServiceRecord>) {
        let name = &record.value().name;
        let Some(named) = self.0.get_mut(name) else { return };
        for class in [Class::Known, Class::Strangers] {
            let (list, order) = named.class(class);
            if let Ok(at) = list.binary_search_by(|held| order(&held.record, record)) {
                list.remove(at);
                // A flood that has gone leaves no empty room behind.
                if list.len() < list.capacity() / 4 {
                    list.shrink_to(2 * list.len());
                }
                break;
            }
        }
        if named.known.is_empty() && named.strangers.is_empty() {
            self.0.remove(name);
        }
    }

    /// The class that a record is listed in, and what is told with it.
    #[cfg(test)]
    pub(super) fn listed(&self, record: &Proved<ServiceRecord>) -> Option<(Class, &Listed)> {
        let named = self.0.get(&record.value().name)?;
        let classes = [(Class::Known, &named.known), (Class::Strangers, &named.strangers)];
        let all = classes.into_iter().flat_map(|(class, list)| list.iter().map(move |listed| (class, listed)));
        let mut found = all.filter(|(_, listed)| by_place(&listed.record, record).is_eq());
        found.next().filter(|_| found.next().is_none())
    }

    /// Records that a name has room for.
    #[cfg(test)]
    pub(super) fn room(&self, name: &ServiceName) -> usize {
        self.0.get(name).map_or(0, |named| named.known.capacity() + named.strangers.capacity())
    }

    /// Names in alphabetical order.
    pub(super) fn all(&self) -> impl Iterator<Item = &ServiceName> {
        self.0.keys()
    }

    /// Every record, by name, then version (latest first), then node.
    pub(super) fn records(&self) -> impl Iterator<Item = &Listed> {
        self.0.values().flat_map(|named| {
            let mut records: Vec<_> = named.known.iter().chain(&named.strangers).collect();
            records.sort_unstable_by(|a, b| by_version(&a.record, &b.record));
            records
        })
    }

    /// The records that a look-up of `me` at this time takes, in no particular order.
    pub(super) fn looked_up(&self, name: &ServiceName, me: &NodeId, now: Time) -> impl Iterator<Item = &Listed> {
        self.0.get(name).into_iter().flat_map(move |named| named.known.iter().chain(named.some_strangers(me, now)))
    }
}

impl Named {
    /// The list of a class, and its order.
    fn class(&mut self, class: Class) -> (&mut Vec<Listed>, Order) {
        match class {
            Class::Known => (&mut self.known, by_version),
            Class::Strangers => (&mut self.strangers, by_place),
        }
    }

    /// The strangers' records that `me` takes at this time.
    fn some_strangers(&self, me: &NodeId, now: Time) -> impl Iterator<Item = &Listed> {
        let first = if self.strangers.len() > STRANGERS {
            let begin = beginning(me, now);
            self.strangers.partition_point(|listed| place(&listed.record) < begin)
        } else {
            0
        };
        let (before, from) = self.strangers.split_at(first);
        from.iter().chain(before).take(STRANGERS)
    }
}

/// Where the part begins that `me` takes at this time.
fn beginning(me: &NodeId, now: Time) -> Place {
    let turn = now.since(Time::default()).as_secs() / TURN.as_secs();
    let mut key = [0; 32];
    for (byte, drawn) in key.iter_mut().zip(mix(position(me) ^ turn).to_be_bytes()) {
        *byte = drawn;
    }
    (NodeId::from_public_key(key), InstanceId(0))
}
