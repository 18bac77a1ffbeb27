//! Having things happen, as often as asked for.

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;

use super::{Figure, Measured, Settings, cut::DirectCut, idle::Idle, lan::Lan, relay::RelayKilled, roam::Roaming};
use crate::topology::Lab;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Event {
    /// A relay is killed while calls go through it
    Relay,
    /// The direct path between two homes is cut while calls go over it
    Cut,
    /// A host is carried to another network
    Roam,
    /// Nothing, for longer than NATs remember
    Idle,
    /// A second node starts on a network without internet
    Lan,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Event {
    /// As on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Cut => "cut",
            Self::Roam => "roam",
            Self::Idle => "idle",
            Self::Lan => "lan",
        }
    }
}

/// Something that can happen again and again in one lab.
pub(super) trait Happening: Sized {
    /// What is measured each time.
    const FIGURES: &'static [Figure];

    /// Builds what it happens to.
    async fn prepare(lab: &mut Lab, settings: &Settings) -> Result<Self>;

    /// Has it happen; a value for each figure. `number` is another one each time.
    async fn once(&mut self, number: usize) -> Result<Vec<f64>>;
}

/// Has it happen as often as the settings say. `report` hears of each time as it ends: what was measured, or why it was not.
///
/// # Errors
/// If what it is to happen to cannot be built. What goes wrong later is part of the result.
pub async fn measure(
    event: Event,
    lab: &mut Lab,
    settings: &Settings,
    report: impl Fn(Event, &Result<Vec<f64>>),
) -> Result<Vec<Measured>> {
    let report = |outcome: &Result<Vec<f64>>| report(event, outcome);
    match event {
        Event::Relay => repeat::<RelayKilled>(event, lab, settings, report).await,
        Event::Cut => repeat::<DirectCut>(event, lab, settings, report).await,
        Event::Roam => repeat::<Roaming>(event, lab, settings, report).await,
        Event::Idle => repeat::<Idle>(event, lab, settings, report).await,
        Event::Lan => repeat::<Lan>(event, lab, settings, report).await,
    }
}

async fn repeat<H: Happening>(
    event: Event,
    lab: &mut Lab,
    settings: &Settings,
    report: impl Fn(&Result<Vec<f64>>),
) -> Result<Vec<Measured>> {
    let mut happening = H::prepare(lab, settings).await?;
    let mut samples = vec![Vec::new(); H::FIGURES.len()];
    let mut errors = Vec::new();
    for number in 0..settings.repeat {
        let outcome = happening.once(number).await;
        report(&outcome);
        match outcome {
            Ok(values) => samples.iter_mut().zip(values).for_each(|(samples, value)| samples.push(value)),
            Err(error) => errors.push(format!("{error:#}")),
        }
    }
    let measured = |(figure, samples): (&Figure, _)| Measured::new(event.name(), *figure, samples, errors.clone());
    Ok(H::FIGURES.iter().zip(samples).map(measured).collect())
}
