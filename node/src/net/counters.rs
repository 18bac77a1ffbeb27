//! What happened at the node's bounds, and how much it has done: read by whoever looks, and never waited for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A count of something that was refused or lost at a bound.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much there is of something now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    pub(crate) fn set(&self, n: usize) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the DHT holds here, and what it has refused.
#[derive(Debug, Default)]
pub(crate) struct DhtCounters {
    /// Peers in Kademlia's routing table.
    pub(crate) peers: Gauge,
    /// Provider records of other nodes that are kept for the DHT.
    pub(crate) providers: Gauge,
    /// Peers kept out of the routing table because it had enough of their subnet.
    pub(crate) refused_peers: Counter,
    /// Provider records refused because of their form, or at a bound.
    pub(crate) refused_providers: Counter,
    /// Provider records dropped to make room for others.
    pub(crate) evicted_providers: Counter,
    /// Values that others wanted to store here.
    pub(crate) refused_values: Counter,
    /// Look-ups in the DHT that were not begun because too many were under way.
    pub(crate) refused_searches: Counter,
    /// Stored provider records that could not be read at the start.
    pub(crate) damaged_records: Counter,
}

/// Schemas asked for, here and elsewhere.
#[derive(Debug, Default)]
pub(crate) struct SchemaCounters {
    /// Requests that this node has sent.
    pub(crate) requests: Counter,
    /// Schemas that others have given.
    pub(crate) fetched: Counter,
    /// Schemas given to others.
    pub(crate) served: Counter,
    /// Answers refused because something in them was not what was asked for.
    pub(crate) refused: Counter,
}

/// What happened at the node's bounds, and how much it has done.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Incoming substreams refused because too many waited.
    pub(crate) refused_streams: Counter,
    /// Gossip messages dropped because the directory was busy.
    pub(crate) dropped_gossip: Counter,
    /// Gossip about topics dropped because the broker was busy.
    pub(crate) dropped_topics: Counter,
    /// Nodes that are listed since before a restart.
    pub(crate) restored_sets: Counter,
    /// What was stored of nodes and was left out because it was damaged, forged, of another network or too much.
    pub(crate) useless_sets: Counter,
    /// Frames that broke the protocol and cost their stream.
    pub(crate) broken_frames: Counter,
    /// What is done for and by the DHT.
    pub(crate) dht: DhtCounters,
    /// What is done for the descriptions of services.
    pub(crate) schemas: SchemaCounters,
    /// Calls served to other nodes.
    pub(crate) calls_served: Counter,
    /// Calls made to other nodes.
    pub(crate) calls_made: Counter,
}
