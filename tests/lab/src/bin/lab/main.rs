//! `lab`: homes behind NATs of every kind on this machine, and what gets through them.

mod chaos;
mod matrix;
mod programs;
mod prove;
mod shell;
mod times;

use std::process::ExitCode;

use anyhow::{Context, Result};
use atoll_lab::{
    conntrack, probe,
    sandbox::{self, Means},
};
use clap::{Parser, Subcommand, ValueEnum};

/// Build networks behind NATs of every kind in namespaces of this machine, and see what gets through them
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Make the lab as an ordinary user would, in a user namespace, even as root
    #[arg(long, global = true)]
    user_namespace: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try pairs of NAT kinds, and compare the paths they find with those that they must
    Matrix(matrix::Options),
    /// Prove by plain probes that each NAT kind is what it claims to be
    Prove(prove::Options),
    /// Measure how long nodes take when something happens to their network, and what they cost when nothing does
    Times(times::Options),
    /// Kill nodes, cut them off and fill their disks while others publish, and check that topics lose nothing
    Chaos(chaos::Options),
    /// Open a shell in a host behind a NAT of a kind
    Shell(shell::Options),
    /// Be a remote-controlled probe: requests on stdin, answers on stdout
    #[command(hide = true)]
    Probe,
    /// Forget the flows of this network namespace
    #[command(hide = true)]
    ConntrackFlush,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Probe => block_on(probe::agent::serve()).map(|()| ExitCode::SUCCESS),
        Command::ConntrackFlush => conntrack::flush().map(|()| ExitCode::SUCCESS),
        _ if !sandbox::inside() => enter(cli.user_namespace),
        Command::Matrix(options) => block_on(options.run()),
        Command::Prove(options) => block_on(options.run()),
        Command::Times(options) => block_on(options.run()),
        Command::Chaos(options) => block_on(options.run()),
        Command::Shell(options) => options.run(),
    }
}

/// Runs this program again, with the same arguments, in a sandbox.
fn enter(user_namespace: bool) -> Result<ExitCode> {
    let means = sandbox::means()?;
    let means = if user_namespace { Means::User } else { means };
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let status = sandbox::command(means, program.as_os_str(), std::env::args_os().skip(1))
        .status()
        .context("cannot start the sandbox")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Runtime::new()?.block_on(work)
}
