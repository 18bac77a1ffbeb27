//! From a change on one node to its effect on all others.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use atoll_node::{Change, Context, Node};
use atoll_tests::{PATIENCE, Process, Program};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    figure::{Figure, Target, millis},
    island::{Island, NODES, all},
};

const REGISTRATIONS: usize = 10;
const STOPS: usize = 5;
const KILLED: usize = 3;

/// What `01_serve` offers.
const EXAMPLE: &str = "math.calc";

/// How long a lease is, and patience with a busy machine: a measurement that fails by little is still to be reported.
const LEASE: Duration = Duration::from_secs(150);

/// Registered in one node, until listed on each other: processes are asked at their control sockets, nodes in this
/// program watch.
pub(crate) async fn registered(island: &Island) -> Result<Figure> {
    let (provider, observers) = island.embedded.split_first().context("no embedded nodes")?;
    let mut samples = Vec::new();
    for number in 0..REGISTRATIONS {
        let name = format!("bench.spread-{number}");
        let began = Instant::now();
        let mut watching = JoinSet::new();
        for node in observers {
            watching.spawn(added(node.clone(), name.clone(), began));
        }
        let asking = island.times(&[], &name, 1, began, PATIENCE);
        let service = provider.service(&name, "1.0.0")?.raw_method("echo", |_: Context, body| async move { Ok(body) });
        let _serving = service.register().await?;
        samples.extend(asking.await?);
        samples.extend(all(watching).await?);
    }
    let target = Target { median: Some(if island.nodes() > NODES { 300.0 } else { 200.0 }), max: Some(2000.0) };
    let samples = samples.into_iter().map(millis).collect();
    Ok(Figure::new(format!("registered until listed on each of {} others", island.nodes() - 1), "ms", target, samples))
}

/// When a node that watches is told of a service.
async fn added(node: Node, name: String, since: Instant) -> Result<Duration> {
    let mut changes = node.watch();
    loop {
        match changes.next().await.context("the node has stopped")? {
            Change::Added(instance) if instance.record.value().name.as_str() == name => return Ok(since.elapsed()),
            _ => {}
        }
    }
}

/// A process with services is asked to stop, until it is listed nowhere.
pub(crate) async fn stopped(island: &Island) -> Result<Figure> {
    let mut samples = Vec::new();
    for _ in 0..STOPS {
        let mut serve = serve(island).await?;
        island.everywhere(EXAMPLE, 1, PATIENCE).await?;
        let began = Instant::now();
        serve.interrupt().await?;
        samples.extend(island.times(&island.embedded, EXAMPLE, 0, began, LEASE).await?);
        ensure!(serve.exit(PATIENCE).await?.success(), "{}", serve.report());
    }
    Ok(Figure::millis(
        format!("clean stop until gone on each of {} nodes", island.nodes()),
        Duration::from_secs(2),
        samples,
    ))
}

/// Processes with services are killed, until they are listed nowhere.
pub(crate) async fn killed(island: &Island) -> Result<Figure> {
    let mut victims = Vec::new();
    for _ in 0..KILLED {
        victims.push(serve(island).await?);
    }
    island.everywhere(EXAMPLE, KILLED, PATIENCE).await?;
    let began = Instant::now();
    for victim in &mut victims {
        victim.kill().await?;
    }
    let samples = island.times(&island.embedded, EXAMPLE, 0, began, LEASE).await?;
    Ok(Figure::millis(
        format!("kill -9 until gone on each of {} nodes", island.nodes()),
        Duration::from_secs(95),
        samples,
    ))
}

async fn serve(island: &Island) -> Result<Process> {
    let program = Program::Example("01_serve").path()?;
    let process = Process::spawn("01_serve", &program, [island.bootstrap().to_string()])?;
    process.line("address", |line| line.text.starts_with("listening on ").then_some(())).await?;
    Ok(process)
}
