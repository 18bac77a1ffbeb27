//! The provider records of other nodes: pure, the time is passed in.
//!
//! What is kept is bounded in three ways. One provider, and all providers of one subnet together, may have so many
//! records; loopback and private networks are not counted, as nobody from outside is on them. And there is a bound for
//! all: beyond it whoever has the most records loses the one whose key is furthest from this node, which is the one that
//! others are the likeliest to have. A flood of one peer thus displaces its own records, never those of others.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use atoll_protocol::{identity::NodeId, limits};
use atoll_registry::peers::Subnet;
use libp2p::{Multiaddr, PeerId, kad};

/// A key of the DHT: a SHA-256 digest.
pub(crate) type Key = [u8; 32];

/// What stands before a digest in a multihash: SHA-256, 32 bytes (<https://github.com/multiformats/multihash>).
const SHA2_256: [u8; 2] = [0x12, 32];

/// A key as it is said: a multihash, as the specification of libp2p's DHT has it. Other implementations ask for nothing else.
pub(crate) fn multihash(key: &Key) -> Vec<u8> {
    [SHA2_256.as_slice(), key].concat()
}

/// The key that was said, if it has the form of ours.
pub(super) fn digest(multihash: &[u8]) -> Option<Key> {
    multihash.strip_prefix(&SHA2_256)?.try_into().ok()
}

type Distance = kad::KBucketDistance;

/// Records of other nodes in all.
pub(super) const RECORDS: usize = 16 * 1024;
/// Records of one provider: two for each of 128 services, even where the network is so small that all come here.
pub(super) const PER_PROVIDER: usize = 256;
/// Records of all providers of one subnet.
pub(super) const PER_SUBNET: usize = 1024;
/// Records of one provider on loopback or a private network: of all services that a node may have.
pub(super) const PER_NEIGHBOUR: usize = 2 * limits::RECORDS_PER_NODE;
/// Providers of one key: as many as an answer holds.
pub(super) const PER_KEY: usize = kad::K_VALUE.get();
/// Records that are dropped at a time because they have expired: the swarm waits meanwhile.
const EXPIRED_AT_ONCE: usize = 512;

/// Somebody says that it provides a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) provider: NodeId,
    /// Where it is counted; `None` on loopback and private networks.
    pub(super) subnet: Option<Subnet>,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) expires: Instant,
}

/// Why a record is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::net) enum Refused {
    #[error("its key is no multihash of SHA-256")]
    Key,
    #[error("its provider is not connected as a node")]
    Provider,
    #[error("its key has {PER_KEY} providers already")]
    KeyFull,
    #[error("its provider has enough records here")]
    ProviderFull,
    #[error("its provider's subnet has {PER_SUBNET} records here")]
    SubnetFull,
    #[error("there are {RECORDS} records here, and its provider has more of them than any other")]
    Full,
}

#[derive(Debug)]
pub(super) struct Table {
    me: kad::KBucketKey<PeerId>,
    capacity: usize,
    by_key: HashMap<Key, Vec<Held>>,
    /// The keys of each provider, nearest first.
    by_provider: HashMap<NodeId, BTreeSet<(Distance, Key)>>,
    /// Providers by the number of their records.
    by_count: BTreeSet<(usize, NodeId)>,
    by_subnet: HashMap<Subnet, usize>,
    by_expiry: BTreeSet<(Instant, Key, NodeId)>,
}

impl Table {
    pub(super) fn new(me: PeerId) -> Self {
        Self::with_capacity(me, RECORDS)
    }

    pub(super) fn with_capacity(me: PeerId, capacity: usize) -> Self {
        Self {
            me: me.into(),
            capacity,
            by_key: HashMap::new(),
            by_provider: HashMap::new(),
            by_count: BTreeSet::new(),
            by_subnet: HashMap::new(),
            by_expiry: BTreeSet::new(),
        }
    }

    /// Keeps a record, in place of an earlier one of the same key and provider. Returns the record that had to go for it.
    pub(super) fn keep(&mut self, key: Key, held: Held) -> Result<Option<(Key, NodeId)>, Refused> {
        let provider = held.provider;
        self.remove(&key, &provider);
        self.has_room(&key, &held)?;
        if let Some(subnet) = held.subnet {
            *self.by_subnet.entry(subnet).or_default() += 1;
        }
        self.by_expiry.insert((held.expires, key, provider));
        self.by_key.entry(key).or_default().push(held);
        let distance = self.distance(&key);
        let keys = self.by_provider.entry(provider).or_default();
        self.by_count.remove(&(keys.len(), provider));
        keys.insert((distance, key));
        self.by_count.insert((keys.len(), provider));
        if self.len() <= self.capacity {
            return Ok(None);
        }
        match self.least_needed() {
            Some((furthest, of)) => {
                self.remove(&furthest, &of);
                if (furthest, of) == (key, provider) { Err(Refused::Full) } else { Ok(Some((furthest, of))) }
            }
            None => Ok(None),
        }
    }

