//! What an idle node needs.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use crate::{
    figure::{Figure, Target},
    island::Island,
};

/// Longer than leases take to be renewed once.
const IDLE: Duration = Duration::from_secs(40);

/// The resident memory of the processes that are nodes, after a while of nothing but renewals.
pub(crate) async fn measure(island: &Island) -> Result<Figure> {
    sleep(IDLE).await;
    let resident = |pid: u32| -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    };
    let samples = island.network.nodes.iter().map(|node| resident(node.process.pid()?)).collect::<Result<_>>()?;
    Ok(Figure::new(
        format!("resident memory, idle among {} nodes", island.nodes()),
        "MiB",
        Target { max: Some(40.0), median: None },
        samples,
    ))
}
