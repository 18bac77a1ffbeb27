//! `node network`: the network as the node knows it.

use std::{collections::BTreeMap, time::Duration};

use atoll_node::{
    cli::address::dial_address,
    control::api::{
        ConnectReply, ConnectRequest, ConnectionRow, GRAPH_RADIUS, GRAPH_RADIUS_MAX, GraphNode, NodeRow, RouteRow,
        ServiceRow, StatusReport,
    },
};
use atoll_protocol::identity::NodeId;
use clap::Subcommand;
use libp2p::Multiaddr;

use crate::{
    dot,
    failure::Failure,
    session::Session,
    table::Table,
    tree,
    units::{age, count, rtt},
};

#[cfg(test)]
mod tests;

/// How long the node may try to connect: every transport's own time limit is shorter.
const CONNECTING: Duration = Duration::from_secs(60);

/// Ids that a cell shows before it counts the rest.
const SHOWN: usize = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkQuery {
    /// List the nodes that this node knows, itself first
    Nodes,
    /// List the services that are offered, with version and instances
    #[command(after_help = "Example:\n  node network services --output json")]
    Services,
    /// List the ways to each service, and what they cost
    #[command(after_help = ROUTES)]
    Routes,
    /// Draw who is connected to whom, as seen from this node
    #[command(after_help = GRAPH)]
    Graph {
        /// How many hops far to look, from 1 to 8
        #[arg(long, value_name = "N", value_parser = radius, default_value_t = GRAPH_RADIUS)]
        radius: u32,
    },
    /// List this node's own connections
    #[command(after_help = CONNECTIONS)]
    Connections,
    /// Show how this node is doing
    Status,
    /// Connect to a node by its address
    #[command(after_help = CONNECT)]
    Connect {
        /// Where it is, with or without /p2p/ID at the end
        #[arg(value_name = "ADDR", value_parser = dial_address)]
        address: Multiaddr,
    },
}

const ROUTES: &str = "\
ADDRESS is the node that provides the service, GATEWAY the first node on the way to it, ROUTER the last one before it. \
METRIC is the round trip in microseconds, LINK local, direct, relayed or none, and EXPIRES when the route ends unless \
it is renewed. Where LINK is none there is no connection yet: ~ before METRIC says that it is estimated over the \
connections that other nodes say to have, and a call makes a connection of its own. Of one service, the cheapest come \
first.

Examples:
  node network routes
  node network routes --output json";

const GRAPH: &str = "\
A tree shows each node once, below the nearest to this node that it is connected to. --output dot has all connections, for \
Graphviz; --output json has them as `peers` (the tree) and `links` (the rest). A connection between other nodes is shown \
as one where both say so; what only one of them says is marked as claimed (dashed in dot, `claims` in JSON).

Examples:
  node network graph --radius 2
  node network graph --output dot | dot -Tsvg -o network.svg";

const CONNECTIONS: &str = "\
PATH is direct or relayed, and via which node, TRANSPORT quic, tcp or websocket, RTT_MS the measured round trip. FAULTS, shown if there are any, is what \
the peer has sent that was refused.";

const CONNECT: &str = "\
Example:
  node network connect /ip4/192.0.2.7/udp/4077/quic-v1";

pub(crate) async fn run(query: NetworkQuery, session: &Session) -> Result<(), Failure> {
    let (client, out) = (&session.client, &session.out);
    match query {
        NetworkQuery::Nodes => out.list(&client.get::<Vec<NodeRow>>("/v1/nodes").await?, "no nodes known yet", nodes),
        NetworkQuery::Services => list_services(session).await,
        NetworkQuery::Routes => {
            out.list(&client.get::<Vec<RouteRow>>("/v1/routes").await?, "no routes known yet", routes)
        }
        NetworkQuery::Graph { radius } => {
            let root: GraphNode = client.get(&format!("/v1/graph?radius={radius}")).await?;
            if out.is_dot() { out.text(&dot::write(&root)) } else { out.value(&root, tree::draw) }
        }
        NetworkQuery::Connections => {
            let rows = client.get::<Vec<ConnectionRow>>("/v1/connections").await?;
            out.list(&rows, "not connected to anyone", connections)
        }
        NetworkQuery::Status => out.value(&client.get::<StatusReport>("/v1/status").await?, status),
        NetworkQuery::Connect { address } => {
            let request = ConnectRequest { address: address.to_string() };
            let reply: ConnectReply = client.post("/v1/connect", &request, Some(CONNECTING)).await?;
            out.value(&reply, |r| format!("connected to {} at {} in {} ms", r.peer, r.address, r.millis))
        }
    }
}

/// Prints the services; `node service list` is the same.
pub(crate) async fn list_services(session: &Session) -> Result<(), Failure> {
    let rows = session.client.get::<Vec<ServiceRow>>("/v1/services").await?;
    session.out.list(&rows, "no services known yet", services)
}

