//! Every listing command, on seven nodes: a bootstrap, five nodes and one inside the test that offers a service.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use atoll_node::{
    NodeId,
    control::api::{
        ConnectionRow, DoctorReport, GraphNode, Health, NodeRow, RouteRow, ServiceDescription, ServiceRow, StatusReport,
    },
};
use atoll_tests::{Network, NodeProcess, PATIENCE, embedded, until};
use serde_json::Value;

use crate::services;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_there_is_listed_everywhere() -> Result<()> {
    let network = Network::start(5).await?;
    let provider = embedded::join(&network.bootstrap.address).await?;
    let _one = services::calc(&provider, "1.2.0").await?;
    let _two = services::calc(&provider, "2.0.0").await?;
    let mut everyone = network.ids();
    everyone.insert(provider.id());

    for node in network.everyone() {
        listed_services(node, provider.id(), everyone.len()).await?;
        listed_nodes(node, provider.id(), &everyone).await?;
    }
    let node = network.node(4)?;
    described(node, provider.id()).await?;
    routed(node, provider.id()).await?;
    connected(node, network.bootstrap.id).await?;
    drawn(node, &everyone).await?;

    let status: StatusReport = node.ask(&["network", "status"]).await?;
    ensure!(status.joined && status.nodes == everyone.len() && status.network.as_str() == "main", "{status:?}");
    // Each node offers `system`, the provider two versions more.
    ensure!(status.instances == everyone.len() + 2, "{status:?}");

    let doctor: DoctorReport = node.ask(&["doctor"]).await?;
    ensure!(doctor.node == node.id && !doctor.findings.is_empty(), "{doctor:?}");
    // On a machine of its own nothing is wrong, and nobody needs a relay, or a router: ports are given here.
    ensure!(doctor.findings.iter().all(|finding| finding.health != Health::Bad), "{doctor:?}");
    ensure!(doctor.relays.iter().all(|relay| relay.state != "held") && doctor.port_mapping == "off", "{doctor:?}");
    ensure!(doctor.clock_ahead_ms.is_some_and(|ahead| ahead.abs() < 60_000), "{doctor:?}");
    let page = node.run(&["doctor"]).await?.succeeded()?.stdout;
    ensure!(page.contains("reachability") && page.contains("clock"), "{page}");

    // For people, the same in columns.
    let table = node.run(&["network", "services"]).await?.succeeded()?.stdout;
    let head: Vec<&str> = table.lines().next().context("an empty table")?.split_whitespace().collect();
    ensure!(head == ["NAME", "VERSION", "INSTANCES", "NODES", "AGE"], "{table}");
    ensure!(table.contains("math.calc"), "{table}");
    let table = node.run(&["network", "routes"]).await?.succeeded()?.stdout;
    let head: Vec<&str> = table.lines().next().context("an empty table")?.split_whitespace().collect();
    let columns = ["SERVICE", "ADDRESS", "GATEWAY", "ROUTER", "NETWORK", "METRIC", "LINK", "HOPS", "EXPIRES"];
    ensure!(head == columns, "{table}");

    provider.shutdown().await;
    Ok(())
}

async fn listed_services(node: &NodeProcess, provider: NodeId, nodes: usize) -> Result<()> {
    let rows = until("the services are listed", PATIENCE, async || {
        let rows: Vec<ServiceRow> = node.ask(&["network", "services"]).await?;
        let calc = rows.iter().filter(|row| row.name.as_str() == "math.calc").count();
        let system = rows.iter().find(|row| row.name.as_str() == "system").map_or(0, |row| row.nodes.len());
        Ok((calc == 2 && system == nodes).then_some(rows))
    })
    .await
    .with_context(|| node.process.report())?;
    let calc: Vec<&ServiceRow> = rows.iter().filter(|row| row.name.as_str() == "math.calc").collect();
    ensure!(calc.iter().all(|row| row.instances == 1 && row.nodes == [provider]), "{calc:?}");
    // `service list` is another name for it.
    let same: Vec<ServiceRow> = node.ask(&["service", "list"]).await?;
    ensure!(same.len() == rows.len(), "{same:?}\n{rows:?}");
    Ok(())
}

