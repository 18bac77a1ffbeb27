//! Provider records in Kademlia: saying what this node provides, asking who provides something.

use std::collections::{HashMap, HashSet, VecDeque};

use atoll_protocol::identity::NodeId;
use libp2p::kad::{self, QueryId, RecordKey, store::MemoryStore, store::RecordStore};
use tokio::sync::oneshot;

use crate::net::node_id;

type Kad = kad::Behaviour<MemoryStore>;

/// Provider announcements under way at a time: a node with a thousand services must not flood its neighbours.
const ANNOUNCING: usize = 4;
/// Providers that are enough to choose from.
const ENOUGH: usize = 8;

/// Length of a key: a SHA-256 digest.
const KEY: usize = 32;

struct Search {
    reply: oneshot::Sender<Vec<NodeId>>,
    found: Vec<NodeId>,
}

#[derive(Default)]
pub(super) struct Dht {
    /// Keys still to be announced; at most as many as this node may have records.
    waiting: VecDeque<Vec<u8>>,
    announcing: HashSet<QueryId>,
    searches: HashMap<QueryId, Search>,
}

impl Dht {
    pub(super) fn provide(&mut self, kad: &mut Kad, key: Vec<u8>) {
        self.waiting.push_back(key);
        self.announce(kad);
    }

    pub(super) fn unprovide(&mut self, kad: &mut Kad, key: &[u8]) {
        self.waiting.retain(|k| k != key);
        kad.stop_providing(&RecordKey::new(&key));
    }

    /// Looks for providers; they are given when there are enough, or no more to be found.
    pub(super) fn providers(&mut self, kad: &mut Kad, key: Vec<u8>, reply: oneshot::Sender<Vec<NodeId>>) {
        let query = kad.get_providers(RecordKey::new(&key));
        self.searches.insert(query, Search { reply, found: Vec::new() });
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
            kad::QueryResult::StartProviding(_) => {
                self.announcing.remove(&id);
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
                if !search.found.contains(&provider) {
                    search.found.push(provider);
                    news.push(provider);
                }
            }
        }
        if last || search.found.len() >= ENOUGH {
            if let Some(mut query) = kad.query_mut(&id) {
                query.finish();
            }
            if let Some(search) = self.searches.remove(&id) {
                let _ = search.reply.send(search.found);
            }
        }
        news
    }
}

/// Takes a foreign provider record into the store, if it is one of ours to keep.
pub(super) fn inbound(kad: &mut Kad, request: kad::InboundRequest) {
    if let kad::InboundRequest::AddProvider { record: Some(record) } = request
        && record.key.as_ref().len() == KEY
        && let Err(full) = kad.store_mut().add_provider(record)
    {
        tracing::debug!("a provider record is not kept: {full}");
    }
}
