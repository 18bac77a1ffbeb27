//! Groups from the command line: work that is shared by nodes, survives members and coordinators that are killed, and what nobody manages.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use atoll_node::control::api::{GroupReport, SubscribeEvent};
use atoll_tests::{NodeOptions, NodeProcess, PATIENCE, Process, Program, command, until};
use serde_json::Value;

const TOPIC: &str = "jobs";
/// Work that goes on for as long as its member is there.
const ENDLESS: &str = "while kill -0 $PPID 2>/dev/null; do sleep 0.05; done";

/// So many nodes that know each other; the first one is there from the beginning.
async fn nodes(count: usize) -> Result<Vec<NodeProcess>> {
    let first = NodeOptions::node("first").start().await?;
    let address = first.address.clone();
    let mut nodes = vec![first];
    for _ in 1..count {
        let next = NodeOptions::node("next").peer(&address).start().await?;
        next.joined().await?;
        nodes.push(next);
    }
    Ok(nodes)
}

/// Starts `node subscribe --group workers`.
fn work(node: &NodeProcess, arguments: &[&str]) -> Result<Process> {
    let directory = node.data_dir.path().to_str().context("not Unicode")?;
    let begin = ["subscribe", "--data-dir", directory, TOPIC, "--group", "workers", "--from", "earliest"];
    Process::spawn("worker", &Program::Node.path()?, [&begin, arguments].concat())
}

/// Publishes these numbers, one message each.
async fn publish(node: &NodeProcess, numbers: std::ops::Range<u32>) -> Result<()> {
    let lines: String = numbers.map(|number| format!("{number}\n")).collect();
    command::with_input(node.data_dir.path(), &["publish", TOPIC, "-"], &lines).await?.succeeded()?;
    Ok(())
}

/// What the group on [`TOPIC`] tells through a node, if that is as expected.
async fn told(what: &str, node: &NodeProcess, check: impl Fn(&GroupReport) -> bool) -> Result<GroupReport> {
    let mut last = Vec::new();
    let told = until(what, PATIENCE, async || {
        last = node.ask::<Vec<GroupReport>>(&["topic", "groups", TOPIC]).await?;
        Ok(last.iter().find(|report| check(report)).cloned())
    });
    let told = told.await;
    told.with_context(|| format!("{last:?}"))
}

fn members(report: &GroupReport) -> Option<usize> {
    report.nodes.iter().map(|node| node.members).sum()
}

