//! What was measured, and what it must reach.

use std::{fmt::Write, time::Duration};

use serde::Serialize;

/// One figure: many samples of one quantity.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    samples: usize,
    median: f64,
    max: f64,
    target: Target,
    ok: bool,
}

/// What a figure must not exceed.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Target {
    pub(crate) median: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, target: Target, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let median = samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN);
        let max = samples.last().copied().unwrap_or(f64::NAN);
        // What was not measured has not been reached.
        let within = |value: f64, limit: Option<f64>| limit.is_none_or(|limit| value <= limit);
        let ok = !samples.is_empty() && within(median, target.median) && within(max, target.max);
        Self { name: name.into(), unit, samples: samples.len(), median, max, target, ok }
    }

    /// A figure in milliseconds, all of whose samples have a limit.
    pub(crate) fn millis(name: impl Into<String>, max: Duration, samples: Vec<Duration>) -> Self {
        Self::new(
            name,
            "ms",
            Target { max: Some(millis(max)), median: None },
            samples.into_iter().map(millis).collect(),
        )
    }

    pub(crate) fn ok(&self) -> bool {
        self.ok
    }
}

pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

/// The figures in columns.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text =
        format!("{:46} {:>8} {:>10} {:>10}  {:34} {}\n", "FIGURE", "SAMPLES", "MEDIAN", "MAX", "TARGET", "REACHED");
    for Figure { name, unit, samples, median, max, target, ok } in figures {
        let limit = |what: &str, limit: Option<f64>| limit.map(|l| format!("{what} ≤ {l} {unit}"));
        let targets: Vec<String> =
            [limit("median", target.median), limit("all", target.max)].into_iter().flatten().collect();
        let reached = if *ok { "yes" } else { "NO" };
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{name:46} {samples:>8} {:>10} {:>10}  {:34} {reached}",
            format!("{median:.1} {unit}"),
            format!("{max:.1} {unit}"),
            targets.join(", ")
        );
    }
    text
}
