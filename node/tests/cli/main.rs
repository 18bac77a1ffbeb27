//! The program as a user meets it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect should say so at once"
)]

mod asked;
mod offline;

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

/// A `node` command with its own data directory and a clean environment.
fn node(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.args(line.split_whitespace()).env_remove("ATOLL_BOOTSTRAP").env("ATOLL_DATA_DIR", dir).stdin(Stdio::null());
    command
}

/// What a command left behind.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command in a data directory of its own.
fn run(line: &str) -> Said {
    let dir = tempfile::tempdir().unwrap();
    said(node(dir.path(), line).output().unwrap())
}
