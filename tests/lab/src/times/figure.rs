//! Figures, their targets, and the table that people read.

use std::fmt::Write as _;

use serde::Serialize;

/// How wide the table's first column is.
const NAMES: usize = 64;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes a second, IP headers included.
    #[serde(rename = "B/s")]
    BytesPerSecond,
    /// A number of things.
    #[serde(rename = "count")]
    Count,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// In words.
    pub what: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it must not exceed, if there is such a thing.
    pub at_most: Option<f64>,
}

/// A figure and what was measured, once for each repetition that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The event, as on the command line.
    pub event: &'static str,
    /// What was measured.
    #[serde(flatten)]
    pub figure: Figure,
    /// Half of the repetitions were no worse; nothing if there were none.
    pub median: Option<f64>,
    /// The worst of them.
    pub worst: Option<f64>,
    /// All of them, in order.
    pub samples: Vec<f64>,
    /// Why a repetition did not come to its end.
    pub errors: Vec<String>,
}

impl Measured {
    /// What became of the repetitions. `samples` are of this figure alone.
    #[must_use]
    pub fn new(event: &'static str, figure: Figure, samples: Vec<f64>, errors: Vec<String>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
        Self { event, figure, median, worst: sorted.last().copied(), samples, errors }
    }

    /// Whether every repetition came to its end and kept to the target, and there was one.
    #[must_use]
    pub fn holds(&self) -> bool {
        let kept = |worst: f64| self.figure.at_most.is_none_or(|most| worst <= most);
        self.errors.is_empty() && self.worst.is_some_and(kept)
    }
}

/// A line for each figure: target, median, worst, and how often it was measured. What went wrong is listed below.
#[must_use]
pub fn table(all: &[Measured]) -> String {
    let mut text = format!("{:NAMES$}{:>12}{:>12}{:>12}{:>6}\n", "", "TARGET", "MEDIAN", "WORST", "OF");
    for measured in all {
        let Figure { what, unit, at_most } = measured.figure;
        let target = at_most.map_or_else(|| "-".to_owned(), |most| format!("≤ {}", show(most, unit)));
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| show(value, unit));
        let mark = if measured.holds() { "" } else { " !" };
        let _ = writeln!(
            text,
            "{what:NAMES$}{target:>12}{:>12}{:>12}{:>6}{mark}",
            shown(measured.median),
            shown(measured.worst),
            measured.samples.len()
        );
    }
    for (index, measured) in all.iter().enumerate() {
        // Each figure of an event has the errors of that event.
        let told = all.iter().take(index).any(|before| before.event == measured.event);
        for error in measured.errors.iter().filter(|_| !told) {
            let _ = writeln!(text, "! {}: {error}", measured.event);
        }
    }
    text
}

fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{value:.2} s"),
        Unit::BytesPerSecond => format!("{value:.0} B/s"),
        Unit::Count => format!("{value:.0}"),
    }
}
