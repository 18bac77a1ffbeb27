//! The two measurements, written once for all peers that this program speaks for.
//!
//! Nothing here knows a peer: what differs is behind [`Peer`], and costs a static call.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::{task::JoinSet, time::timeout};

use crate::{peers::Peer, work};

/// Calls that are made before it counts: connections widen their windows, allocators and caches fill.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// How long the calls that are still out when time is up may take to come back.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// How long a stream may take, whatever its size.
pub(crate) const STREAM_LIMIT: Duration = Duration::from_secs(300);

/// The longest call that is told from longer ones.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// Significant digits that the latencies are kept with.
const DIGITS: u8 = 3;

/// What came of calling again and again.
#[derive(Debug, Serialize)]
pub(crate) struct EchoFigures {
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    errors: u64,
}

/// What came of a stream; megabytes are of a million bytes.
#[derive(Debug, Serialize)]
pub(crate) struct StreamFigures {
    megabytes_per_second: f64,
}

/// A closed loop: `concurrency` tasks, each of which sends its next request when the answer to the last has come.
pub(crate) async fn echo<P: Peer>(peer: P, concurrency: usize, duration: Duration) -> Result<EchoFigures> {
    let start = Instant::now() + WARM_UP;
    let window = start..start + duration;
    let mut tasks = JoinSet::new();
    for _ in 0..concurrency {
        tasks.spawn(call_after_call(peer.clone(), window.clone(), Tally::new()?));
    }
    let mut total = Tally::new()?;
    let all = async {
        while let Some(tally) = tasks.join_next().await {
            total.add(tally?)?;
        }
        anyhow::Ok(())
    };
    // One limit for all of them: a timer for each call would be a part of what is measured.
    timeout(WARM_UP + duration + LAST_CALLS, all)
        .await
        .with_context(|| format!("calls without an answer {LAST_CALLS:?} after the end"))??;
    total.figures(duration)
}

async fn call_after_call<P: Peer>(mut peer: P, window: Range<Instant>, mut tally: Tally) -> Tally {
    let request = work::request();
    loop {
        let sent = Instant::now();
        if sent >= window.end {
            return tally;
        }
        let answer = peer.call(request.clone()).await;
        let done = Instant::now();
        // By its end, so that what is counted is what got done in this time.
        if window.contains(&done) {
            let echoed = answer.and_then(|answer| {
                ensure!(answer == request, "the answer is not the request: {} bytes", answer.len());
                Ok(done - sent)
            });
            tally.count(echoed);
        }
    }
}

/// What one task has seen. Tasks share nothing while they run.
struct Tally {
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<anyhow::Error>,
}

impl Tally {
    fn new() -> Result<Self> {
        let latencies = Histogram::new_with_bounds(1, nanos(LONGEST_CALL), DIGITS)?;
        Ok(Self { latencies, errors: 0, first_error: None })
    }

    fn count(&mut self, call: Result<Duration>) {
        match call {
            Ok(took) => self.latencies.saturating_record(nanos(took)),
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn add(&mut self, other: Self) -> Result<()> {
        self.latencies.add(other.latencies)?;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }

    fn figures(self, duration: Duration) -> Result<EchoFigures> {
        match self.first_error {
            Some(error) if self.latencies.is_empty() => return Err(error.context("no call succeeded")),
            Some(error) => eprintln!("{} calls failed, the first because: {error:#}", self.errors),
            None => ensure!(!self.latencies.is_empty(), "no call ended within {duration:?}"),
        }
        let micros = |quantile: f64| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        Ok(EchoFigures {
            requests_per_second: self.latencies.len() as f64 / duration.as_secs_f64(),
            p50_us: micros(0.50),
            p99_us: micros(0.99),
            errors: self.errors,
        })
    }
}

/// One stream from the server, from the request to its last byte.
pub(crate) async fn stream<P: Peer>(mut peer: P, size: u64) -> Result<StreamFigures> {
    let asked = Instant::now();
    let received = timeout(STREAM_LIMIT, peer.stream(size))
        .await
        .with_context(|| format!("the stream has not ended after {STREAM_LIMIT:?}"))??;
    let took = asked.elapsed();
    ensure!(received == size, "{received} bytes came of the {size} that were asked for");
    Ok(StreamFigures { megabytes_per_second: size as f64 / 1e6 / took.as_secs_f64() })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
