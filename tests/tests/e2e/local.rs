//! Commands that need no network, and what the command line says when it is used wrongly.

use anyhow::{Result, ensure};
use atoll_tests::{NodeOptions, command};
use serde_json::Value;

#[tokio::test]
async fn without_a_node_every_question_says_how_to_start_one() -> Result<()> {
    let nowhere = tempfile::tempdir()?;
    let questions: [&[&str]; 14] = [
        &["doctor"],
        &["network", "nodes"],
        &["network", "services"],
        &["network", "routes"],
        &["network", "graph"],
        &["network", "connections"],
        &["network", "status"],
        &["network", "connect", "/ip4/127.0.0.1/udp/1/quic-v1"],
        &["service", "list"],
        &["service", "describe", "system"],
        &["service", "search", "system"],
        &["service", "watch"],
        &["call", "system", "ping"],
        &["network", "nodes", "--output", "json"],
    ];
    for question in questions {
        let answer = command::node(nowhere.path(), question).await?.failed(3, &["node --peer"])?;
        ensure!(answer.stderr.lines().count() == 1 && answer.stdout.is_empty(), "one line was expected: {answer}");
    }
    // Asking leaves nothing behind.
    ensure!(nowhere.path().read_dir()?.next().is_none());
    Ok(())
}

#[tokio::test]
async fn what_is_typed_wrongly_is_exit_code_2() -> Result<()> {
    let nowhere = tempfile::tempdir()?;
    let wrong: [&[&str]; 9] = [
        &["--peer", "--public-range", "10.0.0.0/40"],
        &["doctor", "now"],
        &["nonsense"],
        &["network", "nonsense"],
        &["call"],
        &["call", "system"],
        &["call", "system", "ping", "--deadline", "soon"],
        &["call", "system", "ping", "--peer", "me"],
        &["network", "nodes", "--output", "poetry"],
    ];
    for words in wrong {
        command::node(nowhere.path(), words).await?.failed(2, &[])?;
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_before_it_is_sent() -> Result<()> {
    let node = NodeOptions::node("node").start().await?;
    let answer = node.run(&["call", "system", "ping", "{not json"]).await?;
    ensure!(matches!(answer.code, 1 | 2) && answer.stderr.contains("JSON"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn completions_and_configuration_are_shown() -> Result<()> {
    let nowhere = tempfile::tempdir()?;
    for shell in ["bash", "zsh", "fish"] {
        let answer = command::node(nowhere.path(), &["completions", shell]).await?.succeeded()?;
        ensure!(answer.stdout.contains("network"), "{answer}");
    }
    let node = NodeOptions::node("node").network("home").start().await?;
    let config: Value = node.ask(&["config", "show"]).await?;
    ensure!(config["network"] == "home" && config["net"]["mdns"] == false, "{config}");
    let text = node.run(&["config", "show"]).await?.succeeded()?.stdout;
    ensure!(text.contains("network = \"home\""), "{text}");
    Ok(())
}
