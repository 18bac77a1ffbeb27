//! Orders that records are listed in. What is compared stands in the record itself, which is held anyway, so that an entry
//! of a list is one pointer: in a large network most names have few records, and a tree of keys takes more room than they.

use std::{
    borrow::Borrow,
    cmp::{Ordering, Reverse},
};

use atoll_protocol::{identity::NodeId, names::InstanceId, sealed::Proved, service::ServiceRecord};

/// A record among those of its name: latest version first, then by place.
#[derive(Debug, Clone)]
pub(super) struct ByVersion(pub(super) Proved<ServiceRecord>);

/// A record among those of its name: by place.
#[derive(Debug, Clone)]
pub(super) struct ByPlace(pub(super) Proved<ServiceRecord>);

/// Whose instance it is, and which: unlike a version, nobody can choose a node freely.
pub(super) type Place = (NodeId, InstanceId);

/// What has a place, so that lists can be entered at any.
pub(super) trait Placed {
    fn place(&self) -> Place;
}

impl Placed for Place {
    fn place(&self) -> Place {
        *self
    }
}

impl Placed for Proved<ServiceRecord> {
    fn place(&self) -> Place {
        (self.author(), self.value().instance)
    }
}

impl Placed for ByPlace {
    fn place(&self) -> Place {
        self.0.place()
    }
}

/// The order of [`ByVersion`].
pub(super) fn by_version(a: &Proved<ServiceRecord>, b: &Proved<ServiceRecord>) -> Ordering {
    let versions = Reverse(&a.value().version).cmp(&Reverse(&b.value().version));
    versions.then_with(|| a.place().cmp(&b.place()))
}

impl<'a> Borrow<dyn Placed + 'a> for ByPlace {
    fn borrow(&self) -> &(dyn Placed + 'a) {
        self
    }
}

/// Orders a type by a function, and nothing else.
macro_rules! ordered {
    ($type:ty, $cmp:expr) => {
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                $cmp(self, other)
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $type {}
    };
}

ordered!(ByVersion, |a: &Self, b: &Self| by_version(&a.0, &b.0));
ordered!(ByPlace, |a: &Self, b: &Self| a.place().cmp(&b.place()));
ordered!(dyn Placed + '_, |a: &Self, b: &Self| a.place().cmp(&b.place()));
