//! What is measured, and the figures that come of it.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;

use crate::work;

/// The figures of one measurement, by their keys.
pub(crate) type Sample = BTreeMap<&'static str, f64>;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// 100 bytes there and back, at 1 and at 64 in flight
    Echo,
    /// One long stream from the server
    Stream,
    /// 10 000 streams open at once (Atoll only)
    Streams,
    /// One of three instances is killed under load (Atoll only)
    Failover,
}

/// One row of measurements: a kind of work under one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "work", rename_all = "lowercase")]
pub(crate) enum Case {
    Echo { in_flight: usize },
    Stream,
    Streams,
    Failover,
}

impl Work {
    /// The conditions under which it is measured.
    pub(crate) fn cases(self) -> &'static [Case] {
        match self {
            Self::Echo => &[Case::Echo { in_flight: 1 }, Case::Echo { in_flight: 64 }],
            Self::Stream => &[Case::Stream],
            Self::Streams => &[Case::Streams],
            Self::Failover => &[Case::Failover],
        }
    }
}

/// How the rounds become one figure.
#[derive(Debug, Clone, Copy)]
enum Fold {
    /// The one in the middle, for what scatters.
    Median,
    /// The smallest, for what must never be lower.
    Min,
    /// The largest, for what must never be higher.
    Max,
}

/// A quantity that a measurement yields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    /// Its name in what a client prints, and in the JSON.
    pub(crate) key: &'static str,
    /// Its column.
    pub(crate) title: &'static str,
    /// Digits behind the point.
    pub(crate) digits: usize,
    fold: Fold,
}

impl Figure {
    const fn new(key: &'static str, title: &'static str, digits: usize, fold: Fold) -> Self {
        Self { key, title, digits, fold }
    }

    /// One figure of those of all rounds, of which there is at least one.
    pub(crate) fn of_rounds(&self, rounds: &[Sample]) -> Option<f64> {
        let mut values: Vec<f64> = rounds.iter().filter_map(|sample| sample.get(self.key).copied()).collect();
        values.sort_by(f64::total_cmp);
        match self.fold {
            Fold::Median => values.get(values.len() / 2).copied(),
            Fold::Min => values.first().copied(),
            Fold::Max => values.last().copied(),
        }
    }
}

const ECHO: &[Figure] = &[
    Figure::new("requests_per_second", "REQUESTS/S", 0, Fold::Median),
    Figure::new("p50_us", "P50 µs", 1, Fold::Median),
    Figure::new("p99_us", "P99 µs", 1, Fold::Median),
    Figure::new("errors", "ERRORS", 0, Fold::Max),
];

const STREAM: &[Figure] = &[Figure::new("megabytes_per_second", "MB/S", 1, Fold::Median)];

const STREAMS: &[Figure] = &[
    Figure::new("megabytes_per_second", "MB/S", 1, Fold::Median),
    Figure::new("peak_mib", "PEAK MiB OF BOTH", 1, Fold::Max),
];

const FAILOVER: &[Figure] = &[
    Figure::new("requests", "CALLS", 0, Fold::Median),
    Figure::new("success_percent", "SUCCEEDED %", 4, Fold::Min),
    Figure::new("called_after_kill_ms", "KILLED ONE STILL CALLED ms", 0, Fold::Max),
];

impl Case {
    /// What a measurement of it yields; the first is what peers are compared by.
    pub(crate) fn figures(self) -> &'static [Figure] {
        match self {
            Self::Echo { .. } => ECHO,
            Self::Stream => STREAM,
            Self::Streams => STREAMS,
            Self::Failover => FAILOVER,
        }
    }

    /// Whether peers other than Atoll do it too.
    pub(crate) fn is_for_all(self) -> bool {
        matches!(self, Self::Echo { .. } | Self::Stream)
    }

    /// The heading of its table.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Echo { in_flight } => format!("Echo of {} bytes, {in_flight} in flight", work::REQUEST),
            Self::Stream => format!("Stream from the server in chunks of {} KiB", work::CHUNK / 1024),
            Self::Streams => "10 000 streams open at once between two nodes".to_owned(),
            Self::Failover => "One of three serving nodes killed under load".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
