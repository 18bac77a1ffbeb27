//! How a group treats its work.

use std::time::Duration;

/// How a group treats its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a member may take before the entry is given to somebody else.
    pub ack_wait: Duration,
    /// How often an entry is given before it is given up, at least once.
    pub deliveries: u32,
    /// How long to wait before the second time; twice as long each further time.
    pub backoff: Duration,
    /// And so long at most; also what a member may ask for.
    pub backoff_max: Duration,
    /// Whether entries with the same key are given one after the other.
    pub key_order: bool,
    /// Entries that are under way or waiting at most; more are not to be offered.
    pub window: usize,
    /// Members at most.
    pub members: usize,
}

impl Default for Settings {
    /// 30 s, 5 times, after 1 s to 5 min, in the order of keys, 4 096 entries, 1 024 members.
    fn default() -> Self {
        Self {
            ack_wait: Duration::from_secs(30),
            deliveries: 5,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(300),
            key_order: true,
            window: 4_096,
            members: 1_024,
        }
    }
}
