//! Topics from the command line: published on one node and read on another, over restarts, with and without keepers.

use anyhow::{Context, Result, ensure};
use atoll_node::control::api::{
    FailedRow, GapRow, MessageRow, OutboxReport, PublishedRow, SubscribeEvent, TopicAccess, TopicDescription,
    TopicPolicy, TopicRow,
};
use atoll_tests::{NodeOptions, NodeProcess, PATIENCE, Process, Program, command, until};
use serde_json::Value;

const TOPIC: &str = "rooms/lobby";

/// Two nodes that know each other.
async fn pair() -> Result<(NodeProcess, NodeProcess)> {
    let one = NodeOptions::node("one").start().await?;
    let other = NodeOptions::node("other").peer(&one.address).start().await?;
    other.joined().await?;
    Ok((one, other))
}

/// Starts `node subscribe`.
fn subscribe(node: &NodeProcess, arguments: &[&str]) -> Result<Process> {
    let directory = node.data_dir.path().to_str().context("not Unicode")?;
    let arguments = [&["subscribe", "--data-dir", directory], arguments].concat();
    Process::spawn("subscribe", &Program::Node.path()?, arguments)
}

/// The same, once it is subscribed.
async fn subscribed(node: &NodeProcess, arguments: &[&str]) -> Result<Process> {
    let process = subscribe(node, arguments)?;
    until("it is subscribed", PATIENCE, async || {
        let lines = process.events().iter().any(|event| event.get("subscribed").is_some());
        Ok((lines || process.complaints().contains("subscribed to")).then_some(()))
    })
    .await
    .with_context(|| process.report())?;
    Ok(process)
}

async fn publish(node: &NodeProcess, topic: &str, texts: &[&str]) -> Result<()> {
    for text in texts {
        node.run(&["publish", topic, text]).await?.succeeded()?;
    }
    Ok(())
}

/// Waits for a line that ends like this.
async fn line(process: &Process, end: &str) -> Result<String> {
    process.line(end, |line| line.text.ends_with(end).then(|| line.text.clone())).await
}

/// The texts of the messages that have been printed as JSON.
fn messages(lines: &[Value]) -> Vec<MessageRow> {
    let events = lines.iter().filter_map(|line| serde_json::from_value(line.clone()).ok());
    events
        .filter_map(|event| match event {
            SubscribeEvent::Message(row) => Some(*row),
            _ => None,
        })
        .collect()
}

fn texts(rows: &[MessageRow]) -> Vec<String> {
    let text = |row: &MessageRow| {
        row.text.clone().or_else(|| row.json.as_ref().map(|json| json.get().to_owned())).unwrap_or_default()
    };
    rows.iter().map(text).collect()
}

