//! From the start of a process to `listening` and `joined`.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use atoll_tests::{NodeOptions, PATIENCE};

use crate::figure::Figure;

const RUNS: usize = 20;

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let bootstrap = NodeOptions::bootstrap("bootstrap").start().await?;
    let (mut listening, mut joined) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let began = Instant::now();
        let (mut node, _data_dir) = NodeOptions::node(&format!("run {run}")).peer(&bootstrap.address).spawn()?;
        let time = |line: &atoll_tests::process::Line| line.at - began;
        listening.push(node.line("listening", |line| line.event("listening").map(|_| time(line))).await?);
        joined.push(node.line("joined", |line| line.event("joined").map(|_| time(line))).await?);
        node.interrupt().await?;
        let status = node.exit(PATIENCE).await?;
        ensure!(status.success(), "{status}: {}", node.report());
    }
    Ok(vec![
        Figure::millis("from start to listening", Duration::from_millis(300), listening),
        Figure::millis("from start to joined, live bootstrap", Duration::from_secs(1), joined),
    ])
}