    fn has_room(&self, key: &Key, held: &Held) -> Result<(), Refused> {
        if self.by_key.get(key).map_or(0, Vec::len) >= PER_KEY {
            return Err(Refused::KeyFull);
        }
        let allowed = if held.subnet.is_some() { PER_PROVIDER } else { PER_NEIGHBOUR };
        if self.by_provider.get(&held.provider).map_or(0, BTreeSet::len) >= allowed {
            return Err(Refused::ProviderFull);
        }
        if held.subnet.is_some_and(|subnet| self.by_subnet.get(&subnet).is_some_and(|n| *n >= PER_SUBNET)) {
            return Err(Refused::SubnetFull);
        }
        Ok(())
    }

    /// The furthest key of whoever has the most.
    fn least_needed(&self) -> Option<(Key, NodeId)> {
        let (_, provider) = self.by_count.last()?;
        let (_, key) = self.by_provider.get(provider)?.last()?;
        Some((*key, *provider))
    }

    fn distance(&self, key: &Key) -> Distance {
        // As Kademlia measures it: from the key as it is said.
        kad::KBucketKey::new(multihash(key)).distance(&self.me)
    }

    /// Adds the addresses to the provider's records that have none.
    pub(super) fn complete(&mut self, provider: &NodeId, addresses: &[Multiaddr]) {
        for (_, key) in self.by_provider.get(provider).into_iter().flatten() {
            let of_key = self.by_key.get_mut(key).into_iter().flatten();
            for held in of_key.filter(|held| held.provider == *provider && held.addresses.is_empty()) {
                held.addresses = addresses.to_vec();
            }
        }
    }

    /// Drops a record. Returns whether it was there.
    pub(super) fn remove(&mut self, key: &Key, provider: &NodeId) -> bool {
        let Some(of_key) = self.by_key.get_mut(key) else { return false };
        let Some(at) = of_key.iter().position(|held| held.provider == *provider) else { return false };
        let held = of_key.remove(at);
        if of_key.is_empty() {
            self.by_key.remove(key);
        }
        self.by_expiry.remove(&(held.expires, *key, *provider));
        if let Some(subnet) = held.subnet
            && let Some(count) = self.by_subnet.get_mut(&subnet)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_subnet.remove(&subnet);
            }
        }
        let distance = self.distance(key);
        if let Some(keys) = self.by_provider.get_mut(provider) {
            self.by_count.remove(&(keys.len(), *provider));
            keys.remove(&(distance, *key));
            if keys.is_empty() {
                self.by_provider.remove(provider);
            } else {
                self.by_count.insert((keys.len(), *provider));
            }
        }
        true
    }

    /// Drops what has expired, a bounded number at a time, and returns it.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Key, NodeId)> {
        let due = self.by_expiry.iter().take_while(|(expires, ..)| *expires <= now).take(EXPIRED_AT_ONCE);
        let due: Vec<(Key, NodeId)> = due.map(|(_, key, provider)| (*key, *provider)).collect();
        for (key, provider) in &due {
            self.remove(key, provider);
        }
        due
    }

    /// The providers of a key that have not expired.
    pub(super) fn providers(&self, key: &Key, now: Instant) -> impl Iterator<Item = &Held> {
        self.by_key.get(key).into_iter().flatten().filter(move |held| held.expires > now)
    }

    pub(super) fn len(&self) -> usize {
        self.by_expiry.len()
    }

    /// Whether every index says the same.
    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        let records: Vec<(&Key, &Held)> =
            self.by_key.iter().flat_map(|(k, all)| all.iter().map(move |h| (k, h))).collect();
        let of = |provider: &NodeId| records.iter().filter(|(_, held)| held.provider == *provider).count();
        let within = |subnet: &Subnet| records.iter().filter(|(_, held)| held.subnet == Some(*subnet)).count();
        records.len() == self.len()
            && records.iter().all(|(k, h)| self.by_expiry.contains(&(h.expires, **k, h.provider)))
            && records.iter().all(|(k, h)| self.by_provider[&h.provider].contains(&(self.distance(k), **k)))
            && self.by_provider.iter().all(|(p, keys)| keys.len() == of(p) && self.by_count.contains(&(keys.len(), *p)))
            && self.by_count.len() == self.by_provider.len()
            && self.by_subnet.iter().all(|(subnet, count)| *count == within(subnet))
            && self.by_key.values().all(|all| !all.is_empty() && all.len() <= PER_KEY)
    }
}
