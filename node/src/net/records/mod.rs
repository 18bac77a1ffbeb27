//! What this node keeps for the DHT: who provides which key.
//!
//! Kademlia calls its store while the swarm is polled, so nothing in here waits: the records are in memory, and changes are
//! handed to the storage thread, which keeps them over restarts. What it has no room for is lost with the process, and
//! announced again by its provider within the hour.
//!
//! Only provider records are kept. Values are refused: nothing on this network stores any, and a store of strangers'
//! values is a store for strangers.

mod table;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map},
    iter,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use atoll_protocol::{identity::NodeId, limits};
use atoll_registry::peers::PublicRanges;
use libp2p::{
    Multiaddr, PeerId,
    kad::{
        ProviderRecord, Record, RecordKey,
        store::{Error, RecordStore, Result as StoreResult},
    },
};

pub(super) use self::table::Refused;
pub(crate) use self::table::multihash;
use self::table::{Held, Table, digest};
use super::{Counters, addresses, node_id, peer_id};
use crate::storage::{Provider, Storage};

/// How long a provider record is kept unless it is renewed.
pub(crate) const TTL: Duration = Duration::from_secs(2 * 3600);
/// How often this node renews its own at others: a lost round is made up for by the next.
pub(super) const RENEWAL: Duration = Duration::from_secs(3600);
/// Keys that this node itself may provide: two for each service that it may offer.
const PROVIDED: usize = 2 * limits::RECORDS_PER_NODE;
/// Addresses that are kept of a provider. Twenty providers with their addresses, and as many closer peers with theirs, have
/// to fit into an answer of 16 KiB.
const ADDRESSES: usize = 4;
/// Longest address that is kept of a provider, in bytes: two peer ids and a relay's address.
pub(crate) const ADDRESS: usize = 128;

pub(super) struct Records {
    me: PeerId,
    /// What this node provides; announced again after a restart as its services are registered again.
    provided: HashMap<RecordKey, ProviderRecord>,
    table: Table,
    /// Where the connected peers have said that they can be dialled. Only confirmed addresses come with a provider record,
    /// which few nodes have; without any, whoever asks is not even told of the provider.
    dialable: HashMap<NodeId, Vec<Multiaddr>>,
    storage: Storage,
    public: PublicRanges,
    counters: Arc<Counters>,
}

impl Records {
    /// Begins with what the storage has kept.
    pub(super) fn new(me: PeerId, storage: Storage, public: PublicRanges, counters: Arc<Counters>) -> Self {
        let (provided, table) = (HashMap::new(), Table::new(me));
        let mut records = Self { me, provided, table, dialable: HashMap::new(), storage, public, counters };
        let (kept, damaged) = records.storage.take_providers();
        records.counters.dht.damaged_records.add(damaged);
        let now = Instant::now();
        for Provider { key, node, from, addresses, remaining } in kept {
            let addresses = addresses.into_iter().filter_map(|a| Multiaddr::try_from(a).ok()).take(ADDRESSES).collect();
            let subnet = records.public.subnet(from);
            let held = Held { provider: node, subnet, addresses, expires: now + remaining };
            match records.table.keep(key, held) {
                Ok(None) => {}
                Ok(Some((key, node))) => records.storage.forget_provider(key, node),
                Err(_) => records.storage.forget_provider(key, node),
            }
        }
        records.counted();
        records
    }

    /// Keeps what a provider says of itself over a connection from `from`. Kademlia has seen to it that nobody but the
    /// provider says it.
    pub(super) fn keep(&mut self, record: ProviderRecord, from: Option<IpAddr>, now: Instant) -> Result<(), Refused> {
        self.expire(now);
        let key = digest(record.key.as_ref()).ok_or(Refused::Key)?;
        let node = node_id(&record.provider).filter(|_| record.provider != self.me).ok_or(Refused::Provider)?;
        let from = from.ok_or(Refused::Provider)?;
        let remaining = record.expires.map_or(TTL, |at| at.saturating_duration_since(now)).min(TTL);
        let useful = record.addresses.into_iter().filter(|a| a.len() <= ADDRESS);
        let mut addresses = addresses::reaching(useful, from, &self.public);
        if addresses.is_empty() {
            addresses = self.dialable.get(&node).cloned().unwrap_or_default();
        }
        addresses.truncate(ADDRESSES);
        let stored = addresses.iter().map(Multiaddr::to_vec).collect();
        let held = Held { provider: node, subnet: self.public.subnet(from), addresses, expires: now + remaining };
        let kept = self.table.keep(key, held);
        match kept {
            Ok(evicted) => {
                self.storage.keep_provider(Provider { key, node, from, addresses: stored, remaining });
                if let Some((key, node)) = evicted {
                    self.counters.dht.evicted_providers.add(1);
                    self.storage.forget_provider(key, node);
                }
            }
            // What it said before is gone, too.
            Err(_) => self.storage.forget_provider(key, node),
        }
        self.counted();
        kept.map(drop)
    }

    /// A connected peer has said where it can be dialled.
    pub(super) fn heard(&mut self, node: NodeId, mut addresses: Vec<Multiaddr>) {
        addresses.retain(|address| address.len() <= ADDRESS);
        addresses.truncate(ADDRESSES);
        // A record may have come before this.
        self.table.complete(&node, &addresses);
        self.dialable.insert(node, addresses);
    }

    /// A peer is not connected any more.
    pub(super) fn gone(&mut self, node: &NodeId) {
        self.dialable.remove(node);
    }

    /// Drops what has not been renewed, without waiting for somebody to ask for it.
    pub(super) fn expire(&mut self, now: Instant) {
        for (key, node) in self.table.expire(now) {
            self.storage.forget_provider(key, node);
        }
        self.counted();
    }

    fn counted(&self) {
        self.counters.dht.providers.set(self.table.len());
    }
}

impl RecordStore for Records {
    type RecordsIter<'a> = iter::Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> =
        iter::Map<hash_map::Values<'a, RecordKey, ProviderRecord>, fn(&'a ProviderRecord) -> Cow<'a, ProviderRecord>>;

    fn get(&self, _: &RecordKey) -> Option<Cow<'_, Record>> {
        None
    }

    /// Values are never kept.
    fn put(&mut self, _: Record) -> StoreResult<()> {
        Err(Error::MaxRecords)
    }

    fn remove(&mut self, _: &RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        iter::empty()
    }

    /// Takes in what this node itself provides; what others provide comes in by [`Records::keep`] only.
    fn add_provider(&mut self, record: ProviderRecord) -> StoreResult<()> {
        let known = self.provided.contains_key(&record.key);
        if record.provider != self.me || (!known && self.provided.len() >= PROVIDED) {
            return Err(Error::MaxProvidedKeys);
        }
        self.provided.insert(record.key.clone(), record);
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let own = self.provided.get(key).cloned();
        let Some(digest) = digest(key.as_ref()) else { return own.into_iter().collect() };
        let others = self.table.providers(&digest, Instant::now()).filter_map(|held| {
            let provider = peer_id(&held.provider)?;
            let addresses = held.addresses.clone();
            Some(ProviderRecord { key: key.clone(), provider, expires: Some(held.expires), addresses })
        });
        own.into_iter().chain(others).collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        self.provided.values().map(Cow::Borrowed)
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        if *provider == self.me {
            self.provided.remove(key);
        } else if let (Some(key), Some(node)) = (digest(key.as_ref()), node_id(provider))
            && self.table.remove(&key, &node)
        {
            self.storage.forget_provider(key, node);
            self.counted();
        }
    }
}
