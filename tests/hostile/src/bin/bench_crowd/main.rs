//! Measures what a crowd of newcomers takes of a node, and whether somebody who is known notices it.
//!
//! One node limits strangers as on the network main. Another one, which its owner trusts, calls it at a steady pace, first while
//! nothing else goes on, then while many identities of one subnet call it, each more often than a newcomer may; and so on in
//! turn. Everything is in this one program, the crowd too. Peers on loopback are no strangers, so it has to run where the machine
//! has another address: `make bench-crowd` gives it a network namespace of its own. Exits with 1 if a figure misses its target.

mod crowd;
mod member;

use std::{
    net::{IpAddr, Ipv4Addr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use atoll_node::{Multiaddr, Node, config::Config};
use clap::Parser;
use hdrhistogram::Histogram;
use serde::Serialize;

use self::crowd::Crowd;

/// The network. What is done on it is known to nobody else.
const NETWORK: &str = "crowd";
/// A documentation address (RFC 5737); the namespace has it.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// Most that one subnet may take of a node's capacity.
const SHARE: f64 = 0.025;
/// Most that a member's slowest calls may be slower.
const SLOWER: f64 = 1.2;

/// Measure what a crowd of newcomers takes of a node, and whether somebody who is known notices it.
///
/// It has to run where this machine has the address 203.0.113.1, as `make bench-crowd` sees to. The exit code is 1 if a figure
/// misses its target.
#[derive(Debug, Parser)]
struct Args {
    /// Identities in the crowd.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    identities: u32,
    /// Calls a second of each; a newcomer may make 2.
    #[arg(long, default_value_t = 4.0)]
    rate: f64,
    /// Seconds of each phase.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How often each phase is measured, in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What came out.
#[derive(Debug, Serialize)]
struct Report {
    identities: u32,
    /// Calls a second that the node says it can take.
    capacity: u32,
    /// Calls a second that the crowd made.
    asked: f64,
    /// Calls a second of these that were answered.
    answered: f64,
    /// The same as a part of the capacity.
    share: f64,
    /// Latencies of the member's calls without and with the crowd, in microseconds.
    quiet: Latency,
    crowded: Latency,
    /// How much slower 99 of 100 calls were.
    slower: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    calls: u64,
    failed: u64,
    p50_us: u64,
    p99_us: u64,
}

impl Latency {
    fn of(seen: &Histogram<u64>, failed: u64) -> Self {
        let [p50_us, p99_us] = [0.5, 0.99].map(|quantile| seen.value_at_quantile(quantile));
        Self { calls: seen.len(), failed, p50_us, p99_us }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    ensure!(args.rate > 0.0 && args.rate <= 1000.0, "--rate {} is none; it takes more than 0, at most 1000", args.rate);
    let report = measure(&args).await?;
    let held = report.share <= SHARE && report.slower <= SLOWER && report.crowded.failed == 0;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &Args) -> Result<Report> {
    let member = start(Config::default()).await?;
    let mut config = Config { bench: true, ..Config::default() };
    config.standing.limits = Some(true);
    config.standing.trusted.insert(member.id());
    let capacity = config.standing.capacity;
    let node = start(config).await?;
    let address = node.addresses().into_iter().find(|a| a.to_string().contains("/tcp/")).context("no TCP address")?;
    member.connect(&address).await?;

    let mut crowd = Crowd::gather(NETWORK, &address, args.identities, args.rate).await?;
    let phase = Duration::from_secs(args.seconds.into());
    let (mut quiet, mut crowded) = (member::Seen::new()?, member::Seen::new()?);
    for _ in 0..args.rounds {
        quiet.watch(&member, node.id(), phase).await?;
        crowd.begin();
        crowded.watch(&member, node.id(), phase).await?;
        crowd.pause();
    }
    let seconds = phase.as_secs_f64() * f64::from(args.rounds);
    let (asked, answered) = crowd.counts();
    ensure!(answered > 0, "nobody of the crowd was answered at all");
    let [quiet, crowded] = [quiet, crowded].map(|seen| Latency::of(&seen.latencies, seen.failed));
    let slower = crowded.p99_us as f64 / quiet.p99_us.max(1) as f64;
    let answered = answered as f64 / seconds;
    let share = answered / f64::from(capacity);
    Ok(Report {
        identities: args.identities,
        capacity,
        asked: asked as f64 / seconds,
        answered,
        share,
        quiet,
        crowded,
        slower,
    })
}

async fn start(mut config: Config) -> Result<Node> {
    let listen = |suffix: &str| -> Result<Multiaddr> { Ok(format!("/ip4/{ADDRESS}/{suffix}").parse()?) };
    config.network = NETWORK.parse()?;
    config.net.mdns = false;
    config.net.port_mapping = false;
    config.net.listen = vec![listen("udp/0/quic-v1")?, listen("tcp/0")?];
    let builder = Node::builder().config(config).public_ranges([format!("{}/24", IpAddr::from(ADDRESS)).parse()?]);
    let node = builder.spawn().await.with_context(|| {
        format!("cannot listen on {ADDRESS}; run `make bench-crowd`, which gives it a namespace with that address")
    })?;
    let listening = async {
        while node.addresses().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), listening).await.context("the node does not begin to listen")?;
    Ok(node)
}

fn print(report: &Report) {
    let Report { identities, capacity, asked, answered, share, quiet, crowded, slower } = report;
    println!(
        "{identities} newcomers of one subnet ask {asked:.0} times a second, and are answered {answered:.0} times:"
    );
    println!("  {:.1} % of the node's {capacity} calls a second (target: {:.1} %)", share * 100.0, SHARE * 100.0);
    println!("a node that is known, one call at a time, half and 99 of 100 within:");
    for (when, Latency { calls, failed, p50_us, p99_us }) in [("quiet", quiet), ("crowd", crowded)] {
        println!("  {when}  {p50_us:>6} µs  {p99_us:>6} µs  ({calls} calls, {failed} failed)");
    }
    println!("  its slowest are {slower:.2} times as slow (target: {SLOWER})");
}
