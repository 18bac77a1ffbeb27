//! Provider records in Kademlia: saying what this node provides, asking who provides something.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::identity::NodeId;
use libp2p::{
    Multiaddr,
    kad::{self, QueryId, RecordKey, store::RecordStore},
};
use tokio::{sync::mpsc, time::Instant};

use crate::net::{Counters, LookUp, PROVIDERS, addresses, node_id, records::Records};

#[cfg(test)]
mod tests;

type Kad = kad::Behaviour<Records>;

/// Provider announcements under way at a time: a node with a thousand services must not flood its neighbours.
const ANNOUNCING: usize = 4;
/// Providers that are enough to choose from.
const ENOUGH: usize = 8;
/// How long a quick look-up is to wait for more providers once there is one. A look-up ends when the last of the closest peers has answered,
/// and one that is gone answers only by its dial's timeout. For the same reason a thorough one gives each as soon as it is named.
const SETTLING: Duration = Duration::from_millis(100);
/// Look-ups under way at a time.
const SEARCHES: usize = 256;

/// Takes providers, of which there is room for [`PROVIDERS`].
type Reply = mpsc::Sender<NodeId>;

impl LookUp {
    const fn enough(self) -> usize {
        match self {
            Self::Quick => ENOUGH,
            Self::Thorough => PROVIDERS,
        }
    }
}

struct Search {
    key: Vec<u8>,
    look_up: LookUp,
    replies: Vec<Reply>,
    found: Vec<NodeId>,
    /// When what has been found is enough.
    settled: Option<Instant>,
}

pub(super) struct Dht {
    /// Keys still to be announced; at most as many as this node may have records.
    waiting: VecDeque<Vec<u8>>,
    announcing: HashSet<QueryId>,
    /// Keys whose announcement ran out of time, as it does where the network is slow or this node has just come: nobody would
    /// find them until the next renewal.
    failed: Vec<Vec<u8>>,
    searches: HashMap<QueryId, Search>,
    /// Look-ups by key: whoever asks for what is being looked for gets the same answer.
    by_key: HashMap<(Vec<u8>, LookUp), QueryId>,
    /// Peers in the routing table when everything was announced last.
    announced_to: usize,
    counters: Arc<Counters>,
}

