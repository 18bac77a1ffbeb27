//! Somebody who is known, and calls at a steady pace.

use std::time::{Duration, Instant};

use anyhow::Result;
use atoll_node::{Node, NodeId, bench::SERVICE};
use hdrhistogram::Histogram;
use tokio::time::{MissedTickBehavior, interval};

/// Between two calls, so that it is not the caller itself that the node is busy with.
const PAUSE: Duration = Duration::from_millis(2);
/// No latency is told apart beyond this, in microseconds.
const LONGEST: u64 = 60_000_000;

/// What it saw.
pub(crate) struct Seen {
    pub(crate) latencies: Histogram<u64>,
    pub(crate) failed: u64,
}

impl Seen {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { latencies: Histogram::new_with_bounds(1, LONGEST, 3)?, failed: 0 })
    }

    /// Calls for so long, one call at a time.
    pub(crate) async fn watch(&mut self, member: &Node, node: NodeId, time: Duration) -> Result<()> {
        let client = member.client(SERVICE)?;
        let mut pace = interval(PAUSE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = Instant::now() + time;
        while Instant::now() < end {
            pace.tick().await;
            let begun = Instant::now();
            match client.call_raw("echo", vec![7; 100]).peer(node).await {
                Ok(_) => {
                    let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(LONGEST);
                    self.latencies.saturating_record(took.max(1));
                }
                Err(status) => {
                    self.failed += 1;
                    eprintln!("a call of the member has failed: {status}");
                }
            }
        }
        Ok(())
    }
}
