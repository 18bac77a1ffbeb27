//! Plays every attack on standing, and prints the table that is kept in the docs: `make sim-reputation`.

use std::process::ExitCode;

use atoll_sim::scenario::{runner, standing::table};
use clap::Parser;

/// Attack the standing of peers in a simulated network, in every way that is known
#[derive(Debug, Parser)]
#[command(name = "reputation", version)]
struct Cli {
    /// How many seeds to play each attack with
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
}

fn main() -> ExitCode {
    let seeds: Vec<u64> = (1..=Cli::parse().seeds).collect();
    let all = table::play(&seeds);
    print!("{}", table::table(&all));
    let failures: String = all.iter().map(|runs| runner::failures(runs)).collect();
    eprint!("{failures}");
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
