//! `lab times`.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use atoll_lab::{
    times::{Event, Measured, Settings, measure, table},
    topology::Lab,
};
use clap::{Args, ValueEnum};

use crate::{
    Output,
    programs::{Delays, Programs},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What is to happen; all of it without any
    #[arg(value_enum)]
    events: Vec<Event>,
    /// How often
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    repeat: u16,
    /// One-way delays in milliseconds of the uplinks of those who call and of those who are called, such as 20,45
    #[arg(long, value_name = "MS,MS")]
    delay: Option<Delays>,
    /// How long nodes are left alone, in seconds, to see what that costs
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    idle: u64,
    #[command(flatten)]
    programs: Programs,
    /// How to print what comes out
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

impl Options {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let settings = Settings {
            programs: self.programs.directory()?,
            repeat: self.repeat.into(),
            delays: self.delay.map(|Delays(delays)| delays),
            idle: Duration::from_secs(self.idle),
        };
        let events = if self.events.is_empty() { Event::value_variants() } else { &self.events };
        let mut lab = Lab::new(std::env::current_exe()?)?;
        let mut all = Vec::new();
        for event in events {
            // It takes its time: say how it goes.
            let report = |event: Event, outcome: &Result<Vec<f64>>| {
                if self.output == Output::Table {
                    match outcome {
                        Ok(values) => eprintln!("{event}: {values:.3?}"),
                        Err(error) => eprintln!("{event}: {error:#}"),
                    }
                }
            };
            all.extend(measure(*event, &mut lab, &settings, report).await?);
        }
        match self.output {
            Output::Table => print!("{}", table(&all)),
            Output::Json => println!("{}", serde_json::to_string(&all)?),
        }
        Ok(if all.iter().all(Measured::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
