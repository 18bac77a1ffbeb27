//! The table that is kept in the docs: a line for each attack, means over all seeds and the worst one.

use std::fmt::Write;

use super::{ALL, EIGEN};
use crate::scenario::{Report, Run, Scenario, runner};

/// The figures that have a column, by the beginning of their names.
const COLUMNS: [&str; 6] = [
    "bad answers by standing",
    "bad answers by EigenTrust",
    "bad answers at random",
    "to newcomers, first 20 calls",
    "honest peers scored below 0.3",
    "the same, of those called three times or more",
];

/// Plays all attacks with these seeds; the runs, in the order of the table.
#[must_use]
pub fn play(seeds: &[u64]) -> Vec<Vec<Run>> {
    ALL.iter().map(|scenario| runner::run(scenario, scenario.nodes, seeds)).collect()
}

/// The runs as a table in Markdown.
#[must_use]
pub fn table(all: &[Vec<Run>]) -> String {
    let mut text = String::from(
        "| attack | bad answers: target | this, mean (worst) | EigenTrust | random | newcomers ≤ 8 % | honest below 0.3 ≤ 1 % | of those that were called |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (scenario, runs) in ALL.iter().zip(all) {
        line(&mut text, scenario, runs);
        for name in further(runs) {
            let after = name.trim_start_matches("from ").split(' ').next().unwrap_or_default();
            let [ours, eigen] = [name.clone(), format!("{EIGEN}{after}")].map(|name| values(runs, &name));
            let _ =
                writeln!(text, "| — {name} | {} | {} | {} | | | | |", target(runs, &name), cell(&ours), mean(&eigen));
        }
    }
    text
}

fn line(text: &mut String, scenario: &Scenario, runs: &[Run]) {
    let [ours, eigen, random, newcomers, low, known] = COLUMNS.map(|name| values(runs, name));
    let (about, target) = (scenario.about, target(runs, COLUMNS[0]));
    let (ours, eigen, random) = (cell(&ours), mean(&eigen), mean(&random));
    let (newcomers, low, known) = (cell(&newcomers), cell(&low), cell(&known));
    let _ = writeln!(text, "| {about} | {target} | {ours} | {eigen} | {random} | {newcomers} | {low} | {known} |");
}

/// Figures of ours with a target that have no column.
fn further(runs: &[Run]) -> Vec<String> {
    let figures = runs.first().map(|run| run.report.figures.as_slice()).unwrap_or_default();
    let names = figures.iter().filter(|figure| !figure.target.to_string().is_empty()).map(|figure| figure.name.clone());
    names.filter(|name| !COLUMNS.contains(&name.as_str())).collect()
}

fn values(runs: &[Run], name: &str) -> Vec<f64> {
    runs.iter().filter_map(|run| run.report.value(name)).collect()
}

fn target(runs: &[Run], name: &str) -> String {
    let of = |report: &Report| {
        report.figures.iter().find(|figure| figure.name == name).map(|figure| figure.target.to_string())
    };
    runs.first().and_then(|run| of(&run.report)).unwrap_or_default()
}

fn mean(values: &[f64]) -> String {
    if values.is_empty() { String::new() } else { format!("{:.1}", values.iter().sum::<f64>() / values.len() as f64) }
}

fn cell(values: &[f64]) -> String {
    let worst = values.iter().copied().fold(0.0, f64::max);
    format!("{} ({worst:.1})", mean(values))
}
