//! `call --stream`: both ways, cancelled, broken off.

use anyhow::{Context, Result, ensure};
use atoll_node::{Node, Serving};
use atoll_tests::{NodeOptions, NodeProcess, PATIENCE, Process, Program, command, embedded, until};
use serde_json::Value;

use crate::services::{self, Talkers};

/// A node, and the service that it is to call.
struct Stage {
    caller: NodeProcess,
    talkers: Talkers,
    _provider: (Serving, Node),
}

impl Stage {
    async fn set() -> Result<Self> {
        let caller = NodeOptions::node("caller").start().await?;
        let provider = embedded::join(&caller.address).await?;
        let talkers = Talkers::default();
        let serving = services::talk(&provider, &talkers).await?;
        until("the service is listed", PATIENCE, async || {
            let rows: Vec<Value> = caller.ask(&["network", "services"]).await?;
            Ok(rows.iter().any(|row| row["name"] == "talk").then_some(()))
        })
        .await?;
        Ok(Self { caller, talkers, _provider: (serving, provider) })
    }

    /// A command that goes on until it is told to end.
    fn converse(&self, method: &str, request: &str) -> Result<Process> {
        let directory = self.caller.data_dir.path().to_str().context("not Unicode")?;
        let arguments = ["call", "talk", method, request, "--stream", "--data-dir", directory];
        Process::converse(method, &Program::Node.path()?, arguments)
    }

    async fn talking(&self, number: usize) -> Result<()> {
        until(&format!("{number} handlers are at work"), PATIENCE, async || {
            Ok((self.talkers.count() == number).then_some(()))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_a_line() -> Result<()> {
    let stage = Stage::set().await?;
    let call =
        async |arguments: &[&str]| stage.caller.run(&[&["call", "talk"], arguments, &["--stream"]].concat()).await;
    for output in ["table", "json"] {
        let answer = call(&["count", "3", "--output", output]).await?.succeeded()?;
        ensure!(answer.stdout == "1\n2\n3\n", "{answer}");
    }
    let answer = call(&["sum", "1 2 39"]).await?.succeeded()?;
    ensure!(answer.stdout == "{\"sum\":42}\n", "{answer}");
    let answer = call(&["sum", ""]).await?.succeeded()?;
    ensure!(answer.stdout == "{\"sum\":0}\n", "{answer}");
    let input = "\"one\"\n\n\"two\"";
    let directory = stage.caller.data_dir.path();
    let answer =
        command::with_input(directory, &["call", "talk", "echo", "-", "--stream"], input).await?.succeeded()?;
    ensure!(answer.stdout == "\"one\"\n\"two\"\n", "{answer}");
    // More than fits any queue.
    let answer = call(&["count", "100000"]).await?.succeeded()?;
    ensure!(
        answer.stdout.lines().count() == 100_000 && answer.stdout.ends_with("100000\n"),
        "{} bytes",
        answer.stdout.len()
    );
    stage.talking(0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_goes_both_ways_until_it_fails() -> Result<()> {
    let stage = Stage::set().await?;
    let mut talk = stage.converse("echo", "-")?;
    for said in ["\"one\"", "\"two\"", "\"three\""] {
        talk.say(said).await?;
        talk.line("echo", |line| (line.text == said).then_some(())).await?;
    }
    stage.talking(1).await?;
    // Whatever is still typed then.
    for said in ["\"fail\"", "\"five\""] {
        talk.say(said).await?;
    }
    let status = talk.exit(PATIENCE).await?;
    let complaint = "resource_exhausted: enough; try again in 30 ms";
    ensure!(status.code() == Some(1) && talk.complaints() == complaint, "{status}: {}", talk.report());

    let mut talk = stage.converse("echo", "-")?;
    talk.say("\"one\"").await?;
    talk.finish();
    ensure!(talk.exit(PATIENCE).await?.success(), "{}", talk.report());
    stage.talking(0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_cancels_the_handler() -> Result<()> {
    let stage = Stage::set().await?;
    for (method, request) in [("echo", "-"), ("count", "null")] {
        let mut talk = stage.converse(method, request)?;
        stage.talking(1).await?;
        // Not SIGINT: tests that a script runs in the background inherit that it is ignored.
        talk.terminate().await?;
        stage.talking(0).await?;
        ensure!(!talk.exit(PATIENCE).await?.success());
    }
    // As for whoever does not speak JSON.
    let mut talk = stage.converse("echo", "-")?;
    talk.say("\"one\"").await?;
    talk.line("echo", |line| (line.text == "\"one\"").then_some(())).await?;
    talk.say("two").await?;
    let status = talk.exit(PATIENCE).await?;
    ensure!(status.code() == Some(2) && talk.complaints().contains("line 2 of stdin is not JSON"), "{}", talk.report());
    stage.talking(0).await?;
    // A node that ends, ends its streams.
    let Stage { mut caller, .. } = stage;
    let directory = caller.data_dir.path().to_str().context("not Unicode")?.to_owned();
    let arguments = ["call", "talk", "echo", "-", "--stream", "--data-dir", &directory];
    let mut talk = Process::converse("orphan", &Program::Node.path()?, arguments)?;
    talk.say("\"one\"").await?;
    talk.line("echo", |line| (line.text == "\"one\"").then_some(())).await?;
    caller.process.kill().await?;
    ensure!(talk.exit(PATIENCE).await?.code() == Some(1), "{}", talk.report());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_and_a_call_are_told_apart() -> Result<()> {
    let stage = Stage::set().await?;
    let call = async |arguments: &[&str]| stage.caller.run(&[&["call"], arguments].concat()).await;
    call(&["talk", "count", "3"]).await?.failed(1, &["unimplemented: ", "talk/count is a stream", "--stream"])?;
    call(&["talk", "ask", "--stream"]).await?.failed(1, &["unimplemented: ", "talk/ask is no stream"])?;
    call(&["no.such", "x", "--stream"]).await?.failed(1, &["not_found: ", "no.such"])?;
    call(&["talk", "count", "many", "--stream"]).await?.failed(2, &["not JSON"])?;
    call(&["talk", "count", "\"many\"", "--stream"]).await?.failed(1, &["invalid_argument: "])?;
    call(&["talk", "echo", "-", "--stream", "--hedge", "1ms"]).await?.failed(2, &["--hedge"])?;
    call(&["talk", "count", "--stream", "--deadline", "200ms"]).await?.failed(1, &["deadline_exceeded: "])?;

    let user: String = call(&["talk", "ask", "--metadata", "user=me", "--where", "zone=eu"]).await?.json()?;
    ensure!(user == "me");
    let elsewhere = ["talk", "ask", "--where", "zone=us", "--policy", "random", "--hedge", "20ms"];
    call(&elsewhere).await?.failed(1, &["not_found: ", "zone=us"])?;
    stage.talking(0).await
}
