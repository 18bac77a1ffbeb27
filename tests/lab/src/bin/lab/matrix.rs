//! `lab matrix`.

use std::{process::ExitCode, str::FromStr};

use anyhow::{Context, Result};
use atoll_lab::{
    matrix::{Arena, Attempt, Cell, Plan, run, table, times},
    nat::Nat,
    subject::{Subject, node::NodePrograms, udp::UdpProbe},
    topology::Lab,
};
use clap::{Args, ValueEnum};

use crate::{
    Output,
    programs::{Delays, Programs},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The pairs, each as KIND,KIND; all of them without any
    #[arg(long, value_name = "KIND,KIND", num_args = 1..)]
    pairs: Vec<Pair>,
    /// How often to try each pair
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// What tries to connect
    #[arg(long, value_enum, default_value_t = Who::Udp)]
    subject: Who,
    /// How many pairs to try at a time [default: 64 for probes, 2 for nodes]
    #[arg(long)]
    jobs: Option<usize>,
    /// One-way delays in milliseconds of the uplinks of those who start and of those who are reached, such as 20,45
    #[arg(long, value_name = "MS,MS")]
    delay: Option<Delays>,
    #[command(flatten)]
    programs: Programs,
    /// An option to start `node` and `atoll-bootstrap` with; may be given several times
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    node_option: Vec<String>,
    /// How to print what comes out
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    /// Plain UDP probes: what is possible at all
    Udp,
    /// Atoll's own programs
    Node,
}

#[derive(Debug, Clone, Copy)]
struct Pair(Nat, Nat);

impl FromStr for Pair {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (a, b) =
            text.split_once(',').context("a pair is two kinds with a comma between, such as none,symmetric")?;
        Ok(Self(a.parse()?, b.parse()?))
    }
}

impl Options {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let pairs = match self.pairs.as_slice() {
            [] => Nat::pairs().collect(),
            pairs => pairs.iter().map(|Pair(a, b)| (*a, *b)).collect(),
        };
        let jobs = self.jobs.unwrap_or(match self.subject {
            Who::Udp => 64,
            Who::Node => 2,
        });
        let plan = Plan { pairs, repeat: self.repeat.into(), jobs, delays: self.delay.map(|Delays(delays)| delays) };
        let mut lab = Lab::new(std::env::current_exe()?)?;
        let arena = Arena::build(&mut lab, &plan)?;
        let cells = match self.subject {
            Who::Udp => self.attempt(&UdpProbe::start(&mut lab, arena.sites()).await?, &arena, &plan).await?,
            Who::Node => {
                let programs = self.programs.directory()?;
                let subject = {
                    let options = NodePrograms::public().into_iter().chain(self.node_option.clone()).collect();
                    NodePrograms::start(&mut lab, &programs, 2, options).await?
                };
                self.attempt(&subject, &arena, &plan).await?
            }
        };
        match self.output {
            Output::Table => print(&cells, plan.repeat),
            Output::Json => println!("{}", serde_json::to_string(&cells)?),
        }
        Ok(if cells.iter().all(Cell::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn attempt(&self, subject: &impl Subject, arena: &Arena, plan: &Plan) -> Result<Vec<Cell>> {
        // Programs take their time: say how it goes.
        let tell = self.subject == Who::Node && self.output == Output::Table;
        run(subject, arena, plan, |a, b, attempt| {
            if tell {
                match attempt {
                    Attempt::Outcome(outcome) => eprintln!("{a} and {b}: {outcome}"),
                    Attempt::Error(error) => eprintln!("{a} and {b}: {error}"),
                }
            }
        })
        .await
    }
}

fn print(cells: &[Cell], repeat: usize) {
    print!("{}", table(cells));
    print!("{}", times(cells));
    let right = cells.iter().filter(|cell| cell.holds()).count();
    println!("{right} of {} pairs as expected, {repeat} attempts each", cells.len());
}
