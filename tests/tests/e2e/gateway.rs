//! The gateway of real nodes: where it is, calls and topics over it, and services in other languages.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use atoll_node::control::api::StatusReport;
use atoll_tests::{NodeOptions, NodeProcess, PATIENCE, Process, http, process::Line, until};
use serde_json::{Value, json};

use crate::services::listed;

/// Two nodes that know each other.
async fn pair() -> Result<(NodeProcess, NodeProcess)> {
    let first = NodeOptions::node("first").start().await?;
    let second = NodeOptions::node("second").peer(&first.address).start().await?;
    second.joined().await?;
    Ok((first, second))
}

#[tokio::test]
async fn a_node_says_where_its_gateway_is_and_serves_there() -> Result<()> {
    let (first, second) = pair().await?;
    let url = http::gateway(&second).await?;
    let status: StatusReport = second.ask(&["network", "status"]).await?;
    ensure!(status.gateway.as_deref() == Some(url.as_str()), "{:?} is not {url}", status.gateway);
    let written = std::fs::read_to_string(second.data_dir.path().join("gateway.url"))?;
    ensure!(written.trim() == url, "{written}");
    let shown = second.run(&["network", "status"]).await?.succeeded()?;
    ensure!(shown.stdout.contains(&url), "{shown}");

    let path = format!("/v1/call/system/ping?node={}", first.id);
    let pong = http::json(&url, "POST", &path, "{}").await?;
    ensure!(pong == json!({ "node": first.id.to_string() }), "{pong}");
    let published = http::json(&url, "POST", "/v1/topics/rooms/lobby", "\"ahoy\"").await?;
    ensure!(published.get("seq") == Some(&json!(1)), "{published}");
    let (code, page) = http::send(&url, "GET", "/", "").await?;
    ensure!(code == 200 && String::from_utf8_lossy(&page).contains("<title>Atoll</title>"), "{code}");
    let (code, _) = http::send(&url, "GET", "/v1/config", "").await?;
    ensure!(code == 404, "what is the owner's alone is not to be had here: {code}");
    Ok(())
}

#[tokio::test]
async fn a_node_without_a_gateway_has_none() -> Result<()> {
    let node = NodeOptions::node("closed").no_gateway().start().await?;
    let status: StatusReport = node.ask(&["network", "status"]).await?;
    ensure!(status.gateway.is_none() && !node.data_dir.path().join("gateway.url").exists(), "{:?}", status.gateway);
    Ok(())
}

#[tokio::test]
async fn an_open_gateway_without_a_token_is_refused_with_the_way_out() -> Result<()> {
    let (mut process, _dir) = NodeOptions::node("open").gateway("0.0.0.0:0").spawn()?;
    let status = process.exit(PATIENCE).await?;
    ensure!(status.code() == Some(1), "{status}: {}", process.report());
    let complaints = process.complaints();
    ensure!(complaints.contains("0.0.0.0:0") && complaints.contains("--gateway-token"), "{complaints}");
    Ok(())
}

/// An interpreter of this name that is on this machine, and is what it is called.
fn interpreter(names: &[&'static str], says: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).starts_with(says))
    })
}

fn example(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "examples", "06_any_language", file].iter().collect()
}

/// Runs an example to its end, and gives what it has printed.
async fn run(program: &str, file: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let file = example(file).display().to_string();
    let arguments = [&[file.as_str()], arguments].concat();
    let output = tokio::process::Command::new(program).args(&arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await.context("it does not end")??;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(text.lines().map(str::to_owned).collect())
}

fn serving(program: &str, file: &str, url: &str) -> Result<Process> {
    let file = example(file).display().to_string();
    Process::spawn(file.rsplit('/').next().unwrap_or_default(), program.as_ref(), [file.as_str(), "--gateway", url])
}

fn says(words: &'static str) -> impl Fn(&Line) -> Option<()> {
    move |line| line.text.contains(words).then_some(())
}

async fn gone(node: &NodeProcess, service: &str) -> Result<()> {
    until("the service is withdrawn", PATIENCE, async || {
        let found: Value = node.ask(&["network", "services"]).await?;
        let names =
            found.as_array().map(|rows| rows.iter().filter_map(|row| row.get("name")?.as_str()).collect::<Vec<_>>());
        Ok((!names.unwrap_or_default().contains(&service)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_service_in_python_is_called_from_another_node() -> Result<()> {
    let Some(python) = interpreter(&["python3"], "Python 3") else {
        eprintln!("skipped: python3 is not installed");
        return Ok(());
    };
    let (first, second) = pair().await?;
    let url = http::gateway(&first).await?;
    let mut service = serving(python, "calc.py", &url)?;
    service.line("that it is offered", says("offering math.py")).await?;
    listed(&second, "math.py", 1).await?;
    let add = ["call", "math.py", "add", r#"{"a": 2, "b": 3}"#, "--output", "json"];
    let answer = second.run(&add).await?.succeeded()?;
    ensure!(answer.stdout.trim() == r#"{"sum":5}"#, "{answer}");
    let zero = ["call", "math.py", "divide", r#"{"a": 1, "b": 0}"#];
    second.run(&zero).await?.failed(1, &["invalid_argument: ", "nothing can be divided"])?;
    let described = second.run(&["service", "describe", "math.py"]).await?.succeeded()?;
    ensure!(
        described.stdout.contains("Arithmetic, in Python.") && described.stdout.contains("quotient"),
        "{described}"
    );
    let there = http::gateway(&second).await?;
    let called = run(python, "calc.py", &["--gateway", &there, "call", "1", "4"]).await?;
    ensure!(called == ["0.25"], "{called:?}");
    service.terminate().await?;
    ensure!(service.exit(PATIENCE).await?.success(), "{}", service.report());
    gone(&second, "math.py").await
}

#[tokio::test]
async fn a_service_in_javascript_hears_topics_and_is_called_from_another_node() -> Result<()> {
    let Some(javascript) = interpreter(&["node", "nodejs"], "v") else {
        eprintln!("skipped: Node.js is not installed");
        return Ok(());
    };
    let (first, second) = pair().await?;
    let (here, there) = (http::gateway(&first).await?, http::gateway(&second).await?);
    let mut service = serving(javascript, "greet.mjs", &here)?;
    service.line("that it listens", says("listening to visitors")).await?;
    listed(&second, "greet.js", 1).await?;
    let called = run(javascript, "greet.mjs", &["--gateway", &there, "call", "Ada"]).await?;
    ensure!(called == ["Hello, Ada!"], "{called:?}");
    let refused = run(javascript, "greet.mjs", &["--gateway", &there, "call", ""]).await?;
    ensure!(refused.iter().any(|line| line.contains("invalid_argument")), "{refused:?}");
    run(javascript, "greet.mjs", &["--gateway", &there, "publish", "Grace"]).await?;
    service.line("a greeting", says("Hello, Grace!")).await?;
    service.terminate().await?;
    ensure!(service.exit(PATIENCE).await?.success(), "{}", service.report());
    gone(&second, "greet.js").await
}
