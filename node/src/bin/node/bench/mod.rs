//! `node bench`: how fast calls and streams are between this node and others, and how fast this node publishes.

use std::time::Duration;

use atoll_node::{
    AckLevel,
    bench::{Amount, EchoLoad, EchoReport, FlowLoad, FlowReport, InstanceReport, PublishLoad, PublishReport, SERVICE},
    control::api::{BENCH_DURATION, BenchRequest},
};
use atoll_protocol::{
    identity::NodeId,
    limits,
    names::{ServiceQuery, TopicName},
};
use clap::{Args, Subcommand};

use crate::{
    failure::Failure,
    progress,
    session::Session,
    table::Table,
    units::{count, latency, size, thousands},
    values,
};

#[cfg(test)]
mod tests;

/// How much longer than the measurement the node may take to say what came of it: it warms up, and calls that hang end at
/// their deadline.
const SLACK: Duration = Duration::from_secs(30);

#[derive(Debug, Subcommand)]
pub(crate) enum BenchAction {
    /// Make many small calls, and measure how many a second and how long each takes
    #[command(after_help = RPC)]
    Rpc(RpcArgs),
    /// Receive many bytes on streams, and measure how many a second
    #[command(after_help = STREAM)]
    Stream(StreamArgs),
    /// Publish many small messages, and measure how many a second and how long each takes to be acknowledged
    #[command(after_help = PUBLISH)]
    Publish(PublishArgs),
}

/// Whom to measure.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The service, which has the methods of `bench`
    #[arg(long, value_name = "SERVICE[@VERSION]", default_value = SERVICE)]
    service: ServiceQuery,
    /// Measure the instance on this node and no other; an id as `network nodes --output json` lists it. Without it, this
    /// node's own instance is called if there is one, else all that are known
    #[arg(long, value_name = "ID")]
    peer: Option<NodeId>,
}

#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    #[command(flatten)]
    target: Target,
    /// How many calls are under way at a time
    #[arg(long, value_name = "NUMBER", default_value = "64", value_parser = values::concurrency)]
    concurrency: usize,
    /// How long to measure, after half a second to warm up
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// Bytes in each request, and in each answer
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = body)]
    size: u64,
}

const RPC: &str = "\
Latencies are those of the calls that were answered: half of them took no longer than p50, 99 of 100 no longer than p99.
The nodes that are measured run with --bench; any other node can measure them.

Examples:
  node bench rpc
  node bench rpc --concurrency 1 --duration 3s
  node bench rpc --size 64KiB --output json | jq .requests_per_second";

#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    #[command(flatten)]
    target: Target,
    /// How many bytes, over all streams: 512MiB, 1GB
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = values::size)]
    size: u64,
    /// How many streams, all of them open before the first byte is measured
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = values::concurrency)]
    concurrency: usize,
}

const STREAM: &str = "\
A megabyte is a million bytes. The nodes that are measured run with --bench; any other node can measure them.

Examples:
  node bench stream
  node bench stream --size 2GiB --concurrency 16
  node bench stream --output json | jq .megabytes_per_second";

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The topic. Without it, one of this node's own that is made for this
    #[arg(long, value_name = "TOPIC")]
    topic: Option<TopicName>,
    /// Bytes in each message
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = payload)]
    size: u64,
    /// How long to measure, after half a second to warm up
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, conflicts_with = "count")]
    duration: Duration,
    /// Publish so many messages instead, and measure all of them
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How many messages wait for their acknowledgement at a time
    #[arg(long, value_name = "NUMBER", default_value = "256", value_parser = values::concurrency)]
    in_flight: usize,
    /// What a message is to reach: gossip (sent, nothing promised), local (on this node's disk, after fsync), or kept:N
    /// (on the disks of so many keepers)
    #[arg(long, value_name = "LEVEL", default_value = "local")]
    ack: AckLevel,
}

const PUBLISH: &str = "\
Latencies are from handing a message over to its acknowledgement: half of them took no longer than p50, 99 of 100 no
longer than p99. What was published on a topic of this node's own goes after ten minutes, here and wherever it is kept;
what was published on a --topic is retained as everything there is.

