//! Atoll, measured from outside with the program that users run: its nodes are the two processes that work, and
//! `node bench` only tells one of them what to do and waits.

use std::{
    ffi::OsStr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::PeerName;
use crate::{
    case::Case,
    compare::Settings,
    measure::{STREAM_LIMIT, WARM_UP},
    process::{Process, command},
    work::{self, Size},
};

/// The service that a node started with `--bench` offers.
const SERVICE: &str = "bench";

/// How long nodes may take to start, to join and to find the service.
const STARTING: Duration = Duration::from_secs(30);

/// How long a bench may take beyond the time that it measures.
const AROUND: Duration = Duration::from_secs(30);

/// Streams open at once, and what they carry together.
const STREAMS: usize = 10_000;
const STREAMS_SIZE: Size = Size(64 << 20);
/// What lets that many be.
const ROOM_FOR_STREAMS: &str = "[net]\nstreams_over_quic = 14336\n";

/// The nodes of which one is killed, the calls in flight, and when it is killed.
const SERVING: usize = 3;
const FAILOVER_IN_FLIGHT: usize = 64;
const KILL_AFTER: Duration = Duration::from_secs(3);

/// One measurement between new nodes; returns what `node bench` prints, and what was seen from outside.
pub(crate) async fn measure(peer: PeerName, case: Case, settings: &Settings) -> Result<Value> {
    let listen = match peer {
        PeerName::AtollTcp => "/ip4/127.0.0.1/tcp/0",
        _ => "/ip4/127.0.0.1/udp/0/quic-v1",
    };
    let serving = if case == Case::Failover { SERVING } else { 1 };
    let config = if case == Case::Streams { ROOM_FOR_STREAMS } else { "" };
    let island = Island::start(&settings.node, listen, serving, config).await?;
    match case {
        Case::Echo { in_flight } => {
            let bench = island.caller.bench_rpc(in_flight, settings.duration)?;
            bench.answer(WARM_UP + settings.duration + AROUND).await
        }
        Case::Stream => island.caller.bench_stream(settings.size, &[])?.answer(STREAM_LIMIT + AROUND).await,
        Case::Streams => streams(&island).await,
        Case::Failover => failover(island, settings.duration).await,
    }
}

async fn streams(island: &Island) -> Result<Value> {
    let concurrency = ["--concurrency".to_owned(), STREAMS.to_string()];
    let bench = island.caller.bench_stream(STREAMS_SIZE, &concurrency)?;
    let mut figures = object(bench.answer(STREAM_LIMIT + AROUND).await?)?;
    let mut peak = 0.0;
    for node in island.serving.iter().chain([&island.caller]) {
        peak += peak_memory(node.process.pid()?)?;
    }
    figures.insert("peak_mib".to_owned(), peak.into());
    Ok(figures.into())
}

/// The largest resident memory that a process has had, in MiB.
fn peak_memory(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

async fn failover(mut island: Island, duration: Duration) -> Result<Value> {
    ensure!(
        duration > KILL_AFTER + Duration::from_secs(2),
        "a failover takes a --duration of more than 5 s, such as the default"
    );
    let began = Instant::now();
    let bench = island.caller.bench_rpc(FAILOVER_IN_FLIGHT, duration)?;
    sleep(KILL_AFTER.saturating_sub(began.elapsed())).await;
    let mut killed = island.serving.pop().context("no node serves")?;
    killed.process.kill().await?;
    // The bench counts from its own start, which is a moment later.
    let killed_at = began.elapsed().as_secs_f64() * 1e3;
    let mut figures = object(bench.answer(WARM_UP + duration + AROUND).await?)?;

    let count = |field: &str| figures.get(field).and_then(Value::as_f64).with_context(|| format!("no {field}"));
    let success = 100.0 * (count("requests")? - count("errors")?) / count("requests")?;
    let instances = figures.get("instances").and_then(Value::as_array).context("no instances")?;
    let of_killed = instances.iter().find(|instance| instance.get("node").is_some_and(|node| *node == killed.id));
    let last_call = of_killed.and_then(|instance| instance.get("last_call_ms")).and_then(Value::as_f64);
    let last_call = last_call.context("the node that was killed was never called")?;
    figures.insert("success_percent".to_owned(), success.into());
    figures.insert("called_after_kill_ms".to_owned(), (last_call - killed_at).max(0.0).into());
    Ok(figures.into())
}

fn object(value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(anyhow::anyhow!("an object was expected, not {other}")),
    }
}

/// Nodes that serve, and one that calls and knows them all.
struct Island {
    caller: Node,
    serving: Vec<Node>,
}

impl Island {
    async fn start(program: &Path, listen: &str, serving: usize, config: &str) -> Result<Self> {
        ensure!(program.is_file(), "there is no {}; build it with: cargo build --release --bins", program.display());
        let mut nodes: Vec<Node> = Vec::new();
        for _ in 0..serving {
            let known = nodes.iter().map(|node| node.address.as_str()).collect();
            nodes.push(Node::start(program, "a serving node", listen, known, config, &["--bench"]).await?);
        }
        let known = nodes.iter().map(|node| node.address.as_str()).collect();
        let caller = Node::start(program, "the calling node", listen, known, config, &[]).await?;
        caller.process.event("joined", STARTING).await?;
        timeout(STARTING, caller.knows(serving))
            .await
            .with_context(|| format!("the calling node does not know {serving} serving ones within {STARTING:?}"))??;
        Ok(Self { caller, serving: nodes })
    }
}

/// A node that listens. The process is dropped, and so ended, before its directory goes.
struct Node {
    process: Process,
    program: std::path::PathBuf,
    data_dir: TempDir,
    id: String,
    address: String,
}

impl Node {
    async fn start(
        program: &Path,
        name: &str,
        listen: &str,
        peers: Vec<&str>,
        config: &str,
        options: &[&str],
    ) -> Result<Self> {
        let data_dir = tempfile::Builder::new().prefix("atoll-load-").tempdir()?;
        let file = data_dir.path().join("atoll.toml");
        std::fs::write(&file, config)?;
        // Without an address, --peer starts a network of its own.
        let run: Vec<&str> = ["--peer"].into_iter().chain(peers).chain(["--listen", listen, "--no-mdns"]).collect();
        let mut run = node_command(program, data_dir.path(), &run);
        run.arg("--config").arg(file).args(options);
        let process = Process::spawn(name, run)?;
        let id = text(&process.event("started", STARTING).await?, "node")?;
        let address = text(&process.event("listening", STARTING).await?, "address")?;
        Ok(Self { process, program: program.to_owned(), data_dir, id, address })
    }

    /// Runs a command against it.
    fn ask<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Process> {
        let mut command = node_command(&self.program, self.data_dir.path(), &[]);
        command.args(arguments);
        Process::spawn("the node's command", command)
    }

    /// Waits until it knows this many instances of the service.
    async fn knows(&self, instances: usize) -> Result<()> {
        loop {
            let rows = self.ask(["network", "services"])?.answer(STARTING).await?;
            let rows = rows.as_array().context("a list of services was expected")?;
            let row = rows.iter().find(|row| row.get("name").is_some_and(|name| name == SERVICE));
            let known = row.and_then(|row| row.get("instances")).and_then(Value::as_u64);
            if known == Some(instances as u64) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn bench_rpc(&self, in_flight: usize, duration: Duration) -> Result<Process> {
        let in_flight = in_flight.to_string();
        let duration = humantime::format_duration(duration).to_string();
        let size = work::REQUEST.to_string();
        let load = ["--concurrency", &in_flight, "--duration", &duration, "--size", &size];
        self.ask(["bench", "rpc", "--service", SERVICE].into_iter().chain(load))
    }

    fn bench_stream(&self, size: Size, options: &[String]) -> Result<Process> {
        let size = size.to_string();
        self.ask(["bench", "stream", "--size", &size].into_iter().chain(options.iter().map(String::as_str)))
    }
}

/// What the developer has set up for an own node is not for these.
fn node_command(program: &Path, data_dir: &Path, arguments: &[&str]) -> tokio::process::Command {
    let mut command = command(program);
    command.args(arguments).arg("--data-dir").arg(data_dir).args(["--output", "json"]);
    command.env_remove("ATOLL_BOOTSTRAP").env_remove("ATOLL_DATA_DIR");
    command
}

fn text(event: &Value, field: &str) -> Result<String> {
    let text = event.get(field).and_then(Value::as_str).with_context(|| format!("no {field} in {event}"))?;
    Ok(text.to_owned())
}
