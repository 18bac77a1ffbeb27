//! What was measured, beside whom, and what it must reach.

use std::fmt::Write;

use serde::Serialize;

/// One figure, perhaps beside that of another.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: &'static str,
    unit: &'static str,
    /// The median of all rounds; none if it could not be measured.
    value: Option<f64>,
    /// Beside whom it was measured.
    peer: Option<&'static str>,
    peer_value: Option<f64>,
    ratio: Option<f64>,
    target: Option<Target>,
    reached: Option<bool>,
    /// Why something is missing, or what the figure says.
    note: Option<String>,
    rounds: Vec<f64>,
    peer_rounds: Vec<f64>,
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// At most so much.
    AtMost(f64),
    /// At least so many times the peer's.
    TimesPeer(f64),
}

impl Figure {
    /// A figure for itself.
    pub(crate) fn alone(name: &'static str, unit: &'static str, rounds: Vec<f64>, target: Option<Target>) -> Self {
        let value = median(&rounds);
        let reached = target.zip(value).and_then(|(target, value)| match target {
            Target::AtMost(limit) => Some(value <= limit),
            Target::TimesPeer(_) => None,
        });
        Self {
            name,
            unit,
            value,
            peer: None,
            peer_value: None,
            ratio: None,
            target,
            reached,
            note: None,
            rounds,
            peer_rounds: Vec::new(),
        }
    }

    /// A figure beside that of a peer, of the same rounds; or why there is none of the peer's.
    pub(crate) fn beside(
        name: &'static str,
        unit: &'static str,
        rounds: Vec<f64>,
        peer: &'static str,
        peers: Result<Vec<f64>, String>,
        times: Option<f64>,
    ) -> Self {
        let mut figure = Self::alone(name, unit, rounds, times.map(Target::TimesPeer));
        figure.peer = Some(peer);
        match peers {
            Ok(rounds) => {
                figure.peer_value = median(&rounds);
                figure.peer_rounds = rounds;
            }
            Err(why) => figure.note = Some(format!("{peer}: {why}")),
        }
        figure.ratio = figure.value.zip(figure.peer_value).map(|(value, peer)| value / peer);
        figure.reached = times.zip(figure.ratio).map(|(times, ratio)| ratio >= times);
        figure
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note.get_or_insert(note.into());
        self
    }

    pub(crate) fn missed(&self) -> bool {
        self.reached == Some(false)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The figures in columns, and the notes below.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:52} {:>16} {:>24} {:>8}  {:10} REACHED\n",
        "FIGURE (MEDIAN OF ALL ROUNDS)", "MEASURED", "BESIDE", "RATIO", "TARGET"
    );
    for figure in figures {
        let Figure { name, unit, value, peer, peer_value, ratio, target, reached, .. } = figure;
        let beside = peer.map(|peer| match peer_value {
            Some(value) => format!("{peer} {}", amount(*value)),
            None => format!("{peer} -"),
        });
        let target = target.map(|target| match target {
            Target::AtMost(limit) => format!("≤ {limit} {unit}"),
            Target::TimesPeer(times) => format!("≥ {times} ×"),
        });
        let reached = reached.map_or("-", |reached| if reached { "yes" } else { "NO" });
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{name:52} {:>16} {:>24} {:>8}  {:10} {reached}",
            value.map_or_else(|| "-".to_owned(), |value| format!("{} {unit}", amount(value))),
            beside.unwrap_or_default(),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            target.unwrap_or_default(),
        );
    }
    for Figure { name, note, .. } in figures {
        if let Some(note) = note {
            let _ = writeln!(text, "\n{name}:\n  {note}");
        }
    }
    text
}

fn amount(value: f64) -> String {
    let digits = if value < 100.0 { 2 } else { 0 };
    format!("{value:.digits$}")
}