/// What a subscription that ends by itself has printed.
async fn taken(node: &NodeProcess, arguments: &[&str]) -> Result<Vec<String>> {
    let mut process = subscribe(node, &[arguments, &["--output", "json"]].concat())?;
    let status = process.exit(PATIENCE).await?;
    ensure!(status.success(), "{}", process.report());
    Ok(texts(&messages(&process.events())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_on_one_node_is_printed_on_the_other() -> Result<()> {
    let (one, other) = pair().await?;
    let here = subscribed(&one, &[TOPIC]).await?;
    let mut there = subscribed(&other, &["rooms/*"]).await?;
    let mut programs =
        subscribed(&other, &["rooms/>", "--header", "kind=a", "--count", "1", "--output", "json"]).await?;
    let published = one.run(&["publish", TOPIC, "ahoy", "--key", "greeting"]).await?.succeeded()?.stdout;
    ensure!(published.starts_with("published on rooms/lobby at position 1 (epoch 2"), "{published}");
    ensure!(published.ends_with("): local, on this node's disk\n"), "{published}");
    let short = one.id.short();
    ensure!(line(&here, "ahoy").await?.ends_with(&format!("Z  {short}  [greeting]  ahoy")), "{}", here.report());
    let there_line = line(&there, "ahoy").await?;
    ensure!(there_line.ends_with(&format!("Z  {short}  rooms/lobby  [greeting]  ahoy")), "{there_line}");

    let json = "{\"b\": 1.50, \"a\": [true]}";
    let row: PublishedRow =
        other.ask(&["publish", "rooms/attic", json, "--header", "kind=a", "--id", "x1", "--ack", "gossip"]).await?;
    ensure!((row.topic.as_str(), row.seq.0, row.level.as_str()) == ("rooms/attic", 1, "gossip"), "{row:?}");
    ensure!(programs.exit(PATIENCE).await?.success(), "{}", programs.report());
    let rows = messages(&programs.events());
    let row = rows.first().context("no message")?;
    ensure!((row.author, row.id.as_deref(), row.topic.as_str()) == (other.id, Some("x1"), "rooms/attic"), "{row:?}");
    let said: Vec<serde_json::Value> =
        texts(&rows).iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?;
    ensure!(said == [serde_json::json!({"a": [true], "b": 1.5})], "{said:?}");
    // As it was typed, spaces and all.
    line(&there, json).await?;

    // Ctrl-C ends it. Not SIGINT: tests that a script runs in the background inherit that it is ignored.
    there.terminate().await?;
    ensure!(there.exit(PATIENCE).await?.success(), "{}", there.report());
    let list: Vec<TopicRow> = other.ask(&["topic", "list"]).await?;
    let topics: Vec<(&str, bool, bool)> =
        list.iter().map(|row| (row.topic.as_str(), row.subscribed, row.published)).collect();
    ensure!(topics == [("rooms/attic", false, true), (TOPIC, false, false)], "{topics:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_of_stdin_is_a_message() -> Result<()> {
    let (one, other) = pair().await?;
    let directory = one.data_dir.path();
    let input: String = (1..=20_000).map(|number| format!("line {number}\n")).collect();
    let mut there = subscribed(&other, &[TOPIC, "--count", "20000", "--output", "json"]).await?;
    let answer = command::with_input(directory, &["publish", TOPIC, "-"], &input).await?.succeeded()?;
    let begin = "published 20,000 messages on rooms/lobby at positions 1 to 20000 (epoch";
    ensure!(answer.stdout.starts_with(begin), "{answer}");
    ensure!(there.exit(PATIENCE).await?.success(), "{}", there.report());
    let last = messages(&there.events()).pop().context("no message")?;
    ensure!((last.seq.0, last.text.as_deref()) == (20_000, Some("line 20000")), "{last:?}");

    // What cannot be published is named, the rest is published.
    let input = format!("first\n\n{}\nlast", "x".repeat(300_000));
    let answer = command::with_input(directory, &["publish", "other", "--output", "json"], &input).await?;
    let answer =
        answer.failed(1, &["line 3 of stdin has 300,000 bytes", "262,144", "pieces", "1 of 3 messages failed"])?;
    let rows: Vec<PublishedRow> = answer.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    ensure!(rows.iter().map(|row| row.seq.0).eq([1, 2]), "{answer}");
    let all = taken(&one, &["other", "--from", "earliest", "--count", "2"]).await?;
    ensure!(all == ["first", "last"], "{all:?}");
    let nothing = command::with_input(directory, &["publish", TOPIC, "-"], "\n\n").await?.succeeded()?;
    ensure!(nothing.stdout.contains("nothing was published"), "{nothing}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_begins_where_it_is_told_to() -> Result<()> {
    let (one, other) = pair().await?;
    publish(&one, TOPIC, &["a", "b", "c"]).await?;
    one.run(&["publish", TOPIC, "d", "--key", "k"]).await?.succeeded()?;
    one.run(&["publish", TOPIC, "e", "--key", "k"]).await?.succeeded()?;
    for (arguments, expected) in [
        (&["--from", "earliest", "--count", "5"][..], &["a", "b", "c", "d", "e"][..]),
        (&["--from", "seq:3", "--count", "2"], &["c", "d"]),
        (&["--from", "1h", "--count", "1"], &["a"]),
        (&["--from", "earliest", "--key", "k", "--count", "2"], &["d", "e"]),
    ] {
        let all = taken(&other, &[&[TOPIC], arguments].concat()).await?;
        ensure!(all == expected, "{arguments:?}: {all:?}");
    }
    // It is on this node now, so that it is known which are the last ones.
    let last = taken(&other, &[TOPIC, "--last-per-key", "--count", "4"]).await?;
    ensure!(last == ["a", "b", "c", "e"], "{last:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_goes_on_where_it_has_ended_also_after_the_node_was_restarted() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let start = || NodeOptions::node("lasting").data_dir(directory.path()).start();
    let session = &[TOPIC, "--session", "mine", "--from", "earliest", "--count", "2"];
    let mut node = start().await?;
    publish(&node, TOPIC, &["a", "b", "c", "d", "e"]).await?;
    ensure!(taken(&node, session).await? == ["a", "b"]);
    ensure!(taken(&node, session).await? == ["c", "d"], "only what was printed counts");
    node.stop().await?;
    let mut node = start().await?;
    publish(&node, TOPIC, &["f"]).await?;
    ensure!(taken(&node, session).await? == ["e", "f"]);

    // One at a time.
    let mut first = subscribed(&node, &[TOPIC, "--session", "mine"]).await?;
    node.run(&["subscribe", TOPIC, "--session", "mine"]).await?.failed(1, &["the session mine is in use"])?;
    // Whoever is killed has taken what it had printed a moment before.
    publish(&node, TOPIC, &["g"]).await?;
    line(&first, "g").await?;
    first.kill().await?;
    publish(&node, TOPIC, &["h"]).await?;
    node.process.kill().await?;
    let node = start().await?;
    let mut rest = taken(&node, &[TOPIC, "--session", "mine", "--count", "1"]).await?;
    if rest == ["g"] {
        rest = taken(&node, &[TOPIC, "--session", "mine", "--count", "1"]).await?;
    }
    ensure!(rest == ["h"], "{rest:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_waits_for_a_node_that_stops_and_misses_nothing() -> Result<()> {
    let publisher = NodeOptions::node("publisher").start().await?;
    let directory = tempfile::tempdir()?;
    let start = || NodeOptions::node("restarted").data_dir(directory.path()).peer(&publisher.address).start();
    let mut node = start().await?;
    node.joined().await?;
    let arguments = &["rooms/>", "--output", "json"];
    let (mut plain, people) = (subscribed(&node, arguments).await?, subscribed(&node, &["rooms/>"]).await?);
    let mut session = subscribed(&node, &[&arguments[..], &["--session", "mine"]].concat()).await?;
    publish(&publisher, TOPIC, &["a"]).await?;
    for process in [&plain, &session] {
        process.line("a", |line| line.text.contains("\"text\":\"a\"").then_some(())).await?;
    }
    line(&people, "  a").await?;
    node.stop().await?;
    plain.line("lost", |line| line.text.contains("\"lost\"").then_some(())).await?;
    ensure!(people.complaints().contains("the node has stopped; waiting"), "{}", people.report());
    publish(&publisher, TOPIC, &["b"]).await?;
    publish(&publisher, "rooms/new", &["c"]).await?;
    let _node = start().await?;
    for process in [&mut plain, &mut session] {
        for text in ["b", "c"] {
            process.line(text, |line| line.text.contains(&format!("\"text\":\"{text}\"")).then_some(())).await?;
        }
        process.terminate().await?;
        ensure!(process.exit(PATIENCE).await?.success(), "{}", process.report());
        let mut all = texts(&messages(&process.events()));
        all.sort_unstable();
        ensure!(all == ["a", "b", "c"], "each once: {}", process.report());
    }
    line(&people, "  c").await?;
    ensure!(people.complaints().contains("the node is back"), "{}", people.report());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_decides_and_readers_are_told_of_gaps() -> Result<()> {
    let (owner, reader) = pair().await?;
    let identity: Value = owner.ask(&["identity", "show"]).await?;
    let topic = &format!("{}news", identity["topics"].as_str().context("no topics")?);
    let refused = reader.run(&["topic", "retain", topic, "--count", "3"]).await?;
    refused.failed(1, &["does not own", &owner.id.to_string(), "only an owner decides"])?;
    let refused = reader.run(&["topic", "retain", TOPIC, "--count", "3"]).await?;
    refused.failed(1, &["everybody's", "such as key-", "/rooms/lobby", "[topics] owners = { \"rooms/lobby\""])?;

    publish(&owner, topic, &["1", "2", "3", "4", "5", "6"]).await?;
    let decided = owner.run(&["topic", "retain", topic, "--count", "3", "--age", "7d", "--publishers"]).await?;
    let decided = decided.succeeded()?.stdout;
    ensure!(
        decided.contains("at most 7 days old, 3 messages") && decided.contains("publishers: the owner"),
        "{decided}"
    );
    let policy: TopicPolicy = owner.ask(&["topic", "retain", topic, "--age", "none"]).await?;
    ensure!((policy.age_secs, policy.messages) == (None, Some(3)), "the rest stays: {policy:?}");
    ensure!(policy.access == TopicAccess::Publishers(Vec::new()), "{policy:?}");

    until("what is too much has gone", PATIENCE, async || {
        let described: TopicDescription = owner.ask(&["topic", "describe", topic]).await?;
        Ok((described.row.messages <= 3).then_some(()))
    })
    .await?;
    let people = subscribed(&reader, &[topic, "--from", "earliest"]).await?;
    let gap = people.line("the gap", |line| line.text.starts_with("!!! gap: ").then(|| line.text.clone())).await?;
    ensure!(
        gap.contains(&format!("of {} on {topic} cannot be had any more: positions 1 to", owner.id.short())),
        "{gap}"
    );
    line(&people, "  6").await?;
    let programs = subscribed(&reader, &[topic, "--from", "earliest", "--output", "json"]).await?;
    let gap = programs.line("the gap", |line| {
        let event: SubscribeEvent = serde_json::from_str(&line.text).ok()?;
        if let SubscribeEvent::Gap(gap) = event { Some(gap) } else { None }
    });
    let GapRow { from_seq, to_seq, messages, author, .. } = gap.await?;
    ensure!((from_seq.0, author) == (1, owner.id) && messages == to_seq.0, "{from_seq} to {to_seq}: {messages}");

    let described: TopicDescription = reader.ask(&["topic", "describe", topic]).await?;
    ensure!((described.row.owner, described.row.owned) == (Some(owner.id), false), "{described:?}");
    ensure!(described.policy == Some(policy), "{described:?}");
    let page = reader.run(&["topic", "describe", topic]).await?.succeeded()?.stdout;
    for words in [topic.as_str(), "KEEPERS", "AUTHORS", "publishers: the owner may publish", &owner.id.short()] {
        ensure!(page.contains(words), "{words:?}: {page}");
    }
    reader.run(&["publish", topic, "7"]).await?.failed(1, &["may not publish", "topic describe"])?;
    reader
        .run(&["topic", "describe", "never.heard"])
        .await?
        .failed(1, &["nothing to do with never.heard", "subscribe"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_empties_once_there_is_a_keeper() -> Result<()> {
    let node = NodeOptions::node("author").start().await?;
    let said = node.run(&["topic", "outbox"]).await?.succeeded()?.stdout;
    ensure!(said == "this node has published nothing\n", "{said}");
    let late = node.run(&["publish", TOPIC, "ahoy", "--ack", "kept:1", "--within", "300ms"]).await?;
    let words = ["kept:1 was not reached in time, only local", "stays published", "topic outbox", "--ack local"];
    late.failed(1, &words)?;
    let late = node.run(&["publish", TOPIC, "ahoy", "--ack", "kept:1", "--within", "1ms", "--output", "json"]).await?;
    let row: FailedRow = serde_json::from_str(&late.stdout)?;
    ensure!(row.reached.as_deref() == Some("local"), "{late}");
    let said = node.run(&["topic", "outbox"]).await?.succeeded()?.stdout;
    ensure!(said.starts_with("no keepers are known") && said.contains("1 to 2") && said.contains("--keep"), "{said}");

    let keeper = NodeOptions::node("keeper").peer(&node.address).keep().start().await?;
    keeper.joined().await?;
    until("the keeper has it", PATIENCE, async || {
        let report: OutboxReport = node.ask(&["topic", "outbox"]).await?;
        let kept =
            report.pending.iter().flat_map(|row| row.keepers.iter().map(|keeper| (keeper.node, keeper.kept_to_seq)));
        Ok(kept.into_iter().any(|(node, to)| node == keeper.id && to.is_some_and(|to| to.0 == 2)).then_some(()))
    })
    .await?;
    let said = node.run(&["topic", "outbox"]).await?.succeeded()?.stdout;
    ensure!(said.contains("is kept by all keepers that are known, 1; 3 are wanted"), "{said}");
    ensure!(said.contains(&keeper.id.short()), "{said}");
    let kept = node.run(&["publish", TOPIC, "again", "--ack", "kept:1"]).await?.succeeded()?.stdout;
    ensure!(kept.ends_with("): kept:1, on the disk of a keeper\n"), "{kept}");
    let list: Vec<TopicRow> = keeper.ask(&["topic", "list"]).await?;
    ensure!(list.iter().any(|row| row.topic.as_str() == TOPIC && row.kept && row.messages == 3), "{list:?}");
    let page = node.run(&["topic", "describe", TOPIC]).await?.succeeded()?.stdout;
    ensure!(page.contains(&format!("{}  direct", keeper.id.short())), "{page}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_with_the_way_out() -> Result<()> {
    let node = NodeOptions::node("asked").start().await?;
    for (arguments, words) in [
        (&["publish", "Rooms", "x"][..], &["'Rooms'", "rooms/lobby"][..]),
        (&["publish", "rooms//x", "x"], &["'rooms//x'", "rooms/lobby"]),
        (&["publish", TOPIC, "x", "--ack", "all"], &["'all'", "kept:2"]),
        (&["publish", TOPIC, "x", "--ack", "kept:0"], &["'kept:0'", "kept:2"]),
        (&["publish", TOPIC, "x", "--within", "5"], &["'5'", "2s"]),
        (&["publish", TOPIC, "x", "--header", "kind"], &["'kind'", "zone=eu"]),
        (&["publish", TOPIC, "-", "--id", "x"], &["--id", "one message"]),
        (&["subscribe", "rooms/>/x"], &["'rooms/>/x'", "rooms/*"]),
        (&["subscribe", TOPIC, "--from", "soon"], &["'soon'", "earliest", "10m"]),
        (&["subscribe", TOPIC, "--count", "0"], &["'0'", "at least 1"]),
        (&["subscribe", TOPIC, "--from", "latest", "--last-per-key"], &["--last-per-key"]),
        (&["topic", "describe", "rooms/*"], &["'rooms/*'", "rooms/lobby"]),
        (&["topic", "retain", TOPIC], &["--age", "--open"]),
    ] {
        node.run(arguments).await?.failed(2, words).with_context(|| format!("{arguments:?}"))?;
    }
    let long = "k".repeat(257);
    node.run(&["publish", TOPIC, "x", "--key", &long]).await?.failed(1, &["257 bytes of key, at most 256"])?;
    node.run(&["subscribe", TOPIC, "--session", &long]).await?.failed(1, &["no name of a session", "1 to 64 bytes"])?;
    let nowhere = tempfile::tempdir()?;
    command::node(nowhere.path(), &["publish", TOPIC, "x"]).await?.failed(3, &["no node is running"])?;
    command::node(nowhere.path(), &["subscribe", TOPIC]).await?.failed(3, &["no node is running"])?;
    Ok(())
}
