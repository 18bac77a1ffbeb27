//! The same on a topic of NATS, by the program that measures others.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_tests::Process;
use serde_json::Value;

use crate::SIZE;

/// How long a round may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Messages a second that its subscriber takes.
pub(crate) async fn measure(messages: u64) -> Result<f64> {
    let this = std::env::current_exe().context("this program does not know where it is")?;
    let load = this.with_file_name("atoll-load");
    ensure!(
        load.is_file(),
        "there is no {}; build it with: cargo build --release -p atoll-load --no-default-features",
        load.display()
    );
    let (messages, size) = (messages.to_string(), SIZE.to_string());
    let mut process = Process::spawn("atoll-load", &load, ["topic", "--messages", &messages, "--size", &size])?;
    let status = process.exit(LIMIT).await?;
    ensure!(status.success(), "{}", process.complaints().trim());
    let figures = process.line("figures", |line| serde_json::from_str::<Value>(&line.text).ok()).await?;
    figures.get("messages_per_second").and_then(Value::as_f64).with_context(|| format!("no rate in {figures}"))
}
