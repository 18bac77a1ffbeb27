//! Orders that records are listed in. What is compared stands in the record itself, which is held anyway, so that an entry
//! of a list is one pointer: in a large network most names have few records, and a tree of keys takes more room than they.

use std::cmp::{Ordering, Reverse};

use atoll_protocol::{identity::NodeId, names::InstanceId, sealed::Proved, service::ServiceRecord};

/// A record among those of its name: latest version first, then by place.
#[derive(Debug, Clone)]
pub(super) struct ByVersion(pub(super) Proved<ServiceRecord>);

/// Whose instance it is, and which: unlike a version, nobody can choose a node freely.
pub(super) type Place = (NodeId, InstanceId);

/// Where a record belongs among those of its name.
pub(super) fn place(record: &Proved<ServiceRecord>) -> Place {
    (record.author(), record.value().instance)
}

/// The order of places.
pub(super) fn by_place(a: &Proved<ServiceRecord>, b: &Proved<ServiceRecord>) -> Ordering {
    place(a).cmp(&place(b))
}

/// The order of [`ByVersion`].
pub(super) fn by_version(a: &Proved<ServiceRecord>, b: &Proved<ServiceRecord>) -> Ordering {
    let versions = Reverse(&a.value().version).cmp(&Reverse(&b.value().version));
    versions.then_with(|| by_place(a, b))
}

impl Ord for ByVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        by_version(&self.0, &other.0)
    }
}

impl PartialOrd for ByVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByVersion {}
