//! Which news go together into one announcement: settled before the lease is signed, since it signs the digest of each group.

use atoll_protocol::{
    directory::{Announcement, News},
    limits,
    sealed::{Hash, Proved, Verified},
    service::{Lease, NodeRecord, ServiceRecord},
};

#[cfg(test)]
mod tests;

/// Bytes that the records of an announcement may take, leaving room for the lease and the envelope.
const RECORDS: usize = limits::ANNOUNCEMENT - 2 * limits::LEASE;
/// What its length adds to a record, at most: no announcement is longer than two bytes can say.
const LENGTH: usize = 3;

/// The records of one announcement; none for a lease alone.
#[derive(Debug, Default)]
pub(super) struct Group {
    node: Option<Proved<NodeRecord>>,
    services: Vec<Proved<ServiceRecord>>,
}

impl Group {
    /// What the lease is to name.
    pub(super) fn digest(&self) -> Option<Hash> {
        let hashes = self.node.iter().map(Proved::hash).chain(self.services.iter().map(Proved::hash));
        let mut hashes = hashes.peekable();
        hashes.peek().is_some().then(|| Hash::of_set(hashes))
    }

    /// The announcement, under a lease that names the digest.
    pub(super) fn under(&self, lease: &Verified<Lease>) -> Announcement {
        Announcement::Lease(News {
            lease: lease.signed(),
            node: self.node.as_ref().map(|node| node.body().clone()),
            services: self.services.iter().map(|service| service.body().clone()).collect(),
        })
    }
}

/// Divides news into one or more announcements. A record that is too large for any is left out; so is everything, where it
/// is more than `pushed` bytes, or needs more announcements than a lease can name.
pub(super) fn grouped<'a>(
    node: Option<&Proved<NodeRecord>>,
    services: impl Iterator<Item = &'a Proved<ServiceRecord>>,
    pushed: usize,
) -> Vec<Group> {
    let mut groups = vec![Group { node: node.cloned(), services: Vec::new() }];
    let mut taken = node.map_or(0, size);
    let mut total = taken;
    for record in services {
        let size = size(record);
        total += size;
        if size > RECORDS {
            continue;
        }
        if taken + size > RECORDS {
            groups.push(Group::default());
            taken = 0;
        }
        taken += size;
        if let Some(group) = groups.last_mut() {
            group.services.push(record.clone());
        }
    }
    if total > pushed || groups.len() > limits::NEWS { vec![Group::default()] } else { groups }
}

/// What a record takes in an announcement, at most.
fn size<T>(record: &Proved<T>) -> usize {
    record.body().body_len() + LENGTH
}