/// The numbers that a worker has been given, and those that its command has managed, from what it has printed.
fn seen(worker: &Process) -> (Vec<u32>, Vec<u32>) {
    let (mut given, mut managed, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
    for event in worker.events() {
        if let Some(job) = event.get("job") {
            let number = job.pointer("/message/json").and_then(Value::as_u64);
            let number = number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
            // Jobs are numbered anew in each connection.
            jobs.push((job.get("number").cloned(), number));
            given.push(number);
        }
        if let Some(ended) =
            event.get("ended").filter(|ended| ended.get("answer").is_some_and(|answer| answer == "ack"))
        {
            let managing = jobs.iter().rev().find(|(job, _)| job.as_ref() == ended.get("job"));
            managed.extend(managing.map(|(_, number)| *number));
        }
    }
    (given, managed)
}

/// Waits until all these numbers were printed by one of the first workers, or managed by a command of the others.
async fn all_done(printing: &[&Process], running: &[&Process], numbers: std::ops::Range<u32>) -> Result<()> {
    let all: BTreeSet<u32> = numbers.collect();
    until("all of it is done", PATIENCE, async || {
        let printed = printing.iter().flat_map(|worker| seen(worker).0);
        let done: BTreeSet<u32> = printed.chain(running.iter().flat_map(|worker| seen(worker).1)).collect();
        Ok((done == all).then_some(()))
    })
    .await
    .with_context(|| printing.iter().chain(running).map(|worker| worker.report()).collect::<String>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_what_is_published() -> Result<()> {
    let nodes = nodes(3).await?;
    let mut here = work(&nodes[0], &["--output", "json"])?;
    let mut there = work(&nodes[1], &["--output", "json"])?;
    told("both work", &nodes[0], |report| members(report) == Some(2)).await?;
    // One that takes no part tells the same.
    let report = told("both work", &nodes[2], |report| members(report) == Some(2)).await?;
    ensure!(report.nodes.iter().map(|node| node.node).eq(BTreeSet::from([nodes[0].id, nodes[1].id])), "{report:?}");
    publish(&nodes[2], 0..200).await?;
    all_done(&[&here, &there], &[], 0..200).await?;
    let (one, other) = (seen(&here).0, seen(&there).0);
    ensure!(!one.is_empty() && !other.is_empty(), "both get some: {one:?}, {other:?}");
    let report = told("all of it is done", &nodes[2], |report| report.pending == Some(0)).await?;
    ensure!((report.leased, report.dead) == (Some(0), Some(0)), "{report:?}");

    let coordinator = report.coordinator.context("nobody coordinates")?.short();
    let words = ["IN_FLIGHT", "coordinator", "DONE_UP_TO", &coordinator, &nodes[2].id.short()];
    until("the page tells it all", PATIENCE, async || {
        let page = nodes[1].run(&["topic", "groups", TOPIC]).await?.succeeded()?.stdout;
        ensure!(words.iter().all(|words| page.contains(words)), "{words:?}: {page}");
        Ok(Some(()))
    })
    .await?;
    let list = nodes[2].run(&["topic", "groups"]).await?.succeeded()?.stdout;
    ensure!(
        list.lines().nth(1).is_some_and(|row| row.starts_with(&format!("jobs   workers  {coordinator}"))),
        "{list}"
    );
    for worker in [&mut here, &mut there] {
        worker.terminate().await?;
        ensure!(worker.exit(PATIENCE).await?.success(), "{}", worker.report());
    }
    until("the group is gone", PATIENCE, async || {
        let list = nodes[2].run(&["topic", "groups"]).await?.succeeded()?.stdout;
        Ok(list.starts_with("no groups are known").then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_killed_loses_nothing() -> Result<()> {
    let nodes = nodes(2).await?;
    let mut killed = work(&nodes[0], &["--exec", ENDLESS, "--parallel", "4", "--output", "json"])?;
    told("it works", &nodes[0], |report| members(report) == Some(1)).await?;
    publish(&nodes[0], 0..10).await?;
    until("it has its hands full", PATIENCE, async || Ok((seen(&killed).0.len() == 4).then_some(()))).await?;
    let mut other = work(&nodes[1], &["--output", "json"])?;
    told("both work", &nodes[1], |report| members(report) == Some(2)).await?;
    killed.kill().await?;
    all_done(&[&other], &[], 0..10).await?;
    told("all of it is done", &nodes[1], |report| (report.pending, members(report)) == (Some(0), Some(1))).await?;
    other.terminate().await?;
    ensure!(other.exit(PATIENCE).await?.success(), "{}", other.report());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_is_killed_loses_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let publisher = NodeOptions::node("publisher").start().await?;
    let start = || NodeOptions::node("killed").data_dir(directory.path()).peer(&publisher.address).start();
    let mut killed = start().await?;
    killed.joined().await?;
    // It was there first, and coordinates.
    let waiting = work(&killed, &["--output", "json", "--exec", "sleep 0.1"])?;
    let before = told("it coordinates", &killed, |report| report.coordinator == Some(killed.id)).await?;
    let stays = NodeOptions::node("stays").peer(&publisher.address).start().await?;
    stays.joined().await?;
    let worker = work(&stays, &["--output", "json"])?;
    told("both work", &stays, |report| members(report) == Some(2)).await?;
    publish(&publisher, 0..20).await?;
    until("it has begun", PATIENCE, async || Ok((!seen(&waiting).0.is_empty()).then_some(()))).await?;
    killed.process.kill().await?;
    let after = told("the other one coordinates", &stays, |report| report.coordinator == Some(stays.id)).await?;
    ensure!(after.epoch > before.epoch, "{before:?}, then {after:?}");
    publish(&publisher, 20..30).await?;
    all_done(&[&worker], &[&waiting], 0..30).await?;
    told("all of it is done", &stays, |report| report.pending == Some(0)).await?;
    ensure!(waiting.complaints().contains("the node has stopped; waiting"), "{}", waiting.report());

    // Whoever worked there goes on as soon as there is a node again.
    let _back = start().await?;
    told("both work again", &stays, |report| members(report) == Some(2)).await?;
    publish(&publisher, 30..60).await?;
    all_done(&[&worker], &[&waiting], 0..60).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_manages_is_read_with_reason_and_origin() -> Result<()> {
    let nodes = nodes(2).await?;
    let failing = "cat >&2; echo >&2; echo no such account >&2; exit 4";
    let people = work(&nodes[0], &["--exec", failing, "--deliveries", "2", "--backoff", "10ms"])?;
    nodes[1]
        .run(&["publish", TOPIC, "{\"to\": \"ann\"}", "--key", "ann", "--header", "kind=mail"])
        .await?
        .succeeded()?;
    told("it has given up", &nodes[1], |report| (report.dead, report.pending) == (Some(1), Some(0))).await?;
    let complaints = people.complaints();
    ensure!(complaints.contains("working in the group workers on jobs"), "{complaints}");
    for attempt in 1..=2 {
        let words =
            format!("of {} was not managed, attempt {attempt}: exit code 4: no such account", nodes[1].id.short());
        ensure!(complaints.contains(&words), "{words}: {complaints}");
    }
    let read = &["subscribe", "jobs/dead/workers", "--from", "earliest", "--count", "1", "--output", "json"];
    let read = nodes[1].run(read).await?.succeeded()?.stdout;
    let events = read.lines().filter_map(|line| serde_json::from_str(line).ok());
    let letter = events.into_iter().find_map(|event| match event {
        SubscribeEvent::Message(row) => Some(row),
        _ => None,
    });
    let letter = letter.context("no dead letter")?;
    for (name, value) in [
        ("atoll-reason", "given 2 times and not managed: exit code 4: no such account"),
        ("atoll-attempts", "2"),
        ("atoll-origin-topic", TOPIC),
        ("atoll-origin-author", &nodes[1].id.to_string()),
        ("atoll-origin-seq", "1"),
        ("kind", "mail"),
    ] {
        ensure!(letter.headers.get(name).map(String::as_str) == Some(value), "{name}: {letter:?}");
    }
    ensure!(letter.author == nodes[0].id && letter.key.as_deref() == Some("ann"), "{letter:?}");
    ensure!(letter.json.as_ref().map(|json| json.get()) == Some("{\"to\": \"ann\"}"), "{letter:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_decides_and_ctrl_c_lets_it_finish() -> Result<()> {
    let nodes = nodes(1).await?;
    let node = &nodes[0];
    let directory = tempfile::tempdir()?;
    let (begun, done) = (directory.path().join("begun"), directory.path().join("done"));
    let slow = format!("touch {}; while ! test -e {}; do sleep 0.05; done; cat", begun.display(), done.display());
    let mut worker = work(node, &["--exec", &slow])?;
    publish(node, 7..8).await?;
    until("it has begun", PATIENCE, async || Ok(begun.exists().then_some(()))).await?;
    worker.terminate().await?;
    until("it waits", PATIENCE, async || Ok(worker.complaints().contains("waiting for what is running").then_some(())))
        .await?;
    std::fs::write(&done, "")?;
    ensure!(worker.exit(PATIENCE).await?.success(), "{}", worker.report());
    worker.line("what the command says", |line| (line.text == "7").then_some(())).await?;

    // What is done is not given again, and an example that is wrong costs nothing but a message for others.
    publish(node, 8..9).await?;
    let mut wrong = work(node, &["--exec", "/no/such/program"])?;
    ensure!(wrong.exit(PATIENCE).await?.code() == Some(1), "{}", wrong.report());
    for words in ["the command cannot be run: exit code 127", "/no/such/program", "nothing is lost", "--exec"] {
        ensure!(wrong.complaints().contains(words), "{words}: {}", wrong.report());
    }
    let mut right = work(node, &["--count", "1"])?;
    ensure!(right.exit(PATIENCE).await?.success(), "{}", right.report());
    let author = node.id.short();
    right.line("the message", |line| line.text.contains(&format!("{author}  8")).then_some(())).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shared_is_named_with_the_way_out() -> Result<()> {
    let nodes = nodes(1).await?;
    for (arguments, words) in [
        (&["subscribe", "rooms/*", "--group", "a"][..], &["--group a", "'rooms/*'", "rooms/lobby"][..]),
        (&["subscribe", TOPIC, "--group", "A"], &["'A'", "such as workers"]),
        (&["subscribe", TOPIC, "--group", "a", "--session", "mine"], &["--group", "--session"]),
        (&["subscribe", TOPIC, "--exec", "true"], &["--group"]),
        (&["subscribe", TOPIC, "--group", "a", "--deliveries", "0"], &["'0'", "at least 1"]),
        (&["subscribe", TOPIC, "--group", "a", "--ack-wait", "5"], &["'5'", "2s"]),
        (&["topic", "groups", "rooms/*"], &["'rooms/*'", "rooms/lobby"]),
    ] {
        nodes[0].run(arguments).await?.failed(2, words).with_context(|| format!("{arguments:?}"))?;
    }
    let long = "x".repeat(120);
    nodes[0].run(&["subscribe", &long, "--group", "workers"]).await?.failed(1, &["128 bytes at most"])?;
    let none = nodes[0].run(&["topic", "groups", TOPIC]).await?.succeeded()?.stdout;
    ensure!(none.contains("share the work of jobs") && none.contains("node subscribe jobs --group"), "{none}");
    let nowhere = tempfile::tempdir()?;
    let work = ["subscribe", TOPIC, "--group", "a"];
    command::node(nowhere.path(), &work).await?.failed(3, &["no node is running"])?;
    Ok(())
}
