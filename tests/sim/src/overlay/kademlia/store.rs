//! Records that others have left here.

use std::collections::BTreeMap;

use super::Key;
use crate::engine::{PeerIndex, Time};

/// Who provides what, and until when that is believed; the latest first.
#[derive(Debug, Default)]
pub(super) struct Store {
    records: BTreeMap<Key, Vec<(Time, PeerIndex)>>,
}

impl Store {
    pub(super) fn keep(&mut self, key: Key, provider: PeerIndex, until: Time) {
        let records = self.records.entry(key).or_default();
        records.retain(|(_, peer)| *peer != provider);
        records.insert(0, (until, provider));
    }

    pub(super) fn providers(&self, key: Key, now: Time) -> impl Iterator<Item = PeerIndex> {
        let records = self.records.get(&key).into_iter().flatten();
        records.filter(move |(until, _)| *until > now).map(|(_, peer)| *peer)
    }

    /// Drops what has ended.
    pub(super) fn forget(&mut self, now: Time) {
        self.records.retain(|_, records| {
            records.retain(|(until, _)| *until > now);
            !records.is_empty()
        });
    }
}
