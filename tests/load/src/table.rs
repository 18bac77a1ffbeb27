//! The report as people read it.

use std::fmt::{self, Write};

use crate::{
    case::Figure,
    compare::{Group, Outcome, Report},
    targets::{Limit, Verdict},
};

/// A table for each case, then the targets.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(to: &mut String, report: &Report) -> fmt::Result {
    let Report { machine, rounds, duration_s, size, groups, targets } = report;
    writeln!(to, "{machine}")?;
    writeln!(
        to,
        "{rounds} rounds, peers in turn, median; echoes of {duration_s} s after a warm-up, streams of {size}"
    )?;
    for group in groups {
        write_group(to, group)?;
    }
    if !targets.is_empty() {
        write_targets(to, targets)?;
    }
    Ok(())
}

fn write_group(to: &mut String, group: &Group) -> fmt::Result {
    writeln!(to, "\n{}", group.case.title())?;
    let figures = group.case.figures();
    let atolls: Vec<String> = group.peers.iter().filter(|o| o.peer.is_atoll()).map(|o| o.peer.to_string()).collect();
    // Ratios among Atoll's own rows are for nobody.
    let atolls = if group.case.is_for_all() { atolls } else { Vec::new() };
    write!(to, "{:12}", "PEER")?;
    for figure in figures {
        write!(to, "  {:>width$}", figure.title, width = width(figure))?;
    }
    for atoll in &atolls {
        write!(to, "  {:>16}", format!("{atoll} ÷ it"))?;
    }
    writeln!(to)?;
    for outcome in &group.peers {
        write_row(to, figures, &atolls, outcome)?;
    }
    Ok(())
}

fn write_row(to: &mut String, figures: &[Figure], atolls: &[String], outcome: &Outcome) -> fmt::Result {
    write!(to, "{:12}", outcome.peer.to_string())?;
    if let Some(failure) = &outcome.failure {
        return writeln!(to, "  {failure}");
    }
    for figure in figures {
        let value = outcome.figures.get(figure.key).copied().unwrap_or(f64::NAN);
        write!(to, "  {value:>width$.digits$}", width = width(figure), digits = figure.digits)?;
    }
    // Peers are compared by the first figure; the JSON has the ratios of all.
    let first = figures.first().map_or("", |figure| figure.key);
    for atoll in atolls {
        match outcome.ratios.get(atoll).and_then(|ratios| ratios.get(first)) {
            Some(ratio) => write!(to, "  {ratio:>16.2}")?,
            None => write!(to, "  {:>16}", "-")?,
        }
    }
    writeln!(to)
}

fn write_targets(to: &mut String, targets: &[Verdict]) -> fmt::Result {
    writeln!(to, "\n{:56}  {:>10}  {:>10}  REACHED", "TARGET", "LIMIT", "MEASURED")?;
    for Verdict { what, limit, value, reached } in targets {
        let limit = match limit {
            Limit::AtLeast(limit) => format!("≥ {limit}"),
            Limit::AtMost(limit) => format!("≤ {limit}"),
        };
        // Shares of calls are told apart by their last digits.
        let digits = if *value > 99.0 && *value < 100.0 { 4 } else { 2 };
        writeln!(to, "{what:56}  {limit:>10}  {value:>10.digits$}  {}", if *reached { "yes" } else { "NO" })?;
    }
    Ok(())
}

fn width(figure: &Figure) -> usize {
    figure.title.chars().count().max(10)
}
