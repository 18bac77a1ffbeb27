//! What commands are told that start nodes.

use std::{path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;

/// Where the programs are.
#[derive(Debug, Args)]
pub(crate) struct Programs {
    /// Where the programs `node` and `atoll-bootstrap` are [default: beside this one]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Programs {
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        let directory = match &self.programs {
            Some(directory) => directory.clone(),
            None => std::env::current_exe()?.parent().context("this program is in no directory")?.to_owned(),
        };
        for name in ["node", "atoll-bootstrap"] {
            ensure!(
                directory.join(name).is_file(),
                "there is no program {name} in {}; build it (cargo build --bins) or say where it is: --programs DIR",
                directory.display()
            );
        }
        Ok(directory)
    }
}

/// One-way delays of the uplinks of those who start and of those who are reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays(pub(crate) [Duration; 2]);

impl FromStr for Delays {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (a, b) = text.split_once(',').context("delays are two numbers of milliseconds, such as 20,45")?;
        Ok(Self([Duration::from_millis(a.parse()?), Duration::from_millis(b.parse()?)]))
    }
}
