//! Calls across nodes, and how they fail.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_node::{Code, Node};
use atoll_tests::{Network, PATIENCE, command, embedded, until};
use serde_json::{Value, json};

use crate::services::{self, Add, Sum, Who, listed};

async fn providers(network: &Network) -> Result<(Node, Node)> {
    Ok((embedded::join(&network.bootstrap.address).await?, embedded::join(&network.bootstrap.address).await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_finds_its_provider_by_service_version_or_node() -> Result<()> {
    let network = Network::start(3).await?;
    let (first, second) = providers(&network).await?;
    let _serving = [
        services::calc(&first, "1.0.0").await?,
        services::calc(&first, "2.1.0").await?,
        services::calc(&second, "1.5.0").await?,
    ];
    let caller = network.node(1)?;
    listed(caller, "math.calc", 3).await?;

    let answer =
        caller.run(&["call", "math.calc", "add", r#"{"a": 2, "b": 3}"#, "--output", "json"]).await?.succeeded()?;
    ensure!(answer.stdout == "{\"sum\":5}\n", "{answer}");
    let input = r#"{"a": 20, "b": 22}"#;
    let answer = command::with_input(caller.data_dir.path(), &["call", "math.calc", "add", "-"], input).await?;
    ensure!(answer.clone().json::<Sum>()? == Sum { sum: 42 }, "{answer}");

    for provider in [&first, &second] {
        let id = provider.id().to_string();
        let who: Who = caller.run(&["call", "math.calc", "who", "--peer", &id]).await?.json()?;
        ensure!(who.node == id, "{} answered instead of {id}", who.node);
    }
    for (requirement, node, version) in
        [("math.calc@2", &first, "2.1.0"), ("math.calc@=1.0.0", &first, "1.0.0"), ("math.calc@^1.5", &second, "1.5.0")]
    {
        let who: Who = caller.run(&["call", requirement, "who"]).await?.json()?;
        ensure!(who.node == node.id().to_string() && who.version == version, "{requirement}: {}", who.version);
    }
    // The other way round: from the library to a process, and to the node itself.
    let info: Value = second.client("system")?.call("info", &()).peer(caller.id).await?;
    ensure!(info["node"] == caller.id.to_string(), "{info}");
    let sum: Sum = second.client("math.calc@=1.5.0")?.call("add", &Add { a: 1, b: 1 }).await?;
    ensure!(sum == Sum { sum: 2 });

    caller.run(&["call", "math.calc@3", "who"]).await?.failed(1, &["not_found: "])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_fails_says_how() -> Result<()> {
    let network = Network::start(2).await?;
    let provider = embedded::join(&network.bootstrap.address).await?;
    let _serving = [services::calc(&provider, "1.0.0").await?, services::trouble(&provider).await?];
    let caller = network.node(0)?;
    listed(caller, "math.calc", 1).await?;
    listed(caller, "trouble.maker", 1).await?;
    let call = async |arguments: &[&str]| caller.run(&[&["call"], arguments].concat()).await;

    call(&["no.such.service", "hello"]).await?.failed(1, &["not_found: ", "no.such.service"])?;
    call(&["math.calc", "subtract"]).await?.failed(1, &["unimplemented: ", "subtract"])?;
    call(&["math.calc", "add", r#"{"a": "two", "b": 3}"#]).await?.failed(1, &["invalid_argument: ", "`a`"])?;
    call(&["math.calc", "add", r#"{"a": 2}"#]).await?.failed(1, &["invalid_argument: ", "`b`"])?;
    call(&["trouble.maker", "sleep", "--deadline", "300ms"]).await?.failed(1, &["deadline_exceeded: "])?;
    call(&["trouble.maker", "fail"]).await?.failed(1, &["failed_precondition: not on a Sunday"])?;
    call(&["trouble.maker", "divide", "0"]).await?.failed(1, &["internal: "])?;
    call(&["trouble.maker", "divide-early", "0"]).await?.failed(1, &["internal: "])?;
    // The provider is unharmed.
    call(&["math.calc", "add", r#"{"a": 2, "b": 3}"#]).await?.succeeded()?;
    // A provider that does not have it, or is no provider at all.
    let other = network.node(1)?.id.to_string();
    call(&["math.calc", "who", "--peer", &other]).await?.failed(1, &["not_found: "])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_sees_the_same_statuses() -> Result<()> {
    let network = Network::start(1).await?;
    let (provider, caller) = providers(&network).await?;
    let _serving = services::trouble(&provider).await?;
    until("the service is listed", PATIENCE, async || Ok(embedded::lists(&caller, "trouble.maker").then_some(())))
        .await?;
    let trouble = caller.client("trouble.maker")?;
    let fail = async |method: &str, request: Value, deadline: Duration| -> Result<Code> {
        let call = trouble.call::<_, Value>(method, &request).deadline(deadline);
        Ok(call.await.err().context("it succeeded")?.code())
    };
    ensure!(fail("sleep", json!({}), Duration::from_millis(200)).await? == Code::DeadlineExceeded);
    ensure!(fail("fail", json!({}), PATIENCE).await? == Code::FailedPrecondition);
    ensure!(fail("divide", 0.into(), PATIENCE).await? == Code::Internal);
    ensure!(fail("divide-early", 0.into(), PATIENCE).await? == Code::Internal);
    ensure!(fail("nothing", json!({}), PATIENCE).await? == Code::Unimplemented);

    // Bodies of every size class: empty, on the lane, on a substream of its own.
    for size in [0, 1, 1000, 65_536, 65_537, 1_000_000, 5_000_000] {
        let body: Vec<u8> = (0..size).map(|i: u32| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        let echo = trouble.call_raw("echo", body.clone()).deadline(PATIENCE).await?;
        ensure!(echo[..] == body[..], "an echo of {size} bytes came back as {} other ones", echo.len());
    }

    // A provider that leaves in the middle of a call ends it, at once.
    let waiting = trouble.call::<_, ()>("sleep", &json!({})).deadline(PATIENCE);
    let (code, ()) = tokio::join!(async { waiting.await.err().map(|status| status.code()) }, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        provider.shutdown().await;
    });
    ensure!(code.is_some_and(|code| code != Code::DeadlineExceeded), "{code:?}");
    Ok(())
}
