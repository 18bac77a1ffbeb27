//! Measures how fast nodes join, and services appear and go, with real processes on loopback.
//!
//! ```text
//! bench_join [GROUP…] [--nodes N] [--output json]      groups: join memory spread stop late crash; all of them by default
//! ```
//!
//! Exits with 1 if a figure misses its target. Build it with `--release`, as `make bench-join` does.

mod figure;
mod island;
mod join;
mod late;
mod memory;
mod spread;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use self::{figure::Figure, island::Island};

const GROUPS: [&str; 6] = ["join", "memory", "spread", "stop", "late", "crash"];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut wanted = Vec::new();
    let mut json = false;
    let mut nodes = island::NODES;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--output" if arguments.next().as_deref() == Some("json") => json = true,
            "--nodes" => nodes = arguments.next().context("--nodes lacks its value")?.parse()?,
            group if GROUPS.contains(&group) => wanted.push(argument),
            _ => bail!(
                "{argument:?} is not understood; usage: bench_join [{}]… [--nodes N] [--output json]",
                GROUPS.join("|")
            ),
        }
    }
    ensure!(nodes >= island::FEWEST, "--nodes {nodes} is too few; at least {} are needed", island::FEWEST);
    let figures = measure(nodes, |group| wanted.is_empty() || wanted.iter().any(|name| name == group)).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", figure::table(&figures));
    }
    Ok(if figures.iter().all(Figure::ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every figure of the wanted groups. The groups that need the large network share it: first those that need it quiet.
async fn measure(nodes: usize, wants: impl Fn(&str) -> bool) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if wants("join") {
        eprintln!("joining…");
        figures.extend(join::measure().await?);
    }
    if !GROUPS.iter().skip(1).any(|group| wants(group)) {
        return Ok(figures);
    }
    eprintln!("starting {nodes} nodes…");
    let island = Island::start(nodes).await?;
    if wants("memory") {
        eprintln!("idling…");
        figures.push(memory::measure(&island).await?);
    }
    if wants("spread") {
        eprintln!("registering…");
        figures.push(spread::registered(&island).await?);
    }
    if wants("stop") {
        eprintln!("stopping…");
        figures.push(spread::stopped(&island).await?);
    }
    if wants("late") {
        eprintln!("joining {} services…", late::SERVICES);
        figures.push(late::measure(&island).await?);
    }
    if wants("crash") {
        eprintln!("killing; this takes a minute and a half…");
        figures.push(spread::killed(&island).await?);
    }
    island.stop().await;
    Ok(figures)
}
