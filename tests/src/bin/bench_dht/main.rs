//! Measures look-ups in the DHT in a network of many nodes inside this program, on loopback.
//!
//! Every node is a whole one: its swarm, gossip and directory, its services. What is looked up is in no
//! directory, so a provider that is found was found in the DHT. Look-ups are made one after the other, each by another
//! node. Exits with 1 if a figure misses its target. Build it with `--release`, as `make bench-dht` does.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use atoll_node::{Multiaddr, Node, bench::dht};
use atoll_tests::{PATIENCE, until};
use clap::{Parser, ValueEnum};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

const MEDIAN: Duration = Duration::from_millis(500);
/// Streams that a peer may have open: all ends of all connections are in this one process, and room is taken for each.
const STREAMS: u32 = 256;
/// Nodes that keep a record.
const REPLICAS: usize = 20;
/// Nodes that are started at a time.
const STARTING: usize = 8;
/// How long everything may take that is not measured.
const PREPARING: Duration = Duration::from_secs(300);
/// How long nothing may have changed for the network to be at rest.
const REST: Duration = Duration::from_secs(3);
/// How long to wait for that at most: something is announced anew all the time.
const SETTLING: Duration = Duration::from_secs(60);

/// Measure look-ups in the DHT in a network of many nodes inside this program, on loopback.
///
/// Look-ups are made one after the other, each by another node, of names that are in no directory. The exit code is 1 if a figure
/// misses its target.
#[derive(Debug, Parser)]
struct Args {
    /// Nodes in the network.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    nodes: u32,
    /// Names that are announced.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    names: u32,
    /// Look-ups that are measured.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    lookups: u32,
    /// How nodes are connected. Over TCP each connection takes two of the file descriptors of this program.
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    transport: Transport,
    /// How to print what comes out.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Transport {
    Quic,
    Tcp,
}

impl Transport {
    /// Where nodes listen.
    const fn listen(self) -> &'static str {
        match self {
            Self::Quic => "/ip4/127.0.0.1/udp/0/quic-v1",
            Self::Tcp => "/ip4/127.0.0.1/tcp/0",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug)]
struct Sizes {
    nodes: usize,
    names: usize,
    lookups: usize,
}

#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    names: usize,
    lookups: usize,
    routing_table_median: usize,
    found_percent: f64,
    median_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    ok: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let size = |count: u32| usize::try_from(count);
    let sizes = Sizes { nodes: size(args.nodes)?, names: size(args.names)?, lookups: size(args.lookups)? };
    let nodes = network(sizes.nodes, &args.transport.listen().parse()?).await?;
    let report = measure(&nodes, &sizes).await?;
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the network, each node through an earlier one, and waits until all have joined.
async fn network(size: usize, listen: &Multiaddr) -> Result<Vec<Node>> {
    eprintln!("starting {size} nodes…");
    let mut nodes = vec![start(listen.clone(), None).await?];
    while nodes.len() < size {
        let mut starting = JoinSet::new();
        for n in nodes.len()..size.min(nodes.len() + STARTING) {
            let through = nodes.get(n / 2).or(nodes.last()).and_then(|node| node.addresses().into_iter().next());
            starting.spawn(start(listen.clone(), Some(through.context("a node has no address")?)));
        }
        while let Some(node) = starting.join_next().await {
            nodes.push(node??);
        }
    }
    Ok(nodes)
}

async fn start(listen: Multiaddr, through: Option<Multiaddr>) -> Result<Node> {
    let node = Node::builder()
        .listen([listen])
        .mdns(false)
        .streams_over_quic(STREAMS)
        .bootstrap(through.clone())
        .spawn()
        .await?;
    let began = Instant::now();
    while node.addresses().is_empty() {
        ensure!(began.elapsed() < PATIENCE, "a node does not listen");
        sleep(Duration::from_millis(5)).await;
    }
    if through.is_some() {
        timeout(PREPARING, node.joined()).await.context("a node does not join")?;
    }
    Ok(node)
}

