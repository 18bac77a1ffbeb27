//! Runs simulations by name: `make sim SCENARIO=name SEED=17`.

use std::{ops::RangeInclusive, process::ExitCode};

use anyhow::{Result, ensure};
use atoll_sim::scenario::{ALL, Scenario, run, runner};
use clap::{Parser, ValueEnum};

/// Simulate protocols in a seeded network: the same seed gives the same run
#[derive(Debug, Parser)]
#[command(name = "sim", version)]
struct Cli {
    /// What to simulate; without it, the scenarios are listed
    scenario: Option<String>,
    /// The seed, or a range of them such as 1-20
    #[arg(long, value_name = "SEED|FROM-TO", default_value = "1-2", value_parser = seeds)]
    seed: RangeInclusive<u64>,
    /// The size of the network, if not the scenario's own
    #[arg(long)]
    nodes: Option<u32>,
    /// How to print what comes out
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// For programs: an array of runs
    Json,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let seeds = from.parse()?..=to.parse()?;
    ensure!(!seeds.is_empty(), "{text} is no range of seeds: write the lower one first, such as 1-20");
    Ok(seeds)
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let Some(name) = &cli.scenario else {
        list();
        return Ok(ExitCode::SUCCESS);
    };
    let scenario = Scenario::named(name);
    let Some(scenario) = scenario else {
        eprintln!("there is no scenario {name}; these are:");
        list();
        return Ok(ExitCode::from(2));
    };
    let seeds: Vec<u64> = cli.seed.collect();
    let runs = run(&scenario, cli.nodes.unwrap_or(scenario.nodes), &seeds);
    match cli.output {
        Output::Table => print!("{}", runner::table(&runs)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&runs)?),
    }
    let failures = runner::failures(&runs);
    eprint!("{failures}");
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list() {
    for scenario in ALL {
        println!("{:<20} {:>6} nodes  {}", scenario.name, scenario.nodes, scenario.about);
    }
}