Examples:
  node bench publish
  node bench publish --in-flight 1 --duration 3s
  node bench publish --ack kept:2 --count 10000
  node bench publish --ack gossip --output json | jq .messages_per_second";

pub(crate) async fn run(action: BenchAction, session: &Session) -> Result<(), Failure> {
    match action {
        BenchAction::Rpc(args) => rpc(args, session).await,
        BenchAction::Stream(args) => stream(args, session).await,
        BenchAction::Publish(args) => publish(args, session).await,
    }
}

async fn rpc(args: RpcArgs, session: &Session) -> Result<(), Failure> {
    let RpcArgs { target: Target { service, peer }, concurrency, duration, size } = args;
    let load = EchoLoad {
        peer,
        concurrency,
        duration_ms: values::millis(duration),
        size: usize::try_from(size).unwrap_or(usize::MAX),
    };
    let request = BenchRequest { service: service.to_string(), load };
    let asking = session.client.post("/v1/bench/rpc", &request, Some(duration.saturating_add(SLACK)));
    let report: EchoReport = progress::shown(asking, |passed| {
        let left = duration.saturating_sub(passed).as_secs() + 1;
        format!("calling {service}, {concurrency} at a time: {left} s left")
    })
    .await?;
    session.out.value(&report, |report| rpc_page(report, &load))?;
    measured(&report)
}

/// Calls that did not fail.
fn answered(report: &EchoReport) -> u64 {
    report.requests.saturating_sub(report.errors)
}

/// Figures without a single answer are none.
fn measured(report: &EchoReport) -> Result<(), Failure> {
    match (&report.first_error, answered(report)) {
        (_, 1..) => Ok(()),
        (Some(error), 0) => Err(Failure::Unmeasured(format!("no call was answered; the first failed with {error}"))),
        (None, 0) => Err(Failure::Unmeasured("no call was answered in that time; measure for longer".to_owned())),
    }
}

async fn stream(args: StreamArgs, session: &Session) -> Result<(), Failure> {
    let StreamArgs { target: Target { service, peer }, size: bytes, concurrency } = args;
    if bytes < concurrency as u64 {
        let streams = count(concurrency, "stream", "streams");
        return Err(Failure::Usage(format!(
            "{bytes} bytes are too few for {streams}: --size is at least one byte each"
        )));
    }
    let request = BenchRequest { service: service.to_string(), load: FlowLoad { peer, concurrency, bytes } };
    // Nobody knows how long that takes.
    let asking = session.client.post("/v1/bench/stream", &request, None);
    let report: FlowReport = progress::shown(asking, |passed| {
        format!("receiving {} from {service}: {} s so far", size(bytes), passed.as_secs())
    })
    .await?;
    session.out.value(&report, |report| stream_page(report, &service, peer))
}

async fn publish(args: PublishArgs, session: &Session) -> Result<(), Failure> {
    let PublishArgs { topic, size, duration, count: messages, in_flight, ack } = args;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let amount = messages.map_or_else(|| Amount::DurationMs(values::millis(duration)), Amount::Messages);
    let load = PublishLoad { topic, amount, size, ack, in_flight };
    // Nobody knows how long a number of messages takes.
    let within = messages.is_none().then(|| duration.saturating_add(SLACK));
    let asking = session.client.post("/v1/bench/publish", &load, within);
    let report: PublishReport = progress::shown(asking, |passed| match messages {
        Some(messages) => format!("publishing {} messages: {} s so far", thousands(messages), passed.as_secs()),
        None => {
            let left = duration.saturating_sub(passed).as_secs() + 1;
            format!("publishing, {in_flight} messages in flight: {left} s left")
        }
    })
    .await?;
    session.out.value(&report, |report| publish_page(report, &load))?;
    acknowledged(&report)
}

/// Figures without a single acknowledgement are none.
fn acknowledged(report: &PublishReport) -> Result<(), Failure> {
    match (&report.first_error, report.messages) {
        (_, 1..) => Ok(()),
        (Some(error), 0) => {
            Err(Failure::Unmeasured(format!("no message was acknowledged; the first failed with: {error}")))
        }
        (None, 0) => {
            Err(Failure::Unmeasured("no message was acknowledged in that time; measure for longer".to_owned()))
        }
    }
}