async fn measure(nodes: &[Node], sizes: &Sizes) -> Result<Report> {
    let held = || nodes.iter().map(dht::held).sum::<usize>();
    eprintln!("waiting until they know each other…");
    let enough = REPLICAS.min(sizes.nodes - 1);
    until("each node knows enough others", PREPARING, async || {
        Ok(nodes.iter().all(|node| dht::peers(node) >= enough).then_some(()))
    })
    .await?;
    settle(held).await;
    eprintln!("providing {} names…", sizes.names);
    let before = held();
    for (n, node) in (0..sizes.names).zip(nodes.iter().cycle()) {
        dht::provide(node, &name(n)).await;
    }
    // Not all of the closest need have been reached: what is missing shows in what is found.
    let wanted = before + sizes.names * enough / 2;
    until("the names are kept", PREPARING, async || Ok((held() >= wanted).then_some(()))).await?;
    settle(held).await;

    eprintln!("looking up {} times…", sizes.lookups);
    let (mut found, mut times) = (0_usize, Vec::with_capacity(sizes.lookups));
    for n in 0..sizes.lookups {
        let name_at = n % sizes.names;
        let provider = nodes.get(name_at % nodes.len()).context("a name has no provider")?;
        // Anyone but the provider, and another one each round.
        let others = nodes.len() - 1;
        let asking = (name_at + 1 + (n * 7 + n / sizes.names) % others) % nodes.len();
        let asking = nodes.get(asking).context("nobody asks")?;
        ensure!(asking.id() != provider.id(), "a provider would ask for itself");
        let began = Instant::now();
        let providers = dht::providers(asking, &name(name_at)).await;
        times.push(began.elapsed());
        found += usize::from(providers.contains(&provider.id()));
    }
    let mut tables: Vec<usize> = nodes.iter().map(dht::peers).collect();
    tables.sort_unstable();
    times.sort_unstable();
    let at = |percent: usize| millis(times.get((times.len() * percent / 100).min(times.len() - 1)).copied());
    let found_percent = found as f64 * 100.0 / sizes.lookups as f64;
    Ok(Report {
        nodes: nodes.len(),
        names: sizes.names,
        lookups: sizes.lookups,
        routing_table_median: tables.get(tables.len() / 2).copied().unwrap_or_default(),
        found_percent,
        median_ms: at(50),
        p99_ms: at(99),
        max_ms: at(100),
        ok: found == sizes.lookups && at(50) <= millis(Some(MEDIAN)),
    })
}

/// Waits until a number has not changed for a while.
/// Waits until a number stays the same, or for as long as a busy machine is given for that.
async fn settle(number: impl Fn() -> usize) {
    let (began, mut last) = (Instant::now(), (number(), Instant::now()));
    while last.1.elapsed() < REST && began.elapsed() < SETTLING {
        sleep(REST / 10).await;
        let now = number();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
}

fn name(n: usize) -> String {
    format!("bench.hidden-{n}")
}

fn millis(duration: Option<Duration>) -> f64 {
    duration.map_or(f64::NAN, |d| (d.as_secs_f64() * 1e5).round() / 100.0)
}

fn print(report: &Report) {
    let Report { nodes, names, lookups, routing_table_median, found_percent, median_ms, p99_ms, max_ms, ok } = report;
    println!("Measured: from asking a node who provides a name that only the DHT knows, until it names the providers.");
    println!("Not measured: connecting to the provider, its description, the call. All on loopback, in one process.\n");
    println!("nodes    {nodes}, with {routing_table_median} peers in the routing table (median)");
    println!("names    {names}, each provided by one node");
    println!("look-ups {lookups}, one after the other\n");
    println!("found    {found_percent:.2} %   (target: 100 %)");
    println!("median   {median_ms:.2} ms   (target: at most {} ms)", MEDIAN.as_millis());
    println!("p99      {p99_ms:.2} ms");
    println!("max      {max_ms:.2} ms\n");
    println!("{}", if *ok { "reached" } else { "NOT REACHED" });
}
