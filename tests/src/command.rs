//! One command and its answer.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{programs::Program, wait::PATIENCE};

/// How a command ended, and what it said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The command, for messages.
    pub command: String,
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Answer {
    /// The same, if the command succeeded.
    ///
    /// # Errors
    /// If it did not.
    pub fn succeeded(self) -> Result<Self> {
        ensure!(self.code == 0, "{self}");
        Ok(self)
    }

    /// The same, if the command failed with this exit code and `words` on stderr, and did not crash.
    ///
    /// # Errors
    /// If it did not.
    pub fn failed(self, code: i32, words: &[&str]) -> Result<Self> {
        ensure!(self.code == code, "exit code {code} was expected: {self}");
        ensure!(!self.stderr.contains("panicked"), "it panicked: {self}");
        for word in words {
            ensure!(self.stderr.contains(word), "{word:?} was expected on stderr: {self}");
        }
        Ok(self)
    }

    /// What it printed, as JSON.
    ///
    /// # Errors
    /// If it failed, or printed something else.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        let answer = self.succeeded()?;
        serde_json::from_str(&answer.stdout).with_context(|| format!("other JSON was expected: {answer}"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(f, "`{command}` ended with {code}\n-- stdout\n{stdout}\n-- stderr\n{stderr}\n--")
    }
}

/// Runs `node` with these arguments for the node in `data_dir`.
///
/// # Errors
/// If it cannot be run or does not end within [`PATIENCE`].
pub async fn node(data_dir: &Path, arguments: &[&str]) -> Result<Answer> {
    with_input(data_dir, arguments, "").await
}

/// The same, with something on stdin.
///
/// # Errors
/// As [`node`].
pub async fn with_input(data_dir: &Path, arguments: &[&str], input: &str) -> Result<Answer> {
    let mut child = Command::new(Program::Node.path()?)
        .arg("--data-dir")
        .arg(data_dir)
        .args(arguments)
        .env_remove("ATOLL_BOOTSTRAP")
        .env_remove("ATOLL_DATA_DIR")
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run the command")?;
    let command = format!("node {}", arguments.join(" "));
    let mut stdin = child.stdin.take().context("no stdin")?;
    let running = async {
        // A command that does not read its input may have closed it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await
    };
    let output =
        timeout(PATIENCE, running).await.with_context(|| format!("`{command}` does not end within {PATIENCE:?}"))??;
    Ok(Answer {
        command,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
