//! `lab chaos`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use atoll_lab::{
    chaos::{Settings, run},
    topology::Lab,
};
use clap::Args;

use crate::{Output, programs::Programs};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many nodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(3..=100))]
    nodes: u8,
    /// How many of them keep topics
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    keepers: u8,
    /// How long things go wrong
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// Says what goes wrong and when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Messages a second, of each publisher
    #[arg(long, default_value_t = 25.0)]
    rate: f64,
    /// Where to write journals, and what nodes say [default: a directory among temporary files]
    #[arg(long, value_name = "DIR")]
    journals: Option<PathBuf>,
    #[command(flatten)]
    programs: Programs,
    /// How to print what comes out
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

impl Options {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        ensure!(self.keepers < self.nodes, "of {} nodes not {} can be keepers", self.nodes, self.keepers);
        let temporary = || std::env::temp_dir().join(format!("atoll-chaos-{}-{}", self.seed, std::process::id()));
        let settings = Settings {
            programs: self.programs.directory()?,
            journals: self.journals.clone().unwrap_or_else(temporary),
            nodes: self.nodes.into(),
            keepers: self.keepers.into(),
            length: Duration::from_secs(self.seconds),
            seed: self.seed,
            rate: self.rate,
        };
        let mut lab = Lab::new(std::env::current_exe()?)?;
        // It takes its time: say how it goes.
        let tell = |line: String| {
            if self.output == Output::Table {
                eprintln!("{line}");
            }
        };
        let report = run(&mut lab, &settings, tell).await?;
        match self.output {
            Output::Table => print!("{}", report.table()),
            Output::Json => println!("{}", serde_json::to_string(&report)?),
        }
        if !report.holds() {
            eprintln!("journals, and what nodes said, are in {}", settings.journals.display());
            return Ok(ExitCode::FAILURE);
        }
        if self.journals.is_none() {
            std::fs::remove_dir_all(&settings.journals)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
