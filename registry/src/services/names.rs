//! Which records a name has, and how many of them a look-up takes.
//!
//! A name costs nothing, as an identity does: ten thousand strangers may all offer the very service that is looked for, and
//! each look-up would go through all of them. So a look-up takes all records of known nodes (see
//! [`shares`](super::shares)), and of strangers at most [`STRANGERS`]. Where a name has more, it takes another part of them
//! every [`TURN`], each node beginning somewhere else: nobody stays unseen, and callers do not all crowd onto the same few.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    names::{InstanceId, ServiceName},
    sealed::Proved,
    service::ServiceRecord,
};

use super::{
    depth::position,
    order::{ByPlace, ByVersion, Place, Placed, by_version},
    shares::Class,
};
use crate::{mix::mix, time::Time};

/// Records of strangers that a look-up takes.
pub(super) const STRANGERS: usize = 1024;
/// How long it takes the same part of them.
pub(super) const TURN: Duration = Duration::from_secs(60);

/// The records of one name.
#[derive(Debug, Default)]
struct Named {
    known: BTreeSet<ByVersion>,
    strangers: BTreeSet<ByPlace>,
}

/// Every name that somebody offers something under.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<ServiceName, Named>);

impl Names {
    /// Lists a record of a node of this class.
    pub(super) fn insert(&mut self, record: &Proved<ServiceRecord>, class: Class) {
        let name = &record.value().name;
        let named = match self.0.get_mut(name) {
            Some(named) => named,
            None => self.0.entry(name.clone()).or_default(),
        };
        match class {
            Class::Known => named.known.insert(ByVersion(record.clone())),
            Class::Strangers => named.strangers.insert(ByPlace(record.clone())),
        };
    }

    /// Takes a record out, whichever class it was listed in.
    pub(super) fn remove(&mut self, record: &Proved<ServiceRecord>) {
        let name = &record.value().name;
        let Some(named) = self.0.get_mut(name) else { return };
        if !named.known.remove(&ByVersion(record.clone())) {
            named.strangers.remove(&ByPlace(record.clone()));
        }
        if named.known.is_empty() && named.strangers.is_empty() {
            self.0.remove(name);
        }
    }

    /// The class that a record is listed in.
    #[cfg(test)]
    pub(super) fn class_of(&self, record: &Proved<ServiceRecord>) -> Option<Class> {
        let named = self.0.get(&record.value().name)?;
        let known = named.known.contains(&ByVersion(record.clone()));
        let stranger = named.strangers.contains(&ByPlace(record.clone()));
        known.then_some(Class::Known).xor(stranger.then_some(Class::Strangers))
    }

    /// Names in alphabetical order.
    pub(super) fn all(&self) -> impl Iterator<Item = &ServiceName> {
        self.0.keys()
    }

    /// Every record, by name, then version (latest first), then node.
    pub(super) fn records(&self) -> impl Iterator<Item = &Proved<ServiceRecord>> {
        self.0.values().flat_map(|named| {
            let (known, strangers) = (named.known.iter().map(|it| &it.0), named.strangers.iter().map(|it| &it.0));
            let mut records: Vec<_> = known.chain(strangers).collect();
            records.sort_unstable_by(|a, b| by_version(a, b));
            records
        })
    }

    /// The records that a look-up of `me` at this time takes, in no particular order.
    pub(super) fn looked_up(
        &self,
        name: &ServiceName,
        me: &NodeId,
        now: Time,
    ) -> impl Iterator<Item = &Proved<ServiceRecord>> {
        self.0.get(name).into_iter().flat_map(move |named| {
            let begin = beginning(me, now);
            let known = named.known.iter().map(|it| &it.0);
            let (from, before) = (named.from(&begin), named.before(&begin));
            known.chain(from.chain(before).take(STRANGERS))
        })
    }
}

impl Named {
    /// Strangers' records from some place on.
    fn from<'a>(&'a self, place: &Place) -> impl Iterator<Item = &'a Proved<ServiceRecord>> + use<'a> {
        let range = (Bound::Included(place as &dyn Placed), Bound::Unbounded);
        self.strangers.range::<dyn Placed, _>(range).map(|it| &it.0)
    }

    /// Those before it.
    fn before<'a>(&'a self, place: &Place) -> impl Iterator<Item = &'a Proved<ServiceRecord>> + use<'a> {
        let range = (Bound::Unbounded, Bound::Excluded(place as &dyn Placed));
        self.strangers.range::<dyn Placed, _>(range).map(|it| &it.0)
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
