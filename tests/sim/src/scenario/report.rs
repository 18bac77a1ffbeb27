//! What came out of a run.

use std::fmt;

use serde::Serialize;

use crate::engine::{Core, Engine};

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// Nothing: it is told for information.
    None,
}

impl Target {
    /// Whether the value is what it must be. What is not a number never is, except for information.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
            Self::None => true,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
            Self::None => Ok(()),
        }
    }
}

/// Something measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much of it.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// What it must be.
    pub target: Target,
    /// Whether it is.
    pub met: bool,
}

/// Everything measured in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Report {
    /// In the order in which they were added.
    pub figures: Vec<Figure>,
    /// The engine's hash of everything that happened: equal for equal runs.
    pub digest: u64,
    /// How many events happened.
    pub events: u64,
    /// Virtual seconds.
    pub simulated: f64,
}

impl Report {
    /// An empty report on what this engine has done.
    #[must_use]
    pub fn of<C: Core>(engine: &Engine<C>) -> Self {
        Self {
            figures: Vec::new(),
            digest: engine.digest(),
            events: engine.events(),
            simulated: engine.now().micros() as f64 / 1e6,
        }
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Target) -> Self {
        self.figures.push(Figure { name: name.into(), value, unit, target, met: target.is_met(value) });
        self
    }

    /// The value of the figure of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// The figures that are not what they must be.
    pub fn missed(&self) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(|figure| !figure.met)
    }

    /// Whether all are.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.missed().next().is_none()
    }
}

/// The value that this share of the values does not exceed (nearest rank); not a number if there are none.
#[must_use]
pub fn quantile(ascending: &[f64], share: f64) -> f64 {
    let rank = (ascending.len() as f64 * share).ceil().max(1.0) as usize;
    ascending.get(rank - 1).or(ascending.last()).copied().unwrap_or(f64::NAN)
}
