//! Runs scenarios with many seeds, and says how to run a failure again.

use std::{
    fmt::Write,
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Report, Scenario, Setting};
use crate::engine::Progress;

/// How often those who wait are told how far a run has come.
const TELLING: Duration = Duration::from_secs(30);

/// One run and what came out.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Its seed.
    pub seed: u64,
    /// The size of its network.
    pub nodes: u32,
    /// How long it really took, in seconds. Nothing in the report depends on it.
    pub took: f64,
    /// What came out.
    pub report: Report,
    /// The command that runs it again.
    pub replay: String,
}

/// The command that runs exactly this again.
#[must_use]
pub fn replay(scenario: &str, setting: Setting) -> String {
    format!("make sim SCENARIO={scenario} SEED={} NODES={}", setting.seed, setting.nodes)
}

/// Runs the scenario with each of the seeds, as many at a time as there are processors; results in the seeds' order.
#[must_use]
pub fn run(scenario: &Scenario, nodes: u32, seeds: &[u64]) -> Vec<Run> {
    let next = AtomicUsize::new(0);
    let runs = Mutex::new(Vec::new());
    let work = || {
        while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = run_one(scenario, Setting { seed, nodes });
            runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(seeds.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_by_key(|run| seeds.iter().position(|seed| *seed == run.seed));
    runs
}

fn run_one(scenario: &Scenario, setting: Setting) -> Run {
    let replay = replay(scenario.name, setting);
    let warning = Warning(&replay);
    let began = Instant::now();
    let progress = Progress::watch();
    let report = thread::scope(|scope| {
        let (running, ended) = mpsc::sync_channel::<()>(0);
        scope.spawn(move || tell(scenario.name, setting.seed, &progress, &ended));
        let report = (scenario.run)(setting);
        drop(running);
        report
    });
    let took = began.elapsed().as_secs_f64();
    drop(warning);
    Run { scenario: scenario.name, seed: setting.seed, nodes: setting.nodes, took, report, replay }
}

/// Tells now and then how far a run has come, until it has ended.
fn tell(scenario: &str, seed: u64, progress: &Progress, ended: &mpsc::Receiver<()>) {
    let began = Instant::now();
    while ended.recv_timeout(TELLING) == Err(RecvTimeoutError::Timeout) {
        let (simulated, minutes) = (progress.time().micros() / 1_000_000, began.elapsed().as_secs() / 60);
        eprintln!("{scenario}, seed {seed}: {simulated} s simulated after {minutes} min");
    }
}

/// Says how to replay a run that ends in a panic.
struct Warning<'a>(&'a str);

impl Drop for Warning<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the simulation panicked; replay it with: {}", self.0);
        }
    }
}

/// For tests: runs the scenario with these seeds.
///
/// # Panics
/// If a figure misses its target, with the command that replays the run.
#[track_caller]
pub fn check(scenario: &Scenario, nodes: u32, seeds: impl IntoIterator<Item = u64>) {
    let seeds: Vec<u64> = seeds.into_iter().collect();
    let runs = run(scenario, nodes, &seeds);
    let failures = failures(&runs);
    assert!(failures.is_empty(), "{failures}");
}

/// What has failed, a paragraph for each run; empty if nothing has.
#[must_use]
pub fn failures(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs.iter().filter(|run| !run.report.passes()) {
        for figure in run.report.missed() {
            let (value, unit) = (figure.value, figure.unit);
            let _ = writeln!(text, "{}: {} is {value} {unit}, not {}", run.scenario, figure.name, figure.target);
        }
        let _ = writeln!(text, "  replay it with: {}", run.replay);
    }
    text
}

/// The figures side by side, a column for each seed.
#[must_use]
pub fn table(runs: &[Run]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let mut text = format!("{}, {} nodes\n", first.scenario, first.nodes);
    let mut row = |name: &str, unit: &str, target: &str, cells: &mut dyn Iterator<Item = String>| {
        let _ = write!(text, "  {name:<38} {unit:<8} {target:>9}");
        for cell in cells {
            let _ = write!(text, " {cell:>12}");
        }
        text.push('\n');
    };
    row("", "", "target", &mut runs.iter().map(|run| format!("seed {}", run.seed)));
    for (index, figure) in first.report.figures.iter().enumerate() {
        let cell = |run: &Run| {
            run.report
                .figures
                .get(index)
                .map_or_else(String::new, |figure| format!("{}{:.3}", if figure.met { "" } else { "✗ " }, figure.value))
        };
        row(&figure.name, figure.unit, &figure.target.to_string(), &mut runs.iter().map(cell));
    }
    row("events", "", "", &mut runs.iter().map(|run| run.report.events.to_string()));
    row("simulated", "s", "", &mut runs.iter().map(|run| format!("{:.0}", run.report.simulated)));
    row("took", "s", "", &mut runs.iter().map(|run| format!("{:.2}", run.took)));
    let speed = |run: &Run| format!("{:.2}", run.report.events as f64 / run.took.max(1e-9) / 1e6);
    row("speed", "M ev/s", "", &mut runs.iter().map(speed));
    let digest = |run: &Run| format!("{:08x}", run.report.digest >> 32);
    row("digest", "", "", &mut runs.iter().map(digest));
    text
}
