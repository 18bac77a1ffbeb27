//! What is decided about topics.

use std::time::Duration;

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::{NetworkName, TopicName},
    service::UnixMillis,
    topic::{Batch, Clock, Draft, Writer},
};

mod access;
mod interest;
mod keepers;
mod outbox;
mod quota;
mod retention;
mod sessions;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn node(number: u8) -> NodeId {
    NodeId::from_public_key([number; 32])
}

fn topic(number: usize) -> TopicName {
    format!("t{number}").parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An author that publishes at any time.
struct Author {
    key: SecretKey,
    writer: Writer,
    clock: Clock,
}

impl Author {
    fn new(number: u8) -> Self {
        Self { key: key(number), writer: Writer::begin(topic(0), NOW, None), clock: Clock::default() }
    }

    /// Entries with these keys, so many seconds later.
    fn at(&mut self, later: u64, keys: &[Option<&'static str>]) -> Batch {
        let draft = |key: &Option<&'static str>| Draft { key: key.map(Into::into), ..Draft::of(vec![7; 50]) };
        let now = UnixMillis(NOW.0 + 1_000 * later);
        let drafts = keys.iter().map(draft).collect();
        self.writer.append(&self.key, &NetworkName::main(), &mut self.clock, now, drafts).unwrap()
    }
}
