//! The same work on Atoll and on what others would use, side by side: `make bench`.
//!
//! ```text
//! atoll-load [compare] [--only quinn,atoll-quic] [--work echo,stream] [--rounds 3] [--output json]
//! atoll-load serve quinn
//! atoll-load echo quinn --at ADDR --concurrency 64 --duration 10s
//! atoll-load stream quinn --at ADDR --size 512MiB
//! atoll-load topic [--messages 1000000] [--size 100]
//! ```
//!
//! `compare` starts a server and a client for each measurement, as processes of this program or of Atoll's, and prints
//! the figures side by side. It exits with 1 if a target is missed. `topic` measures a topic of NATS for Atoll's
//! `bench_topics`, which measures its own beside it. The others are those processes.
//!
//! This program must never depend on Atoll's crates: it measures what users run, and its own dependencies must not
//! choose the features that Atoll is built with.

#![cfg_attr(not(feature = "calls"), expect(dead_code, reason = "what is only there for the peers that are left out"))]

mod case;
mod compare;
mod machine;
mod measure;
mod pair;
mod peers;
mod process;
mod table;
mod targets;
mod topic;
mod work;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::runtime::Builder;

use crate::{
    case::Work,
    compare::Settings,
    peers::{PeerName, Place, Task},
    work::Size,
};

/// The same work on Atoll and on what others would use, side by side
#[derive(Debug, Parser)]
#[command(name = "atoll-load", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: CompareArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure all peers in turn and print the figures side by side; what is done without a command, too
    Compare(CompareArgs),
    /// Serve as this peer until killed; prints where
    Serve {
        /// The peer
        peer: PeerName,
        /// The broker to serve through, for nats
        #[arg(long, value_name = "ADDR")]
        through: Option<String>,
    },
    /// Measure calls to a server of this peer
    Echo {
        /// The peer
        peer: PeerName,
        #[command(flatten)]
        place: Place,
        /// Calls in flight
        #[arg(long, value_name = "N", default_value_t = 64)]
        concurrency: usize,
        /// How long to measure, after a second to warm up
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
        duration: Duration,
    },
    /// Measure a stream from a server of this peer
    Stream {
        /// The peer
        peer: PeerName,
        #[command(flatten)]
        place: Place,
        /// How much it carries
        #[arg(long, value_name = "SIZE", default_value = "512MiB")]
        size: Size,
    },
    /// Measure a topic of NATS, from one process to another through a broker
    Topic(topic::Load),
    /// Publish on that topic, and print when it was begun
    Publish {
        /// The broker's address
        #[arg(long, value_name = "ADDR")]
        at: String,
        #[command(flatten)]
        load: topic::Load,
    },
    /// Subscribe to that topic, and print when the last message has come
    Subscribe {
        /// The broker's address
        #[arg(long, value_name = "ADDR")]
        at: String,
        #[command(flatten)]
        load: topic::Load,
    },
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Only these peers
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    only: Vec<PeerName>,
    /// Only this work
    #[arg(long, value_name = "WORK,…", value_delimiter = ',')]
    work: Vec<Work>,
    /// How often everything is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each echo is measured, after a second to warm up
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How much each stream carries
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    size: Size,
    /// Atoll's program [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    node: Option<PathBuf>,
    /// Tables for people, or JSON with all rounds and ratios
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => compare(cli.compare),
        Some(Command::Compare(arguments)) => compare(arguments),
        Some(Command::Serve { peer, through }) => work(peer, Task::Serve { broker: through.map(Place::plain) }),
        Some(Command::Echo { peer, place, concurrency, duration }) => {
            work(peer, Task::Echo { place, concurrency, duration })
        }
        Some(Command::Stream { peer, place, size }) => work(peer, Task::Stream { place, size: size.0 }),
        Some(Command::Topic(load)) => driving(topic::measure(load)).and_then(|figures| print_json(&figures)),
        Some(Command::Publish { at, load }) => working(topic::publish(&at, load)).and_then(|said| print_json(&said)),
        Some(Command::Subscribe { at, load }) => {
            working(topic::subscribe(&at, load)).and_then(|heard| print_json(&heard))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("atoll-load: {error:#}");
        ExitCode::FAILURE
    })
}

fn compare(arguments: CompareArgs) -> Result<ExitCode> {
    let CompareArgs { only, work, rounds, duration, size, node, output } = arguments;
    let beside = std::env::current_exe().context("this program does not know where it is")?.with_file_name("node");
    let settings = Settings {
        node: node.unwrap_or(beside),
        peers: if only.is_empty() { compare::all() } else { only },
        works: if work.is_empty() { compare::all() } else { work },
        rounds: rounds.into(),
        duration,
        size,
    };
    let report = driving(async { Ok(compare::run(&settings).await) })?;
    match output {
        Output::Table => print!("{}", table::render(&report)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    let missed = report.targets.iter().any(|verdict| !verdict.reached);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn work(peer: PeerName, task: Task) -> Result<ExitCode> {
    let printed = working(peers::run(peer, task))?;
    println!("{printed}");
    Ok(ExitCode::SUCCESS)
}

/// The driver only waits: one thread, which also is the one whose end ends the processes that it starts.
fn driving<T>(what: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(what)
}

/// A server or a client, on the runtime that programs get by default: as many workers as there are cores.
fn working<T>(what: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_multi_thread().enable_all().build()?.block_on(what)
}

fn print_json(value: &impl serde::Serialize) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(value)?);
    Ok(ExitCode::SUCCESS)
}