fn publish_page(report: &PublishReport, load: &PublishLoad) -> String {
    let messages = format!("{} each on {}, {} in flight", size(load.size as u64), report.topic, load.in_flight);
    let (done, failed) = (thousands(report.messages), thousands(report.errors));
    let ended = format!("{done} in {:.1} s, {failed} failed", report.seconds);
    let latencies = [("p50", report.p50_us), ("p99", report.p99_us), ("max", report.max_us)];
    let latencies = latencies.map(|(name, micros)| format!("{name} {}", latency(micros))).join(", ");
    let mut table = Table::default();
    table.row(["messages".to_owned(), messages]);
    table.row(["published".to_owned(), ended]);
    let rate = thousands(report.messages_per_second.round() as u64);
    table.row(["rate".to_owned(), format!("{rate} messages/s")]);
    if report.messages > 0 {
        table.row(["latency".to_owned(), latencies]);
    }
    if let Some(error) = &report.first_error {
        table.row(["failed".to_owned(), format!("first with: {error}")]);
    }
    table.render(None)
}

fn rpc_page(report: &EchoReport, load: &EchoLoad) -> String {
    let calls = format!("{} at a time, {} each way", load.concurrency, size(load.size as u64));
    let ended =
        format!("{} in {:.1} s, {} failed", thousands(answered(report)), report.seconds, thousands(report.errors));
    let latencies = [("p50", report.p50_us), ("p99", report.p99_us), ("max", report.max_us)];
    let latencies = latencies.map(|(name, micros)| format!("{name} {}", latency(micros))).join(", ");
    let mut table = Table::default();
    table.row(["calls".to_owned(), calls]);
    table.row(["answered".to_owned(), ended]);
    table.row(["rate".to_owned(), format!("{} calls/s", thousands(report.requests_per_second.round() as u64))]);
    if answered(report) > 0 {
        table.row(["latency".to_owned(), latencies]);
    }
    for (index, instance) in report.instances.iter().enumerate() {
        table.blank_row([if index == 0 { "called" } else { "" }.to_owned(), share(instance)]);
    }
    if let Some(error) = &report.first_error {
        table.row(["failed".to_owned(), format!("first with {error}")]);
    }
    table.render(None)
}

/// What one instance got to do, the half second to warm up included.
fn share(instance: &InstanceReport) -> String {
    let InstanceReport { node, calls, errors, .. } = instance;
    let failed = if *errors > 0 { format!(", {} failed", thousands(*errors)) } else { String::new() };
    format!("{}  {} calls{failed}", node.short(), thousands(*calls))
}

fn stream_page(report: &FlowReport, service: &ServiceQuery, peer: Option<NodeId>) -> String {
    let from = peer.map_or_else(|| service.to_string(), |peer| format!("{service} at {}", peer.short()));
    let mut table = Table::default();
    let streams = count(report.streams, "stream", "streams");
    table.row(["received".to_owned(), format!("{} in {:.2} s from {from}", size(report.bytes), report.seconds)]);
    table.row(["on".to_owned(), format!("{streams}, opened in {}", latency((report.opening_seconds * 1e6) as u64))]);
    table.row(["rate".to_owned(), format!("{} MB/s", thousands(report.megabytes_per_second.round() as u64))]);
    table.render(None)
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = values::time(text)?;
    if time > BENCH_DURATION {
        return Err(format!("at most {} is possible", humantime::format_duration(BENCH_DURATION)));
    }
    Ok(time)
}

fn payload(text: &str) -> Result<u64, String> {
    let bytes = values::size(text)?;
    if bytes > limits::ENTRY_PAYLOAD as u64 {
        return Err(format!("a message carries at most {}", size(limits::ENTRY_PAYLOAD as u64)));
    }
    Ok(bytes)
}

fn body(text: &str) -> Result<u64, String> {
    let bytes = values::size(text)?;
    if bytes > limits::RPC_BODY as u64 {
        return Err(format!("a call carries at most {}; `bench stream` measures more", size(limits::RPC_BODY as u64)));
    }
    Ok(bytes)
}
