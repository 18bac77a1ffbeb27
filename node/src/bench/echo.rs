//! Many small calls.

use std::time::{Duration, Instant};

use atoll_protocol::identity::NodeId;
use bytes::Bytes;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{LONGEST_MICROS, WARM_UP};
use crate::{Client, Status, rpc::Tally};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoLoad {
    /// The node to call; without it, any instance, chosen for each call.
    pub peer: Option<NodeId>,
    /// Calls under way at a time.
    pub concurrency: usize,
    /// For how long, after half a second to warm up.
    pub duration_ms: u64,
    /// Bytes in each request, and in each answer.
    pub size: usize,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EchoReport {
    /// Calls that ended, well or not.
    pub requests: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Answers for each second.
    pub requests_per_second: f64,
    /// Latency: half of the calls took no longer.
    pub p50_us: u64,
    /// Latency: 99 of 100 calls took no longer.
    pub p99_us: u64,
    /// Latency of the slowest call.
    pub max_us: u64,
    /// How long it was measured.
    pub seconds: f64,
    /// The first failure, in words.
    pub first_error: Option<String>,
    /// Where the calls went.
    pub instances: Vec<InstanceReport>,
}

/// What one instance got to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The node that runs it.
    pub node: NodeId,
    /// Calls sent to it.
    pub calls: u64,
    /// Those that failed through no fault of theirs.
    pub errors: u64,
    /// When the last call was sent to it, after the beginning.
    pub last_call_ms: u64,
}

/// What one caller saw.
struct Seen {
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<Status>,
}

impl Seen {
    fn new() -> Result<Self, Status> {
        let latencies =
            Histogram::new_with_bounds(1, LONGEST_MICROS, 3).map_err(|e| Status::internal(e.to_string()))?;
        Ok(Self { latencies, errors: 0, first_error: None })
    }

    fn note(&mut self, took: Duration, result: Result<Bytes, Status>) {
        match result {
            Ok(_) => self.latencies.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)),
            Err(status) => {
                self.errors += 1;
                self.first_error.get_or_insert(status);
            }
        }
    }

    fn add(&mut self, other: Self) {
        // The bounds are the same, so it cannot fail.
        let _ = self.latencies.add(&other.latencies);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

impl EchoLoad {
    /// Puts the service under load.
    ///
    /// # Errors
    /// `invalid_argument` for a load that cannot be made, and the failure of the first call if that fails.
    pub(crate) async fn run(self, client: &Client) -> Result<EchoReport, Status> {
        if self.concurrency == 0 || self.duration_ms == 0 {
            return Err(Status::invalid_argument("at least one call at a time, for at least a millisecond"));
        }
        let body = Bytes::from(vec![7_u8; self.size]);
        self.call(client, &body).await?;
        let before = client.tally();
        let start = Instant::now();
        let (from, until) = (start + WARM_UP, start + WARM_UP + Duration::from_millis(self.duration_ms));
        let mut callers = JoinSet::new();
        for _ in 0..self.concurrency {
            let (client, body) = (client.clone(), body.clone());
            callers.spawn(async move { self.caller(&client, &body, from, until).await });
        }
        let mut seen = Seen::new()?;
        while let Some(caller) = callers.join_next().await {
            seen.add(caller.map_err(|e| Status::internal(e.to_string()))??);
        }
        let seconds = from.elapsed().as_secs_f64();
        Ok(report(&seen, seconds, &before, &client.tally(), start))
    }

    async fn caller(self, client: &Client, body: &Bytes, from: Instant, until: Instant) -> Result<Seen, Status> {
        let mut seen = Seen::new()?;
        let mut begun = Instant::now();
        while begun < until {
            let result = self.call(client, body).await;
            let ended = Instant::now();
            // What fails counts from the beginning on: nothing is to be hidden by the warm-up.
            if begun >= from || result.is_err() {
                seen.note(ended - begun, result);
            }
            begun = ended;
        }
        Ok(seen)
    }

    async fn call(self, client: &Client, body: &Bytes) -> Result<Bytes, Status> {
        let call = client.call_raw("echo", body.clone());
        match self.peer {
            Some(peer) => call.peer(peer).await,
            None => call.await,
        }
    }
}

fn report(seen: &Seen, seconds: f64, before: &[Tally], after: &[Tally], start: Instant) -> EchoReport {
    let Seen { latencies, errors, first_error } = seen;
    let instances = after.iter().map(|now| {
        let was = before.iter().find(|was| was.node == now.node && was.instance == now.instance);
        let (calls, failures) = was.map_or((0, 0), |was| (was.calls, was.failures));
        InstanceReport {
            node: now.node,
            calls: now.calls - calls,
            errors: now.failures - failures,
            last_call_ms: millis(start.elapsed().saturating_sub(now.since_last)),
        }
    });
    EchoReport {
        requests: latencies.len() + errors,
        errors: *errors,
        requests_per_second: latencies.len() as f64 / seconds,
        p50_us: latencies.value_at_quantile(0.5),
        p99_us: latencies.value_at_quantile(0.99),
        max_us: latencies.max(),
        seconds,
        first_error: first_error.as_ref().map(ToString::to_string),
        instances: instances.filter(|instance| instance.calls > 0).collect(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
