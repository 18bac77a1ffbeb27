//! The examples, run against each other.

use anyhow::{Result, ensure};
use atoll_tests::{NodeOptions, PATIENCE, Process, Program, process::Line};

fn example(name: &'static str, arguments: &[&str]) -> Result<Process> {
    Process::spawn(name, &Program::Example(name).path()?, arguments)
}

/// The rest of a line that begins like this.
fn after(beginning: &str) -> impl Fn(&Line) -> Option<String> {
    move |line| line.text.strip_prefix(beginning).map(str::to_owned)
}

/// A line with all of these words.
fn with(words: [&'static str; 2]) -> impl Fn(&Line) -> Option<()> {
    move |line| words.iter().all(|word| line.text.contains(word)).then_some(())
}

#[tokio::test]
async fn one_serves_two_calls_three_watches() -> Result<()> {
    let mut serve = example("01_serve", &[])?;
    let address = serve.line("address", after("listening on ")).await?;

    let mut watch = example("03_watch_services", &[&address])?;
    watch.line("math.calc", with(["added", "math.calc"])).await?;
    watch.line("text.tools", with(["added", "text.tools"])).await?;

    let mut call = example("02_call", &[&address])?;
    let sum = call.line("sum", after("2 + 3 = ")).await?;
    ensure!(sum == "5", "{sum}");
    ensure!(call.exit(PATIENCE).await?.success(), "{}", call.report());

    serve.interrupt().await?;
    ensure!(serve.exit(PATIENCE).await?.success(), "{}", serve.report());
    watch.line("its end", with(["removed", "math.calc"])).await?;
    watch.interrupt().await?;
    ensure!(watch.exit(PATIENCE).await?.success(), "{}", watch.report());
    Ok(())
}

#[tokio::test]
async fn the_first_example_serves_the_command_line() -> Result<()> {
    let bootstrap = NodeOptions::bootstrap("bootstrap").start().await?;
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().display().to_string();
    let serve = example("01_serve", &[&bootstrap.address.to_string(), "--data-dir", &data_dir])?;
    serve.line("address", after("listening on ")).await?;
    let node = NodeOptions::node("node").peer(&bootstrap.address).start().await?;
    node.joined().await?;
    let calls = [
        (["math.calc", "divide", r#"{"dividend": 1, "divisor": 4}"#], r#"{"quotient":0.25}"#),
        (["text.tools", "reverse", r#"{"text": "atoll"}"#], r#"{"text":"llota"}"#),
        (["text.tools", "count", r#"{"text": " a ring  of islands "}"#], r#"{"words":4}"#),
    ];
    for ([service, method, body], expected) in calls {
        let answer = node.run(&["call", service, method, body, "--output", "json"]).await?.succeeded()?;
        ensure!(answer.stdout.trim_end() == expected, "{answer}");
    }
    let zero = ["call", "math.calc", "divide", r#"{"dividend": 1, "divisor": 0}"#];
    node.run(&zero).await?.failed(1, &["invalid_argument: ", "divisor"])?;
    Ok(())
}

#[tokio::test]
async fn the_fourth_example_streams() -> Result<()> {
    let mut streams = example("04_stream", &[])?;
    for expected in ["3", "2", "1", "sum 5050", "HELLO", "GOODBYE"] {
        streams.line(expected, |line: &Line| (line.text == expected).then_some(())).await?;
    }
    ensure!(streams.exit(PATIENCE).await?.success(), "{}", streams.report());
    Ok(())
}

#[tokio::test]
async fn the_fifth_example_chats() -> Result<()> {
    let mut chat = example("05_chat", &["--demo", "5", "--for", "2s", "--pace", "300"])?;
    let heard = "Each of them has heard all 40 messages";
    chat.line(heard, |line: &Line| line.text.contains(heard).then_some(())).await?;
    let late = "So have the 1 that came late";
    chat.line(late, |line: &Line| line.text.contains(late).then_some(())).await?;
    ensure!(chat.exit(PATIENCE).await?.success(), "{}", chat.report());
    let mut two = example("05_chat", &["--demo", "1"])?;
    ensure!(!two.exit(PATIENCE).await?.success(), "one user is no chat");
    Ok(())
}

#[tokio::test]
async fn the_seventh_example_exposes_a_web_app() -> Result<()> {
    let mut example = example("07_expose_web_app", &[])?;
    for expected in ["by name: Ahoy from the island!", "by ticket: Ahoy from the island!"] {
        example.line(expected, |line: &Line| (line.text == expected).then_some(())).await?;
    }
    example.line("why not", with(["revoked: ", "was revoked"])).await?;
    ensure!(example.exit(PATIENCE).await?.success(), "{}", example.report());
    Ok(())
}
