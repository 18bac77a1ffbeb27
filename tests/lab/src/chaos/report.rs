//! What people and programs are told of a run.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use super::{
    Settings,
    check::{Figures, Verdict, Violation},
    world::Faults,
};

/// Violations that are listed for people; programs get them all.
const LISTED: usize = 40;
/// How wide the table's first column is.
const NAMES: usize = 60;

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nodes.
    pub nodes: usize,
    /// How many of them keep topics.
    pub keepers: usize,
    /// How long things went wrong, in seconds.
    pub seconds: f64,
    /// Says what went wrong.
    pub seed: u64,
    /// What went wrong.
    pub faults: Faults,
    /// How long subscribers took to converge once everything had healed, in seconds.
    pub converged_after_s: f64,
    /// How much there was of what.
    pub figures: Figures,
    /// What topics have not kept.
    pub violations: Vec<Violation>,
}

impl Report {
    pub(super) fn new(settings: &Settings, faults: Faults, converged_after: Duration, verdict: Verdict) -> Self {
        Self {
            nodes: settings.nodes,
            keepers: settings.keepers,
            seconds: settings.length.as_secs_f64(),
            seed: settings.seed,
            faults,
            converged_after_s: converged_after.as_secs_f64(),
            figures: verdict.figures,
            violations: verdict.violations,
        }
    }

    /// Whether everything was kept, and no node ended by itself or panicked.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.faults.died.is_empty() && self.faults.panics.is_empty()
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let Self { faults, figures, .. } = self;
        let mut text =
            format!("{} nodes, {} of them keepers, {} s, seed {}\n", self.nodes, self.keepers, self.seconds, self.seed);
        let mut line = |what: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "{what:NAMES$}{value:>12}");
        };
        line("nodes killed and started again", &faults.kills);
        line("partitions, healed again", &faults.partitions);
        line("disks filled, and emptied again", &faults.full_disks);
        line("starts that failed on a full disk", &faults.failed_starts);
        line("disks destroyed", &faults.destroyed);
        line("messages that were to be published", &figures.asked);
        for (level, count) in &figures.reached {
            line(&format!("— of which {level} was reached"), count);
        }
        line("— refused", &figures.refused);
        line("— unknown, the node was gone", &figures.unknown);
        line("logs, each epoch counted", &figures.chains);
        line("times that sessions were taken up", &figures.sessions);
        line("messages received, of all subscribers", &figures.received);
        line("— given again", &figures.again);
        line("— taken before the node was gone, at most (ms)", &figures.again_before_ms);
        line("gaps told of", &figures.gaps);
        line("— messages in them", &figures.in_gaps);
        line("messages of level gossip that have not come", &figures.gossip_lost);
        line("converged after everything had healed (s)", &format!("{:.1}", self.converged_after_s));
        line("nodes that ended by themselves", &faults.died.len());
        line("panics in nodes", &faults.panics.len());
        line("VIOLATIONS", &self.violations.len());
        for died in faults.died.iter().chain(&faults.panics) {
            let _ = writeln!(text, "! {died}");
        }
        for violation in self.violations.iter().take(LISTED) {
            let _ = writeln!(text, "! {violation}");
        }
        if let Some(more) = self.violations.len().checked_sub(LISTED).filter(|more| *more > 0) {
            let _ = writeln!(text, "! and {more} more");
        }
        text
    }
}
