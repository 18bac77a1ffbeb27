//! Scenarios: what is simulated, what must come out, and how to run it again.
//!
//! | module | what it holds |
//! |---|---|
//! | [`report`] | figures with targets |
//! | [`runner`] | many seeds, tables, and the command that replays a failure |
//! | [`churn`] | nodes that come and go |
//! | [`registry`] | the registry: views kept equal under churn, loss and partition |
//! | [`rumour`] | the example: a rumour spreads by gossip |
//! | [`standing`] | attacks on standing, by fake identities, liars and traitors |
//! | [`topics`] | logs of topics, kept equal over a partition, loss and crashes |
//!
//! A scenario is a function of its [`Setting`] alone: the same setting gives the same report.

pub use self::{
    churn::Churn,
    report::{Figure, Report, Target},
    runner::{Run, check, run},
};

pub mod churn;
pub mod registry;
pub mod report;
pub mod rumour;
pub mod runner;
pub mod standing;
pub mod topics;

#[cfg(test)]
mod tests;

/// All scenarios that `make sim` knows.
pub const ALL: &[Scenario] = &[
    rumour::CALM,
    rumour::LOSSY,
    rumour::CHURN,
    registry::CALM,
    registry::CHURN,
    registry::PARTITION,
    registry::LARGE,
    registry::ROUTES,
    topics::ISLANDS,
    topics::CHURN,
    standing::CALM,
    standing::INDIVIDUAL,
    standing::COLLECTIVE,
    standing::CAMOUFLAGE,
    standing::SPIES,
    standing::FOCUS,
    standing::SYBILS,
    standing::WHITEWASH,
    standing::LAUNDRY,
    standing::TRAITORS,
    standing::SLANDER,
];

/// What a run depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Where all randomness comes from.
    pub seed: u64,
    /// How large the network is.
    pub nodes: u32,
}

/// Something to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// As on the command line.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    /// How many nodes it has unless told otherwise.
    pub nodes: u32,
    /// Simulates.
    pub run: fn(Setting) -> Report,
}

impl Scenario {
    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|scenario| scenario.name == name)
    }
}
