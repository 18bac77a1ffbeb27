//! Measures topics, beside what others would use for the same: NATS, Redis, and the disk itself.
//!
//! Whatever is compared is measured in this one run, in turn, round after round, so that a machine that gets slower or
//! busier meanwhile treats all alike. Exits with 1 if a figure misses its target. Build it with `--release`, as
//! `make bench-topics` does.

mod catch_up;
mod disk;
mod figure;
mod flow;
mod local;
mod nats;
mod redis;
mod role;
mod urgent;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use self::{figure::Figure, role::Role};

/// Bytes in each message.
const SIZE: usize = 100;

/// Measure topics, beside what others would use for the same: NATS, Redis, and the disk itself.
///
/// Publisher and subscriber are two processes, encrypted and signed over QUIC on loopback. NATS (in the clear, nothing is
/// stored) is measured if nats-server and atoll-load are there, Redis if redis-server is. The exit code is 1 if a figure
/// misses its target.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// What to measure [default: everything]
    #[arg(value_enum, value_name = "GROUP")]
    groups: Vec<Group>,
    /// How often what is compared is measured, in turn
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Messages from one process to the other, each round
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Messages that a late subscriber catches up on
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    backlog: u64,
    /// Nodes among which an urgent message spreads
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..))]
    nodes: u16,
    /// Where everything keeps its data: on the disk that is to be measured [default: the system's directory for temporary
    /// files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How to print what comes out
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Messages a second from one process to another, beside NATS
    Flow,
    /// Messages a second that are on the disk before they are acknowledged, beside the disk and Redis
    Local,
    /// How long a small message takes among many nodes
    Urgent,
    /// How long a late subscriber takes to catch up
    CatchUp,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

impl Settings {
    /// A new directory, removed when it is dropped.
    fn new_dir(&self) -> Result<tempfile::TempDir> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("atoll-bench-");
        Ok(match &self.dir {
            Some(dir) => builder.tempdir_in(dir)?,
            None => builder.tempdir()?,
        })
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Args { role, settings } = Args::parse();
    if let Some(role) = role {
        role.play().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let figures = measure(&settings).await?;
    if settings.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", figure::table(&figures));
    }
    Ok(if figures.iter().any(Figure::missed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let wants = |group| settings.groups.is_empty() || settings.groups.contains(&group);
    let mut figures = Vec::new();
    if wants(Group::Flow) {
        figures.extend(flow::measure(settings).await?);
    }
    if wants(Group::Local) {
        figures.extend(local::measure(settings).await?);
    }
    if wants(Group::Urgent) {
        figures.extend(urgent::measure(settings).await?);
    }
    if wants(Group::CatchUp) {
        figures.push(catch_up::measure(settings).await?);
    }
    Ok(figures)
}