fn nodes(rows: &[NodeRow]) -> Table {
    let mut table =
        Table::new(["NODE", "STATE", "TIER", "SCORE", "PATH", "RTT_MS", "AGE", "AGENT", "ADDRESS", "SERVICES"]);
    let (mine, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.me);
    for row in mine.into_iter().chain(others) {
        let state = match (row.me, row.suspect) {
            (true, _) => "self",
            (false, true) => "suspect",
            (false, false) => "ok",
        };
        table.row([
            row.node.short(),
            state.to_owned(),
            row.tier.map(|tier| tier.to_string()).unwrap_or_default(),
            row.score.map(|score| format!("{score:.2}")).unwrap_or_default(),
            row.path.clone().unwrap_or_default(),
            rtt(row.rtt_ms),
            age(row.age_ms),
            row.agent.clone(),
            row.addresses.first().map(|a| without_peer(a).to_owned()).unwrap_or_default(),
            some(row.services.iter().map(ToString::to_string)),
        ]);
    }
    table
}

fn services(rows: &[ServiceRow]) -> Table {
    let mut table = Table::new(["NAME", "VERSION", "INSTANCES", "NODES", "AGE"]);
    for row in rows {
        table.row([
            row.name.to_string(),
            row.version.clone(),
            row.instances.to_string(),
            some(row.nodes.iter().map(NodeId::short)),
            age(row.age_ms),
        ]);
    }
    table
}

fn routes(rows: &[RouteRow]) -> Table {
    let columns = ["SERVICE", "ADDRESS", "GATEWAY", "ROUTER", "NETWORK", "METRIC", "LINK", "HOPS", "EXPIRES"];
    let mut table = Table::new(columns);
    for row in rows {
        table.row([
            row.service.clone(),
            row.address.short(),
            row.gateway.short(),
            row.router.short(),
            row.network.to_string(),
            row.metric_us.map(|us| format!("{}{us}", if row.estimated { "~" } else { "" })).unwrap_or_default(),
            row.link.clone(),
            row.hops.map(|hops| hops.to_string()).unwrap_or_default(),
            row.expires_ms.map(age).unwrap_or_default(),
        ]);
    }
    table
}

fn connections(rows: &[ConnectionRow]) -> Table {
    // Rarely is there anything in this column.
    let faults = rows.iter().any(|row| !row.faults.is_empty());
    let columns = ["PEER", "ADDRESS", "PATH", "TRANSPORT", "RTT_MS"];
    let mut table = if faults { Table::new(with(columns, "FAULTS")) } else { Table::new(columns) };
    for row in rows {
        let cells = [
            row.peer.short(),
            // Of a relayed connection, where the relay is.
            row.address.split("/p2p/").next().unwrap_or_default().to_owned(),
            row.via.as_ref().map_or(row.path.clone(), |relay| format!("{} via {}", row.path, relay.short())),
            row.transport.clone(),
            rtt(row.rtt_ms),
        ];
        if faults { table.row(with(cells, by_kind(&row.faults))) } else { table.row(cells) }
    }
    table
}

/// One column more.
fn with<T>([a, b, c, d, e]: [T; 5], f: T) -> [T; 6] {
    [a, b, c, d, e, f]
}

/// `20 forged, 1 replayed`; empty if there are none.
fn by_kind(faults: &BTreeMap<String, u32>) -> String {
    let each: Vec<String> = faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    each.join(", ")
}

fn status(report: &StatusReport) -> String {
    let mut table = Table::default();
    let joined = if report.joined { "joined" } else { "not joined yet" };
    let peers = count(report.peers, "peer", "peers");
    let known =
        [count(report.nodes, "node", "nodes"), count(report.instances, "service instance", "service instances")];
    let facts = [
        ("node", report.node.to_string()),
        ("network", format!("{}, {joined}, connected to {peers}", report.network)),
        ("knows", known.join(", ")),
        ("agent", report.agent.clone()),
        ("process", format!("{}, up {}", report.pid, age(report.uptime_ms))),
        ("data", report.data_dir.display().to_string()),
        ("dht", report.dht.clone()),
    ];
    for (name, value) in facts {
        table.row([name.to_owned(), value]);
    }
    if let Some(gateway) = &report.gateway {
        table.row(["gateway".to_owned(), gateway.clone()]);
    }
    if report.sessions > 0 {
        let sessions = count(report.sessions, "session", "sessions");
        table.row(["subscribers".to_owned(), format!("{sessions}, {} connected", report.sessions_connected)]);
    }
    if !report.faults.is_empty() {
        table.row(["refused".to_owned(), by_kind(&report.faults)]);
    }
    if !report.barred.is_empty() {
        table.row(["barred".to_owned(), some(report.barred.iter().map(NodeId::short))]);
    }
    for (index, address) in report.addresses.iter().enumerate() {
        table.blank_row([if index == 0 { "addresses" } else { "" }.to_owned(), address.clone()]);
    }
    table.render(None)
}

fn radius(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(radius) if (1..=GRAPH_RADIUS_MAX).contains(&radius) => Ok(radius),
        _ => Err(format!("a radius is a number of hops from 1 to {GRAPH_RADIUS_MAX}, such as {GRAPH_RADIUS}")),
    }
}

/// The first few, and how many more there are.
pub(crate) fn some(mut items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(SHOWN);
    let shown: Vec<String> = items.by_ref().take(SHOWN).collect();
    if more == 0 { shown.join(",") } else { format!("{},+{more}", shown.join(",")) }
}

/// The address without the id at its end, which stands in a column of its own.
fn without_peer(address: &str) -> &str {
    address.rsplit_once("/p2p/").map_or(address, |(before, id)| if id.contains('/') { address } else { before })
}
