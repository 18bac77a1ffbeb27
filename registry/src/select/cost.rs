//! What sending one more call to a candidate costs.

use std::time::Duration;

use super::{Candidate, Pool};

/// Below this no latency is distinguished, so that queues count between very near instances.
const FASTEST: Duration = Duration::from_micros(1);
/// The least a standing counts.
const WORST_STANDING: f64 = 1e-6;

/// The cheaper of two candidates, by index; the first one if they cost the same.
pub(super) fn cheaper(pool: &Pool<'_>, first: usize, second: usize) -> Option<usize> {
    let (a, b) = (pool.candidates.get(first)?, pool.candidates.get(second)?);
    // New instances are to be tried: as long as one has not been measured, it counts as neither fast nor slow.
    let assumed = if a.latency.is_some() && b.latency.is_some() { None } else { median(pool) };
    let assumed = assumed.unwrap_or(FASTEST);
    Some(if cost(b, assumed) < cost(a, assumed) { second } else { first })
}

/// Latency × (in flight + 1) ÷ standing. Only for comparison; the unit is seconds of waiting.
pub(super) fn cost(candidate: &Candidate, assumed: Duration) -> f64 {
    let latency = candidate.latency.unwrap_or(assumed).max(FASTEST);
    // `max` ignores NaN.
    let standing = candidate.standing.max(WORST_STANDING);
    latency.as_secs_f64() * (f64::from(candidate.in_flight) + 1.0) / standing
}

/// The median of the latencies that have been measured (the lower of two).
fn median(pool: &Pool<'_>) -> Option<Duration> {
    let mut measured: Vec<Duration> = pool.iter().filter_map(|(_, candidate)| candidate.latency).collect();
    let middle = measured.len().checked_sub(1)? / 2;
    let (_, median, _) = measured.select_nth_unstable(middle);
    Some(*median)
}