async fn listed_nodes(node: &NodeProcess, provider: NodeId, everyone: &BTreeSet<NodeId>) -> Result<()> {
    let rows: Vec<NodeRow> = node.ask(&["network", "nodes"]).await?;
    let ids: BTreeSet<NodeId> = rows.iter().map(|row| row.node).collect();
    ensure!(ids == *everyone && rows.len() == ids.len(), "{rows:?}");
    let me: Vec<NodeId> = rows.iter().filter(|row| row.me).map(|row| row.node).collect();
    ensure!(me == [node.id], "{me:?}");
    let row = rows.iter().find(|row| row.node == provider).context("not there")?;
    ensure!(row.services.iter().any(|name| name.as_str() == "math.calc"), "{row:?}");
    ensure!(row.agent.starts_with("atoll") && !row.suspect, "{row:?}");
    Ok(())
}

async fn described(node: &NodeProcess, provider: NodeId) -> Result<()> {
    let service: ServiceDescription = node.ask(&["service", "describe", "math.calc"]).await?;
    let versions: Vec<&str> = service.versions.iter().map(|v| v.version.as_str()).collect();
    ensure!(versions == ["2.0.0", "1.2.0"], "newest first: {versions:?}");
    let newest = service.versions.first().context("no version")?;
    ensure!(newest.doc == "Simple arithmetic.", "{newest:?}");
    ensure!(newest.instances.iter().map(|i| i.node).eq([provider]), "{newest:?}");
    let add = newest.endpoints.iter().find(|e| e.name.as_str() == "add").context("no endpoint add")?;
    ensure!(add.doc == "Adds two whole numbers.", "{add:?}");
    let (request, response) = (add.request.as_ref().context("no schema")?, add.response.as_ref().context("no schema")?);
    ensure!(request.pointer("/properties/a/description") == Some(&"The first summand.".into()), "{request}");
    ensure!(response.pointer("/properties/sum/type") == Some(&"integer".into()), "{response}");

    // The record has only the schemas' hashes; whoever has looked at them once does not ask again.
    let asked = asked_for_schemas(node).await?;
    ensure!(asked > 0, "the schemas came with the record");
    let text = node.run(&["service", "describe", "math.calc"]).await?.succeeded()?.stdout;
    for words in ["math.calc", "Adds two whole numbers.", "The first summand.", "sum"] {
        ensure!(text.contains(words), "no {words:?} in\n{text}");
    }
    ensure!(asked_for_schemas(node).await? == asked, "it has asked again");
    Ok(())
}

/// How many requests for schemas the node has sent.
async fn asked_for_schemas(node: &NodeProcess) -> Result<u64> {
    let stats: Value = node.ask(&["call", "system", "stats", "--peer", &node.id.to_string()]).await?;
    stats.pointer("/schemas/requests").and_then(Value::as_u64).with_context(|| stats.to_string())
}

async fn routed(node: &NodeProcess, provider: NodeId) -> Result<()> {
    let rows: Vec<RouteRow> = node.ask(&["network", "routes"]).await?;
    let calc: Vec<&RouteRow> = rows.iter().filter(|row| row.service == "math.calc@2.0.0").collect();
    ensure!(calc.len() == 1 && calc.iter().all(|row| row.address == provider && row.router == node.id), "{rows:?}");
    let own = rows.iter().find(|row| row.address == node.id).context("no route to itself")?;
    ensure!(own.link == "local" && own.metric_us == Some(0) && own.gateway == node.id, "{own:?}");
    Ok(())
}

async fn connected(node: &NodeProcess, bootstrap: NodeId) -> Result<()> {
    let row = until("the round trip is measured", PATIENCE, async || {
        let rows: Vec<ConnectionRow> = node.ask(&["network", "connections"]).await?;
        Ok(rows.into_iter().find(|row| row.peer == bootstrap && row.rtt_ms.is_some()))
    })
    .await?;
    ensure!(row.path == "direct" && row.transport == "quic" && row.outbound, "{row:?}");
    Ok(())
}

async fn drawn(node: &NodeProcess, everyone: &BTreeSet<NodeId>) -> Result<()> {
    fn ids(graph: &GraphNode, found: &mut BTreeSet<NodeId>) {
        found.insert(graph.node);
        graph.peers.iter().for_each(|peer| ids(peer, found));
    }
    until("the graph shows every node", PATIENCE, async || {
        let graph: GraphNode = node.ask(&["network", "graph"]).await?;
        ensure!(graph.node == node.id, "{graph:?}");
        let mut found = BTreeSet::new();
        ids(&graph, &mut found);
        Ok((found == *everyone).then_some(()))
    })
    .await?;
    let tree = node.run(&["network", "graph"]).await?.succeeded()?.stdout;
    ensure!(tree.lines().count() >= everyone.len(), "{tree}");
    Ok(())
}
