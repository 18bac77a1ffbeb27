//! Measures the gateway: calls a second beside a bare HTTP server, what it adds to a call across nodes, and what idle subscribers cost.
//!
//! Whatever is compared is measured in this one run, in turn, round after round. Exits with 1 if a figure misses its target. Build it
//! with `--release`, as `make bench-gateway` does.

mod child;
mod figure;
mod idle;
mod load;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use self::{
    child::{Child, Role},
    figure::Figure,
};

/// Measure the gateway beside a bare HTTP server.
///
/// The exit code is 1 if a figure misses its target.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// What to measure [default: everything]
    #[arg(value_enum, value_name = "GROUP")]
    groups: Vec<Group>,
    /// How often what is compared is measured, in turn
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds that each load lasts
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Subscribers that only listen; each takes a file descriptor here and there
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    subscribers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Calls a second over 64 connections, beside a bare server
    Calls,
    /// What the gateway adds to a call across nodes
    Latency,
    /// Memory of subscribers that only listen
    Idle,
}

/// Connections of a load.
const CONNECTIONS: usize = 64;
/// Calls one after the other, whose latency is measured in each round.
const ONE_BY_ONE: usize = 4_000;
/// The gateway's part of a bare server's calls, at least.
const RATIO: f64 = 0.5;
/// What it may add, in microseconds.
const ADDED: f64 = 150.0;
/// Memory of idle subscribers, in MiB.
const MEMORY: f64 = 200.0;

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match args.role {
            Some(role) => role.play().await.map(|()| ExitCode::SUCCESS),
            None => measure(&args).await,
        }
    })
}

async fn measure(args: &Args) -> Result<ExitCode> {
    let wants = |group| args.groups.is_empty() || args.groups.contains(&group);
    let mut figures = Vec::new();
    let mut node = Child::start("gateway").await?;
    if wants(Group::Calls) {
        figures.extend(calls(args, &node).await?);
    }
    if wants(Group::Latency) {
        figures.push(latency(args, &mut node).await?);
    }
    if wants(Group::Idle) {
        figures.extend(idle::measure(&node, args.subscribers).await?);
    }
    print!("{}", figure::table(&figures));
    Ok(if figures.iter().all(Figure::ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Calls a second of a service on the gateway's own node, beside a bare server that answers the same.
async fn calls(args: &Args, node: &Child) -> Result<Vec<Figure>> {
    let bare = Child::start("bare").await?;
    let (mut through, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        eprintln!("calls, round {round} of {}…", args.rounds);
        beside.push(load::per_second(bare.address, "/echo", CONNECTIONS, args.seconds).await?);
        through.push(load::per_second(node.address, "/v1/call/here/echo", CONNECTIONS, args.seconds).await?);
    }
    let (through, beside) = (median(through)?, median(beside)?);
    Ok(vec![
        Figure::told("bare server, 64 connections, requests/s", beside),
        Figure::told("gateway call of a local service, the same", through),
        Figure::at_least("— as a part of it", through / beside, RATIO),
    ])
}

/// The median of calls one after the other to a service of another node, through the gateway and from its process.
async fn latency(args: &Args, node: &mut Child) -> Result<Figure> {
    let mut added = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("latency, round {round} of {}…", args.rounds);
        let direct: f64 = node.ask(&format!("direct {ONE_BY_ONE}")).await?.parse()?;
        let through = load::one_by_one(node.address, "/v1/call/there/echo", ONE_BY_ONE).await?;
        eprintln!("  from the process itself {direct:.0} µs, through the gateway {through:.0} µs");
        added.push(through - direct);
    }
    Ok(Figure::at_most("added by the gateway to a call across nodes, half of them, µs", median(added)?, ADDED))
}

fn median(mut samples: Vec<f64>) -> Result<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().context("nothing was measured")
}
