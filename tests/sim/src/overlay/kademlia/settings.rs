//! What can be tuned.

use std::time::Duration;

/// The parameters of the table, by what they do; Kademlia's names are in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Peers in a bucket (k).
    pub bucket: usize,
    /// Peers that keep a record, and that a look-up has to have asked before it gives up.
    pub replication: usize,
    /// Questions of a look-up under way at a time (α).
    pub parallel: usize,
    /// How long a peer has to answer; a question that waits that long is no longer counted as under way.
    pub patience: Duration,
    /// How long a look-up may take.
    pub limit: Duration,
    /// Providers that are enough to choose from, in a quick look-up.
    pub enough: usize,
    /// How long a quick look-up waits for more providers once there is one.
    pub settling: Duration,
    /// Providers named in an answer.
    pub named: usize,
    /// How long a record is kept.
    pub kept: Duration,
    /// How often a provider says again that it is one.
    pub renewal: Duration,
    /// How often the routing table is refreshed.
    pub refresh: Duration,
    /// How soon it is refreshed the first time, at most.
    pub first_refresh: Duration,
}

impl Default for Settings {
    /// As nodes set libp2p's up.
    fn default() -> Self {
        Self {
            bucket: 20,
            replication: 20,
            parallel: 5,
            patience: Duration::from_secs(5),
            limit: Duration::from_secs(10),
            enough: 8,
            settling: Duration::from_millis(100),
            named: 20,
            kept: Duration::from_secs(2 * 3600),
            renewal: Duration::from_secs(3600),
            refresh: Duration::from_secs(300),
            first_refresh: Duration::from_secs(10),
        }
    }
}
