//! On the disk before it is acknowledged; beside the disk itself, and Redis.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Settings, disk, figure::Figure, flow::start, redis};

/// Messages that wait for their acknowledgement at a time.
const IN_FLIGHT: usize = 256;
/// How long each is measured.
const DURATION: Duration = Duration::from_secs(5);
/// More syncs a second than disks are capable of: the directory is in memory.
const IN_MEMORY: f64 = 50_000.0;

pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let (mut atoll, mut syncs, mut redis) = (Vec::new(), Vec::new(), Ok(Vec::new()));
    for round in 1..=settings.rounds {
        eprintln!("fsync before each acknowledgement, round {round} of {}…", settings.rounds);
        let dir = settings.new_dir()?;
        let (of_disk, of_node) = (dir.path().to_owned(), dir.path().join("node"));
        syncs.push(tokio::task::spawn_blocking(move || disk::syncs(&of_disk, DURATION / 2)).await??);
        let (in_flight, seconds) = (IN_FLIGHT.to_string(), DURATION.as_secs().to_string());
        let options = ["--ack", "local", "--in-flight", &in_flight, "--seconds", &seconds];
        let process = start("alone", &of_node, &options)?;
        let published = process.event("published").await?;
        let rate = published.pointer("/report/messages_per_second").and_then(Value::as_f64);
        atoll.push(rate.with_context(|| format!("no rate in {published}"))?);
        if let Ok(rounds) = &mut redis {
            match redis::measure(dir.path(), IN_FLIGHT, DURATION).await {
                Ok(rate) => rounds.push(rate),
                Err(why) => redis = Err(format!("{why:#}")),
            }
        }
    }
    let in_memory = syncs.iter().any(|rate| *rate > IN_MEMORY);
    let mut beside_disk = Figure::beside(
        "local, 256 in flight: fsync before acknowledgement",
        "messages/s",
        atoll.clone(),
        "fsyncs/s",
        Ok(syncs),
        Some(50.0),
    );
    if in_memory {
        beside_disk = beside_disk.note("This directory seems to be in memory; pass --dir with one on a disk.");
    }
    let beside_redis = Figure::beside("local, 256 in flight: the same", "messages/s", atoll, "Redis XADD", redis, None)
        .note("Redis with appendfsync always, 256 commands in flight on one connection; Atoll is called in its own process.");
    Ok(vec![beside_disk, beside_redis])
}
