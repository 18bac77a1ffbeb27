//! Many messages, published on one topic.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use atoll_protocol::{
    names::{NameError, TopicName},
    topic::Retention,
};
use atoll_registry::topics::outbox::AckLevel;
use bytes::Bytes;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{LONGEST_MICROS, WARM_UP};
use crate::{Node, Topic, error::PublishError, protocol::topic::Access};

/// How long what was published on a topic of its own is retained, in seconds: by everybody who holds it.
const RETAINED: u64 = 600;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishLoad {
    /// Where. Without it, on a topic of the node's own that is made for this, of which nothing older than ten minutes is retained.
    pub topic: Option<TopicName>,
    /// How much.
    pub amount: Amount,
    /// Bytes in each message.
    pub size: usize,
    /// What each is to reach before it counts as published.
    #[serde(with = "level")]
    pub ack: AckLevel,
    /// Messages that wait for that at a time.
    pub in_flight: usize,
}

/// How much to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many messages, all of which are measured.
    Messages(u64),
    /// As many as can be published in this time, after half a second to warm up.
    DurationMs(u64),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishReport {
    /// The topic.
    pub topic: TopicName,
    /// Messages that have reached what they were to reach.
    pub messages: u64,
    /// Messages that have not.
    pub errors: u64,
    /// Of those that have, for each second.
    pub messages_per_second: f64,
    /// From handing a message over to its acknowledgement: half of them took no longer.
    pub p50_us: u64,
    /// 99 of 100 took no longer.
    pub p99_us: u64,
    /// The slowest one.
    pub max_us: u64,
    /// How long it was measured.
    pub seconds: f64,
    /// Why the first one failed, in words.
    pub first_error: Option<String>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unmeasured {
    /// Nothing is to be published, or nothing at a time.
    #[error("at least one message, or a millisecond, and at least one message at a time")]
    Nothing,
    /// The topic's name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It cannot be published at all.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The latencies cannot be kept.
    #[error("latencies cannot be kept: {0}")]
    Latencies(#[from] hdrhistogram::CreationError),
}

impl PublishLoad {
    /// Publishes.
    ///
    /// # Errors
    /// [`Unmeasured`], also where publishing fails at once in the midst of it. What is merely not acknowledged is counted.
    pub async fn run(self, node: &Node) -> Result<PublishReport, Unmeasured> {
        if self.in_flight == 0 || matches!(self.amount, Amount::Messages(0) | Amount::DurationMs(0)) {
            return Err(Unmeasured::Nothing);
        }
        let topic = match &self.topic {
            Some(topic) => node.0.broker.topic(topic.clone()),
            None => own_topic(node).await?,
        };
        let payload = Bytes::from(vec![7_u8; self.size]);
        let mut seen = Seen::new()?;
        let warm_up = if matches!(self.amount, Amount::Messages(_)) { Duration::ZERO } else { WARM_UP };
        let from = Instant::now() + warm_up;
        let mut left = match self.amount {
            Amount::Messages(count) => Left::Messages(count),
            Amount::DurationMs(millis) => Left::Until(from + Duration::from_millis(millis)),
        };
        let mut waiting = VecDeque::with_capacity(self.in_flight);
        loop {
            let begun = Instant::now();
            if waiting.len() < self.in_flight && left.take(begun) {
                let message = topic.publish_raw(payload.clone()).ack(self.ack);
                waiting.push_back((begun, message.send().await?));
                continue;
            }
            let Some((begun, acknowledged)) = waiting.pop_front() else { break };
            let result = acknowledged.await;
            // What fails counts from the beginning on: nothing is to be hidden by the warm-up.
            if begun >= from || result.is_err() {
                seen.note(begun.elapsed(), result.err());
            }
        }
        let seconds = from.elapsed().as_secs_f64();
        Ok(seen.report(topic.name().clone(), seconds))
    }
}

/// A topic whose name says that it is this node's: it decides what is retained there.
async fn own_topic(node: &Node) -> Result<Topic, Unmeasured> {
    let name = TopicName::owned_by(&node.id(), &format!("bench/{:08x}", rand::random::<u32>()))?;
    let topic = node.0.broker.topic(name);
    let retention = Retention { age_secs: Some(RETAINED), ..Retention::default() };
    topic.decide(Access::Open, Vec::new(), retention).await?;
    Ok(topic)
}

/// What is still to be published.
enum Left {
    Messages(u64),
    Until(Instant),
}

impl Left {
    fn take(&mut self, now: Instant) -> bool {
        match self {
            Self::Messages(0) => false,
            Self::Messages(left) => {
                *left -= 1;
                true
            }
            Self::Until(end) => now < *end,
        }
    }
}

struct Seen {
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<PublishError>,
}

impl Seen {
    fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self { latencies: Histogram::new_with_bounds(1, LONGEST_MICROS, 3)?, errors: 0, first_error: None })
    }

    fn note(&mut self, took: Duration, error: Option<PublishError>) {
        match error {
            None => self.latencies.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)),
            Some(error) => {
                self.errors += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn report(self, topic: TopicName, seconds: f64) -> PublishReport {
        let Self { latencies, errors, first_error } = self;
        PublishReport {
            topic,
            messages: latencies.len(),
            errors,
            messages_per_second: latencies.len() as f64 / seconds,
            p50_us: latencies.value_at_quantile(0.5),
            p99_us: latencies.value_at_quantile(0.99),
            max_us: latencies.max(),
            seconds,
            first_error: first_error.map(|error| error.to_string()),
        }
    }
}

/// Everything that a node has taken in or published so far is on its disk, once this resolves.
pub async fn stored(node: &Node) {
    node.0.broker.synced().await;
}

/// A level as it is written.
mod level {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::AckLevel;

    pub(super) fn serialize<S: Serializer>(level: &AckLevel, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(level)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AckLevel, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
