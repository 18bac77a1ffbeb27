//! `node completions`: a script for the user's shell.

use atoll_node::cli::{Output, text::program};
use clap_complete::{Shell, generate};

use crate::{commands, failure::Failure, session::Out};

/// Prints the script for `shell`.
pub(crate) fn print(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(shell, &mut commands::command(), program(), &mut script);
    Out::new(Output::Table).text(&String::from_utf8_lossy(&script))
}
