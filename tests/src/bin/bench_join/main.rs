//! Measures how fast nodes join, and services appear and go, with real processes on loopback.
//!
//! Exits with 1 if a figure misses its target. Build it with `--release`, as `make bench-join` does.

mod figure;
mod island;
mod join;
mod late;
mod memory;
mod spread;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, ValueEnum, error::ErrorKind};

use self::{figure::Figure, island::Island};

/// Measure how fast nodes join, and services appear and go, with real processes on loopback.
///
/// The exit code is 1 if a figure misses its target.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure [default: everything].
    #[arg(value_enum, value_name = "GROUP")]
    groups: Vec<Group>,
    /// Nodes in the network of which most groups measure something.
    #[arg(long, default_value_t = island::NODES)]
    nodes: usize,
    /// How to print what comes out.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// From the start of a node until it listens, and has joined.
    Join,
    /// Memory of nodes that are idle.
    Memory,
    /// From the registration of a service until all others list it.
    Spread,
    /// From a clean stop until all others have dropped the node.
    Stop,
    /// From joining until a thousand services are listed.
    Late,
    /// From a `kill -9` until all others have dropped the node.
    Crash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if args.nodes < island::FEWEST {
        let problem = format!("--nodes {} is too few; at least {} are needed", args.nodes, island::FEWEST);
        Args::command().error(ErrorKind::ValueValidation, problem).exit();
    }
    let figures = measure(args.nodes, |group| args.groups.is_empty() || args.groups.contains(&group)).await?;
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", figure::table(&figures));
    }
    Ok(if figures.iter().all(Figure::ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every figure of the wanted groups. The groups that need the large network share it: first those that need it quiet.
async fn measure(nodes: usize, wants: impl Fn(Group) -> bool) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if wants(Group::Join) {
        eprintln!("joining…");
        figures.extend(join::measure().await?);
    }
    if !Group::value_variants().iter().any(|group| *group != Group::Join && wants(*group)) {
        return Ok(figures);
    }
    eprintln!("starting {nodes} nodes…");
    let island = Island::start(nodes).await?;
    if wants(Group::Memory) {
        eprintln!("idling…");
        figures.push(memory::measure(&island).await?);
    }
    if wants(Group::Spread) {
        eprintln!("registering…");
        figures.push(spread::registered(&island).await?);
    }
    if wants(Group::Stop) {
        eprintln!("stopping…");
        figures.push(spread::stopped(&island).await?);
    }
    if wants(Group::Late) {
        eprintln!("joining {} services…", late::SERVICES);
        figures.push(late::measure(&island).await?);
    }
    if wants(Group::Crash) {
        eprintln!("killing; this takes a minute and a half…");
        figures.push(spread::killed(&island).await?);
    }
    island.stop().await;
    Ok(figures)
}
