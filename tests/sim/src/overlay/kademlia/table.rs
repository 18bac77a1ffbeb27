//! The routing table: many peers nearby, few far away.

use super::Key;
use crate::engine::PeerIndex;

/// A peer in a bucket.
#[derive(Debug, Clone, Copy)]
struct Entry {
    peer: PeerIndex,
    key: Key,
}

/// One bucket for each number of leading bits that a peer has in common with this node.
#[derive(Debug)]
pub(super) struct Table {
    me: Key,
    buckets: Vec<Vec<Entry>>,
    room: usize,
}

impl Table {
    pub(super) fn new(me: Key, room: usize) -> Self {
        Self { me, buckets: Vec::new(), room }
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.iter().map(Vec::len).sum()
    }

    /// A peer has said something: it is taken in if there is room.
    pub(super) fn seen(&mut self, peer: PeerIndex) {
        let key = Key::of(peer);
        if key == self.me {
            return;
        }
        let at = self.bucket_of(key);
        if self.buckets.len() <= at {
            self.buckets.resize_with(at + 1, Vec::new);
        }
        let room = self.room;
        let Some(bucket) = self.buckets.get_mut(at) else { return };
        if bucket.len() < room && bucket.iter().all(|known| known.peer != peer) {
            bucket.push(Entry { peer, key });
        }
    }

    /// A peer did not answer: it makes room for another.
    pub(super) fn failed(&mut self, peer: PeerIndex) {
        let at = self.bucket_of(Key::of(peer));
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.retain(|known| known.peer != peer);
        }
    }

    /// The peers closest to `target`, without `except`.
    pub(super) fn closest(&self, target: Key, count: usize, except: Option<PeerIndex>) -> Vec<PeerIndex> {
        let all = self.buckets.iter().flatten().filter(|entry| Some(entry.peer) != except);
        let mut all: Vec<_> = all.map(|entry| (entry.key.distance(target), entry.peer)).collect();
        if all.len() > count {
            // Sorting what is dropped anyway would cost more than all the rest.
            all.select_nth_unstable(count);
            all.truncate(count);
        }
        all.sort_unstable();
        all.into_iter().map(|(_, peer)| peer).collect()
    }

    fn bucket_of(&self, key: Key) -> usize {
        self.me.distance(key).leading_zeros() as usize
    }
}
