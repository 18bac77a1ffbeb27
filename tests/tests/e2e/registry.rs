//! Looking at the registry: found by word and metadata on another node, watched as it comes and goes, described with an
//! example that works, drawn for Graphviz.

use std::{collections::BTreeSet, process::Stdio};

use anyhow::{Context, Result, ensure};
use atoll_node::{
    Node, Serving,
    control::api::{SearchReply, ServiceDescription, WatchEvent, WatchedChange},
};
use atoll_tests::{Network, NodeOptions, NodeProcess, PATIENCE, Process, Program, embedded, until};
use tokio::{process::Command, time::timeout};

use crate::services::{self, Add, Sum, Talkers, listed};

/// `math.calc` with a label.
async fn labelled(node: &Node, zone: &str) -> Result<Serving> {
    let service = node
        .service("math.calc", "1.2.0")?
        .doc("Simple arithmetic.")
        .metadata("zone", zone)
        .method("add", |_: atoll_node::Context, r: Add| async move { Ok(Sum { sum: r.a + r.b }) })
        .documented("add", "Adds two whole numbers.");
    Ok(service.register().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_found_on_another_node() -> Result<()> {
    let network = Network::start(2).await?;
    let provider = embedded::join(&network.bootstrap.address).await?;
    let _serving = [labelled(&provider, "eu").await?, services::trouble(&provider).await?];
    let node = network.node(1)?;
    listed(node, "math.calc", 1).await?;
    listed(node, "trouble.maker", 1).await?;
    let search = async |arguments: &[&str]| -> Result<Vec<String>> {
        let reply: SearchReply = node.ask(&[&["service", "search"], arguments].concat()).await?;
        Ok(reply.found.iter().map(|found| found.name.to_string()).collect())
    };
    for found in [
        &["calc"][..],
        &["ARITHMETIC"],
        &["whole", "numbers"],
        &["whole numbers", "--meta", "zone=eu"],
        &["--meta", "zone=eu"],
        &["--prefix", "math."],
        &["calc", "--version", "^1.1"],
    ] {
        ensure!(search(found).await? == ["math.calc"], "{found:?}");
    }
    for missed in [&["calc", "trouble"][..], &["--meta", "zone=us"], &["calc", "--version", "2"], &["--prefix", "calc"]]
    {
        ensure!(search(missed).await?.is_empty(), "{missed:?}");
    }
    ensure!(search(&["system"]).await? == ["system"], "one row for all nodes");

    let table = node.run(&["service", "search", "add"]).await?.succeeded()?.stdout;
    let head: Vec<&str> = table.lines().next().context("an empty table")?.split_whitespace().collect();
    ensure!(head == ["NAME", "VERSION", "INSTANCES", "STATE", "METHODS", "ABOUT"], "{table}");
    ensure!(table.contains("Simple arithmetic."), "{table}");
    let table = node.run(&["service", "search", "--version", "*", "--limit", "1"]).await?.succeeded()?.stdout;
    ensure!(table.contains("2 more; narrow the search"), "{table}");
    node.run(&["service", "search"]).await?.failed(2, &["nothing to look for", "service list"])?;
    node.run(&["service", "describe", "math.cacl"]).await?.failed(1, &["did you mean math.calc?"])?;
    node.run(&["service", "describe", "math.calc@7"]).await?.failed(1, &["known versions: 1.2.0"])?;
    Ok(())
}

/// Starts `service watch`, for people or for programs.
fn watch(node: &NodeProcess, arguments: &[&str]) -> Result<Process> {
    let directory = node.data_dir.path().to_str().context("not Unicode")?;
    let arguments = [&["service", "watch", "--data-dir", directory], arguments].concat();
    Process::spawn("watch", &Program::Node.path()?, arguments)
}

async fn told(watch: &Process, change: WatchedChange, node: Option<&Node>) -> Result<WatchEvent> {
    watch
        .line(&format!("{change:?}"), |line| {
            let event: WatchEvent = serde_json::from_str(&line.text).ok()?;
            let of = event.instance.as_ref().map(|instance| instance.node);
            (event.change == change && of == node.map(Node::id)).then_some(event)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_seen_to_come_and_go() -> Result<()> {
    let network = Network::start(1).await?;
    let (first, second) =
        (embedded::join(&network.bootstrap.address).await?, embedded::join(&network.bootstrap.address).await?);
    let _there = labelled(&first, "eu").await?;
    let node = network.node(0)?;
    listed(node, "math.calc", 1).await?;

    let (mut people, mut programs) = (watch(node, &["math.*"])?, watch(node, &["math.*", "--output", "json"])?);
    let mut once = watch(node, &["math.calc", "--count", "1", "--output", "json"])?;
    for watch in [&programs, &once] {
        told(watch, WatchedChange::Present, Some(&first)).await?;
        told(watch, WatchedChange::Ready, None).await?;
    }
    people.line("what is there", |line| line.text.contains("present").then_some(())).await?;

    let serving = labelled(&second, "us").await?;
    told(&programs, WatchedChange::Added, Some(&second)).await?;
    ensure!(once.exit(PATIENCE).await?.success(), "{}", once.report());
    drop(serving);
    let gone = told(&programs, WatchedChange::Removed, Some(&second)).await?;
    ensure!(gone.reason.as_deref() == Some("withdrawn"), "{gone:?}");
    let line = people.line("its end", |line| line.text.contains("removed").then(|| line.text.clone())).await?;
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    ensure!(words == ["removed", &second.id().short(), "math.calc", "1.2.0", "(withdrawn)"], "{line}");
    ensure!(programs.events().iter().all(|event| event["service"] != "system"), "{}", programs.report());

    // Ctrl-C is how a watch ends.
    for watch in [&mut people, &mut programs] {
        watch.interrupt().await?;
        ensure!(watch.exit(PATIENCE).await?.code() == Some(0), "{}", watch.report());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_outlives_its_node() -> Result<()> {
    let kept = tempfile::tempdir()?;
    let start = async || NodeOptions::node("watched").data_dir(kept.path()).start().await;
    let mut node = start().await?;
    let mut watching = watch(&node, &["system", "--output", "json"])?;
    told(&watching, WatchedChange::Ready, None).await?;
    node.process.kill().await?;
    told(&watching, WatchedChange::Lost, None).await?;
    until("it says so", PATIENCE, async || Ok(watching.complaints().contains("the node has stopped").then_some(())))
        .await?;
    drop(node);
    let _again = start().await?;
    until("what is there is told anew", PATIENCE, async || {
        let ready = watching.events().iter().filter(|event| event["change"] == "ready").count();
        Ok((ready == 2).then_some(()))
    })
    .await?;
    watching.terminate().await?;
    ensure!(watching.exit(PATIENCE).await?.code() == Some(0), "{}", watching.report());
    Ok(())
}

/// The lines below each `example` of a page.
fn examples(page: &str) -> Vec<&str> {
    let lines: Vec<&str> = page.lines().map(str::trim).collect();
    lines.windows(2).filter_map(|pair| if let ["example", line] = pair { Some(*line) } else { None }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_example_can_be_pasted() -> Result<()> {
    let node = NodeOptions::node("described").start().await?;
    let provider = embedded::join(&node.address).await?;
    let _serving = [
        labelled(&provider, "eu").await?,
        services::calc(&provider, "2.0.0").await?,
        services::talk(&provider, &Talkers::default()).await?,
    ];
    listed(&node, "math.calc", 2).await?;
    listed(&node, "talk", 1).await?;

    let page = node.run(&["service", "describe", "math.calc"]).await?.succeeded()?.stdout;
    for words in
        ["math.calc 2.0.0", "math.calc 1.2.0", "zone=eu", "INSTANCE", "LEASE", &provider.id().short(), "direct"]
    {
        ensure!(page.contains(words), "no {words:?} in\n{page}");
    }
    ensure!(examples(&page).len() == 3, "{page}");
    for line in examples(&page) {
        let said = pasted(line).await?;
        ensure!(said.contains("\"sum\": 2") || said.contains("\"version\": \"2.0.0\""), "{line}: {said}");
    }
    let page = node.run(&["service", "describe", "talk"]).await?.succeeded()?.stdout;
    let streams: Vec<&str> = examples(&page).into_iter().filter(|line| line.contains("--stream")).collect();
    ensure!(streams.len() == 3, "{page}");
    for line in streams {
        // `count` without an end is not among them: its example counts to a number.
        ensure!(!pasted(line).await?.is_empty(), "{line}");
    }

    let one: ServiceDescription = node.ask(&["service", "describe", "math.calc@^1"]).await?;
    ensure!(one.versions.len() == 1 && one.versions.iter().all(|version| version.version == "1.2.0"), "{one:?}");
    let instance = one.versions.iter().flat_map(|version| &version.instances).next().context("no instance")?;
    ensure!(instance.node == provider.id() && instance.hops == Some(1) && !instance.suspect, "{instance:?}");
    ensure!(instance.lease_ms.is_some_and(|left| left > 0), "{instance:?}");
    Ok(())
}

/// What a shell prints that a line is pasted into.
async fn pasted(line: &str) -> Result<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).stdin(Stdio::null()).env_remove("ATOLL_DATA_DIR").kill_on_drop(true);
    let output = timeout(PATIENCE, shell.output()).await.with_context(|| format!("{line} does not end"))??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{line}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_is_drawn_for_graphviz() -> Result<()> {
    let network = Network::start(2).await?;
    let node = network.node(0)?;
    let everyone: BTreeSet<String> = network.ids().iter().map(ToString::to_string).collect();
    until("every node is in the graph", PATIENCE, async || {
        let dot = node.run(&["network", "graph", "--output", "dot"]).await?.succeeded()?.stdout;
        let (nodes, edges) = parsed(&dot)?;
        ensure!(edges.iter().all(|(a, b)| nodes.contains(a) && nodes.contains(b) && a != b), "{dot}");
        Ok((nodes == everyone && edges.len() + 1 >= nodes.len()).then_some(()))
    })
    .await?;
    let near = node.run(&["network", "graph", "--output", "dot", "--radius", "1"]).await?.succeeded()?.stdout;
    ensure!(parsed(&near)?.0.contains(&node.id.to_string()), "{near}");
    node.run(&["network", "graph", "--radius", "9"]).await?.failed(2, &["from 1 to 8"])?;
    node.run(&["network", "routes", "--output", "dot"]).await?.failed(2, &["network graph"])?;
    Ok(())
}

type Edges = BTreeSet<(String, String)>;

/// The nodes and the edges of a graph in Graphviz's language: one statement a line, each id in quotes.
fn parsed(dot: &str) -> Result<(BTreeSet<String>, Edges)> {
    let body = dot.trim().strip_prefix("graph atoll {").and_then(|rest| rest.strip_suffix('}')).context("no graph")?;
    let (mut nodes, mut edges) = (BTreeSet::new(), BTreeSet::new());
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("node ")) {
        let statement = line.strip_suffix(';').with_context(|| format!("no end of {line}"))?;
        ensure!(statement.replace("\\\"", "").matches('"').count() % 2 == 0, "quotes are open in {line}");
        let ids: Vec<&str> = statement.split('[').next().unwrap_or_default().split("--").map(str::trim).collect();
        let id = |id: &str| id.trim_matches('"').to_owned();
        match ids.as_slice() {
            [node] => ensure!(nodes.insert(id(node)), "{node} stands twice in {dot}"),
            [a, b] => ensure!(edges.insert((id(a), id(b))), "{line} stands twice in {dot}"),
            _ => anyhow::bail!("{line} is no statement"),
        }
    }
    Ok((nodes, edges))
}
