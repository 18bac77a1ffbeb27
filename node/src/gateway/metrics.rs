//! `/metrics`: what the node counts, in Prometheus's text format 0.0.4.
//!
//! Names follow its conventions: counters end in `_total`, units are base units (seconds, bytes), and everything of the node begins with
//! `atoll_`. What is said of the process has the names that client libraries give it.

use std::{fmt::Write, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{Shared, figures::Figures, problem::Problem};
use crate::{control::report, net::connections::Path, node::Inner, system};

/// The format, as scrapers ask for it.
const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let node = shared.node()?;
    let mut text = Exposition::default();
    of_node(&mut text, &node);
    of_calls(&mut text, &node);
    of_gateway(&mut text, &shared.figures);
    of_process(&mut text, &node);
    let mut response = text.0.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    Ok(response)
}

fn of_node(text: &mut Exposition, node: &Inner) {
    let status = report::status(node);
    let me = status.node.to_string();
    let labels = [("node", me.as_str()), ("network", status.network.as_str()), ("agent", status.agent.as_str())];
    text.family("atoll_node_info", "gauge", "Who the node is; always 1.").sample(&labels, 1);
    text.gauge("atoll_joined", "Whether the node has joined others.", u64::from(status.joined));
    text.gauge("atoll_peers", "Peers that the node is connected to.", status.peers);
    text.gauge("atoll_known_nodes", "Nodes that the node knows, itself included.", status.nodes);
    text.gauge("atoll_known_instances", "Service instances that the node knows.", status.instances);
    text.gauge("atoll_barred_peers", "Peers that nothing is to do with, for what they have sent.", status.barred.len());
    text.gauge("atoll_sessions_connected", "Sessions of subscribers that are connected.", status.sessions_connected);
    let connections = node.net().connections.all();
    let family = text.family("atoll_connections", "gauge", "Connections to peers, by path.");
    let of = |path| connections.iter().filter(|connection| connection.path == path).count();
    family.sample(&[("path", "direct")], of(Path::Direct));
    text.sample("atoll_connections", &[("path", "relayed")], of(Path::Relayed));
    let outbox = node.broker.outbox();
    text.gauge(
        "atoll_outbox_logs",
        "Logs of this node's own that fewer keepers have than should.",
        outbox.pending.len(),
    );
}

fn of_calls(text: &mut Exposition, node: &Inner) {
    let stats = system::stats(&node.rpc);
    text.counter("atoll_calls_made_total", "Calls made to other nodes.", stats.calls_made);
    text.counter("atoll_calls_served_total", "Calls served to other nodes.", stats.calls_served);
    text.counter("atoll_refused_streams_total", "Substreams refused because too many waited.", stats.refused_streams);
    text.counter(
        "atoll_broken_frames_total",
        "Streams closed because their frames broke the protocol.",
        stats.broken_frames,
    );
    text.counter(
        "atoll_dropped_announcements_total",
        "Announcements dropped because the directory was busy.",
        stats.dropped_gossip,
    );
    text.counter(
        "atoll_dropped_topic_news_total",
        "Announcements of topics dropped because the broker was busy.",
        stats.dropped_topics,
    );
    text.family("atoll_faults_total", "counter", "What peers have sent that was refused, by kind.");
    for (kind, count) in &stats.faults {
        text.sample("atoll_faults_total", &[("kind", kind)], *count);
    }
    text.gauge("atoll_dht_peers", "Peers in the routing table of the DHT.", stats.dht.peers);
    text.gauge("atoll_dht_providers", "Provider records of others that are kept for the DHT.", stats.dht.providers);
    text.gauge("atoll_schemas_held", "Schemas at hand.", stats.schemas.held);
    text.counter("atoll_schemas_fetched_total", "Schemas that others have given.", stats.schemas.fetched);
    text.counter("atoll_schemas_served_total", "Schemas given to others.", stats.schemas.served);
    text.gauge("atoll_relay_circuits", "Circuits that this node relays.", stats.relay.circuits);
    text.counter("atoll_relay_bytes_total", "Bytes that this node has relayed.", stats.relay.bytes_total);
}

fn of_gateway(text: &mut Exposition, figures: &Figures) {
    text.family(
        "atoll_gateway_requests_total",
        "counter",
        "Requests that the gateway has answered, by class of status.",
    );
    for (class, count) in figures.answers() {
        text.sample("atoll_gateway_requests_total", &[("class", class)], count);
    }
    text.gauge("atoll_gateway_connections", "Connections to the gateway.", figures.connections());
    text.gauge("atoll_gateway_subscribers", "Subscribers to topics at the gateway.", figures.subscribers());
    let help = "Connections that the gateway refused because there were too many.";
    text.counter("atoll_gateway_refused_connections_total", help, figures.refused.count());
}

fn of_process(text: &mut Exposition, node: &Inner) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let up = std::time::Duration::from_millis(node.clock.now().0);
    let help = "When the node was started, in seconds since 1970.";
    text.gauge("process_start_time_seconds", help, now.saturating_sub(up).as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        text.gauge("process_resident_memory_bytes", "Memory that the process has in use.", bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.gauge("process_open_fds", "File descriptors that are open.", open.count());
    }
}

/// Resident memory, where the system says so (proc(5), `VmRSS`).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The text in the making.
#[derive(Default)]
struct Exposition(String);

/// One family, whose first sample is still to be said.
struct Family<'a>(&'a mut Exposition, &'a str);

impl Family<'_> {
    fn sample(self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.sample(self.1, labels, value);
    }
}

impl Exposition {
    fn family<'a>(&'a mut self, name: &'a str, kind: &str, help: &str) -> Family<'a> {
        // Writing to a text cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family(self, name)
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help).sample(&[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "counter", help).sample(&[], value);
    }
}

/// As the format wants the values of labels.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