impl Dht {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self {
            waiting: VecDeque::new(),
            announcing: HashSet::new(),
            failed: Vec::new(),
            searches: HashMap::new(),
            by_key: HashMap::new(),
            announced_to: 0,
            counters,
        }
    }

    pub(super) fn provide(&mut self, kad: &mut Kad, key: Vec<u8>) {
        self.waiting.push_back(key);
        self.announce(kad);
    }

    pub(super) fn unprovide(&mut self, kad: &mut Kad, key: &[u8]) {
        self.waiting.retain(|k| k != key);
        self.failed.retain(|k| k != key);
        kad.stop_providing(&RecordKey::new(&key));
    }

    /// To be called now and then, with the number of peers in the routing table. Announces again what could not be; and
    /// everything, once the table has doubled: in a network that has grown, others are now the closest to a key, and have
    /// never heard of it.
    pub(super) fn look_after(&mut self, kad: &mut Kad, peers: usize) {
        self.waiting.extend(self.failed.drain(..));
        if peers >= self.announced_to.saturating_mul(2).max(1) && self.waiting.is_empty() {
            self.announced_to = peers;
            self.waiting = kad.store_mut().provided().map(|record| record.key.to_vec()).collect();
        }
        self.announce(kad);
    }

    /// Looks for providers. Of a quick look-up they are given when there are enough, or no more to be found; of a thorough one, as
    /// they are named.
    pub(super) fn providers(&mut self, kad: &mut Kad, key: Vec<u8>, look_up: LookUp, reply: Reply) {
        let by_key = (key, look_up);
        if let Some(search) = self.by_key.get(&by_key).and_then(|query| self.searches.get_mut(query)) {
            search.replies.retain(|reply| !reply.is_closed());
            if look_up == LookUp::Thorough {
                give(&reply, &search.found);
            }
            return search.replies.push(reply);
        }
        if self.searches.len() >= SEARCHES {
            self.counters.dht.refused_searches.add(1);
            tracing::warn!("a service is not looked up: {SEARCHES} look-ups are under way");
            return;
        }
        let query = kad.get_providers(RecordKey::new(&by_key.0));
        self.by_key.insert(by_key.clone(), query);
        let (key, look_up) = by_key;
        self.searches.insert(query, Search { key, look_up, replies: vec![reply], found: Vec::new(), settled: None });
    }

    /// When a search is to be answered with what it has found.
    pub(super) fn next_settled(&self) -> Option<Instant> {
        self.searches.values().filter_map(|search| search.settled).min()
    }

    /// Answers the searches that have waited long enough for more.
    pub(super) fn settle(&mut self, kad: &mut Kad, now: Instant) {
        let settled = |search: &Search| search.settled.is_some_and(|at| at <= now);
        let done: Vec<QueryId> = self.searches.iter().filter(|(_, s)| settled(s)).map(|(id, _)| *id).collect();
        for id in done {
            self.finish(kad, id);
        }
    }

    /// Announces what waits, as far as there is room.
    fn announce(&mut self, kad: &mut Kad) {
        while self.announcing.len() < ANNOUNCING {
            let Some(key) = self.waiting.pop_front() else { return };
            match kad.start_providing(RecordKey::new(&key)) {
                Ok(query) => drop(self.announcing.insert(query)),
                Err(error) => tracing::warn!("a service cannot be announced in the DHT: {error}"),
            }
        }
    }

    /// Takes in the progress of a query. Returns the providers that it found just now, which should be dialled while
    /// Kademlia still remembers where it heard of them.
    pub(super) fn progress(&mut self, kad: &mut Kad, id: QueryId, result: kad::QueryResult, last: bool) -> Vec<NodeId> {
        match result {
            kad::QueryResult::StartProviding(result) => {
                self.announcing.remove(&id);
                if let Err(kad::AddProviderError::Timeout { key }) = result
                    && kad.store_mut().provided().any(|record| record.key == key)
                {
                    self.failed.push(key.to_vec());
                }
                self.announce(kad);
                Vec::new()
            }
            kad::QueryResult::GetProviders(result) => self.found(kad, id, result, last),
            _ => Vec::new(),
        }
    }

    fn found(&mut self, kad: &mut Kad, id: QueryId, result: kad::GetProvidersResult, last: bool) -> Vec<NodeId> {
        let Some(search) = self.searches.get_mut(&id) else { return Vec::new() };
        let mut news = Vec::new();
        if let Ok(kad::GetProvidersOk::FoundProviders { providers, .. }) = result {
            for provider in providers.iter().filter_map(node_id) {
                if search.found.len() < search.look_up.enough() && !search.found.contains(&provider) {
                    search.found.push(provider);
                    news.push(provider);
                }
            }
        }
        if search.look_up == LookUp::Thorough {
            search.replies.iter().for_each(|reply| give(reply, &news));
        }
        if search.look_up == LookUp::Quick && !search.found.is_empty() && search.settled.is_none() {
            search.settled = Some(Instant::now() + SETTLING);
        }
        // Whoever has what it needs waits no longer.
        let nobody_waits = search.replies.iter().all(Reply::is_closed);
        if last || nobody_waits || search.found.len() >= search.look_up.enough() {
            self.finish(kad, id);
        }
        news
    }

    fn finish(&mut self, kad: &mut Kad, id: QueryId) {
        if let Some(mut query) = kad.query_mut(&id) {
            query.finish();
        }
        if let Some(Search { key, look_up, replies, found, .. }) = self.searches.remove(&id) {
            self.by_key.remove(&(key, look_up));
            if look_up == LookUp::Quick {
                replies.iter().for_each(|reply| give(reply, &found));
            }
        }
    }
}

fn give(reply: &Reply, providers: &[NodeId]) {
    for provider in providers {
        // There is room for all, and nobody is missed who does not wait any more.
        let _ = reply.try_send(*provider);
    }
}

/// Takes a foreign provider record into the store, if it is one of ours to keep. `over` is the address of a connection to
/// the provider, which is also who has sent it.
pub(super) fn inbound_provider(
    kad: &mut Kad,
    counters: &Counters,
    record: kad::ProviderRecord,
    over: Option<&Multiaddr>,
) {
    let from = over.and_then(addresses::ip);
    if let Err(refused) = kad.store_mut().keep(record, from, std::time::Instant::now()) {
        counters.dht.refused_providers.add(1);
        tracing::debug!("a provider record is not kept: {refused}");
    }
}
