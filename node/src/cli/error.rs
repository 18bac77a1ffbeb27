//! Why a program could not run a node.

use std::io;

use super::address::AddressError;
use crate::{config::ConfigError, error::SpawnError};

/// Why a node could not be run in the foreground.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address that was configured is none.
    #[error("{value:?} in {origin}: {reason}")]
    Address {
        /// Where it was given.
        origin: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// There is no place to keep the data in.
    #[error("cannot tell where your data directory is (no home directory); pass --data-dir DIR")]
    NoHome,
    /// The data directory's path cannot be completed.
    #[error("cannot use {path:?} as a data directory: {reason}; pass --data-dir with a full path")]
    DataDir {
        /// What was given.
        path: std::path::PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The configured log filter is none.
    #[error("log = {filter:?} is not a filter: {reason}; a filter looks like info or warn,atoll_node=debug")]
    Log {
        /// What was configured.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Events have no such form.
    #[error("--output dot is for `network graph`; a node that runs takes --output table or --output json")]
    Output,
    /// The system's signals cannot be listened for.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    /// The node did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

impl RunError {
    /// The exit code it means: 2 where what was given is wrong, 1 where what was asked failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Address { .. }
            | Self::NoHome
            | Self::DataDir { .. }
            | Self::Log { .. }
            | Self::Output => 2,
            Self::Signals(_) | Self::Spawn(_) => 1,
        }
    }
}
