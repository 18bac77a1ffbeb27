//! Measures a tunnel beside a stream between the same two nodes: what an application's bytes cost on their way through `expose` and
//! `forward`.
//!
//! Both are measured in this one run, in turn, round after round. Exits with 1 if the ratio misses its target. Build it with
//! `--release`, as `make bench-tunnel` does.

use std::{net::SocketAddr, process::ExitCode, time::Instant};

use anyhow::{Context, Result, ensure};
use atoll_node::control::api::TunnelEvent;
use atoll_tests::{NodeOptions, NodeProcess, PATIENCE, Process, Program, until};
use clap::Parser;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a tunnel is to reach of what a stream does.
const TARGET: f64 = 0.6;
/// Bytes that the application writes at a time, and the user reads.
const PIECE: usize = 256 * 1024;

/// Measure bytes through `expose` and `forward` beside a stream between the same two nodes, on loopback.
///
/// Each node is a process of its own; the application and its user are this program. The exit code is 1 if the tunnel carries less
/// than 0.6 times what the stream does.
#[derive(Debug, Parser)]
struct Args {
    /// MiB, each round
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..))]
    mib: u64,
    /// How often both are measured, in turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Where the nodes listen: another transport
    #[arg(long, value_name = "ADDR", default_value = "/ip4/127.0.0.1/udp/0/quic-v1")]
    listen: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Two nodes, and the ways between them.
struct Stage {
    server: NodeProcess,
    client: NodeProcess,
    port: SocketAddr,
    _held: [Process; 2],
}

impl Stage {
    async fn set(args: &Args) -> Result<Self> {
        let options = |name| NodeOptions::node(name).network("bench").listen(&args.listen);
        let server = options("server").bench().start().await?;
        let client = options("client").peer(&server.address).start().await?;
        client.joined().await?;
        until("the service is listed", PATIENCE, async || {
            let rows: Vec<Value> = client.ask(&["network", "services"]).await?;
            Ok(rows.iter().any(|row| row.get("name").is_some_and(|name| name == "bench")).then_some(()))
        })
        .await?;
        let app = source(args.mib << 20).await?.to_string();
        let (exposing, _) = begin(&server, &["expose", "source", "--tcp", &app]).await?;
        let peer = server.id.to_string();
        let (forwarding, event) = begin(&client, &["forward", "source", "--node", &peer]).await?;
        let TunnelEvent::Forwarded { port, trouble: None } = event else {
            anyhow::bail!("nothing is forwarded: {event:?}")
        };
        Ok(Self { server, client, port: port.local, _held: [exposing, forwarding] })
    }

    /// Millions of bytes a second, as a stream between the two nodes.
    async fn stream(&self, bytes: u64) -> Result<f64> {
        let (size, peer) = (bytes.to_string(), self.server.id.to_string());
        let report: Value = self.client.ask(&["bench", "stream", "--size", &size, "--peer", &peer]).await?;
        let figure = report.get("megabytes_per_second").and_then(Value::as_f64);
        figure.with_context(|| format!("no figure in {report}"))
    }

    /// The same, from the application to its user.
    async fn tunnel(&self, bytes: u64) -> Result<f64> {
        let mut socket = TcpStream::connect(self.port).await?;
        let mut buffer = vec![0; PIECE];
        // As the stream does: what is measured begins once it is open at both ends.
        socket.read_u8().await?;
        let mut received = 1;
        let started = Instant::now();
        loop {
            match socket.read(&mut buffer).await? {
                0 => break,
                read => received += read as u64,
            }
        }
        ensure!(received == bytes, "{received} of {bytes} bytes have come");
        Ok(bytes as f64 / 1e6 / started.elapsed().as_secs_f64())
    }
}

/// An application that gives everybody so many bytes.
async fn source(bytes: u64) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let piece = vec![7; PIECE];
                let mut left = bytes;
                while left > 0 {
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
                    let some = piece.get(..now).unwrap_or_default();
                    if socket.write_all(some).await.is_err() {
                        return;
                    }
                    left -= now as u64;
                }
            });
        }
    });
    Ok(address)
}

/// A command that goes on, and what it says first.
async fn begin(node: &NodeProcess, arguments: &[&str]) -> Result<(Process, TunnelEvent)> {
    let directory = node.data_dir.path().to_str().context("not Unicode")?;
    let options = ["--data-dir", directory, "--output", "json"];
    let name = arguments.first().copied().unwrap_or_default();
    let process = Process::spawn(name, &Program::Node.path()?, [arguments, &options].concat())?;
    let first = process.line("first line", |line| serde_json::from_str(&line.text).ok()).await?;
    Ok((process, first))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let stage = Stage::set(&args).await?;
    let bytes = args.mib << 20;
    let (mut streams, mut tunnels) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        streams.push(stage.stream(bytes).await?);
        tunnels.push(stage.tunnel(bytes).await?);
    }
    let (stream, tunnel) = (median(streams.clone()), median(tunnels.clone()));
    let ratio = tunnel / stream;
    if args.json {
        let figures = json!({
            "mib": args.mib, "stream_mb_per_s": stream, "tunnel_mb_per_s": tunnel, "ratio": ratio, "target": TARGET,
            "streams": streams, "tunnels": tunnels,
        });
        println!("{figures:#}");
    } else {
        let reached = if ratio >= TARGET { "reached" } else { "MISSED" };
        println!("{} MiB each, {} rounds in turn, medians:", args.mib, args.rounds);
        println!("a stream between two nodes       {stream:8.0} MB/s");
        println!("through expose and forward       {tunnel:8.0} MB/s");
        println!("ratio                            {ratio:8.2}   target ≥ {TARGET}: {reached}");
    }
    Ok(if ratio >= TARGET { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
