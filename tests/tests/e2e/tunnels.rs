//! `expose`, `forward`, `share`, `open`, `get` and `tunnel`: between nodes that are processes of their own.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use atoll_tests::{Network, NodeOptions, NodeProcess, PATIENCE, Process, Program, until};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A web application that says who it is.
async fn application(name: &'static str) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 4096]).await;
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len());
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    Ok(address)
}

/// What is at the address, as a browser would be told.
async fn browse(address: &str) -> Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A command that goes on until it is told to end, and its first line.
async fn begin(node: &NodeProcess, arguments: &[&str]) -> Result<(Process, Value)> {
    let directory = node.data_dir.path().to_str().context("not Unicode")?;
    let options = ["--data-dir", directory, "--output", "json"];
    let process =
        Process::spawn(arguments.first().unwrap_or(&""), &Program::Node.path()?, [arguments, &options].concat())?;
    let first = process.line("first line", |line| serde_json::from_str(&line.text).ok()).await?;
    Ok((process, first))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer} in {value}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_is_exposed_forwarded_and_taken_away() -> Result<()> {
    let network = Network::start(2).await?;
    let (home, friend) = (network.node(0)?, network.node(1)?);
    let app = application("the photos").await?.to_string();
    let (mut exposing, exposed) = begin(home, &["expose", "photos", "--http", &app]).await?;
    ensure!(text(&exposed, "/exposed/app/target")? == app && exposed["exposed"]["trouble"].is_null(), "{exposed}");
    until("it is listed", PATIENCE, async || {
        let rows: Vec<Value> = friend.ask(&["network", "services"]).await?;
        Ok(rows.iter().any(|row| row["name"] == "photos").then_some(()))
    })
    .await?;
    let (mut forwarding, forwarded) = begin(friend, &["forward", "photos"]).await?;
    ensure!(forwarded["forwarded"]["trouble"].is_null(), "{forwarded}");
    let port = text(&forwarded, "/forwarded/port/local")?;
    ensure!(text(&forwarded, "/forwarded/port/url")? == format!("http://{port}/"), "{forwarded}");
    let page = browse(port).await?;
    ensure!(page.ends_with("the photos"), "{page}");

    let listed = home.run(&["tunnel", "list"]).await?.succeeded()?;
    ensure!(listed.stdout.contains("photos") && listed.stdout.contains("everybody"), "{listed}");
    home.run(&["expose", "photos", "--http", "1"])
        .await?
        .failed(1, &["exposed by this node already", "tunnel remove photos"])?;

    exposing.terminate().await?;
    ensure!(exposing.exit(PATIENCE).await?.success(), "{}", exposing.report());
    until("it is gone", PATIENCE, async || {
        let rows: Vec<Value> = friend.ask(&["network", "services"]).await?;
        Ok(rows.iter().all(|row| row["name"] != "photos").then_some(()))
    })
    .await?;
    let page = browse(port).await;
    ensure!(page.as_ref().map_or(true, |page| !page.contains("the photos")), "{page:?}");
    forwarding
        .line("a failure", |line| line.text.contains("photos").then_some(()).filter(|()| line.text.contains("failed")))
        .await?;
    forwarding.terminate().await?;
    ensure!(forwarding.exit(PATIENCE).await?.success(), "{}", forwarding.report());
    ensure!(TcpStream::connect(port).await.is_err(), "the port is free again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_survives_the_node() -> Result<()> {
    let bootstrap = NodeOptions::bootstrap("bootstrap").start().await?;
    let directory = tempfile::tempdir()?;
    let start = async || -> Result<NodeProcess> {
        let node = NodeOptions::node("home").data_dir(directory.path()).peer(&bootstrap.address).start().await?;
        node.joined().await?;
        Ok(node)
    };
    let mut home = start().await?;
    let app = application("the wiki").await?.to_string();
    let kept: Value = home.ask(&["expose", "wiki", "--http", &app, "--private", "--keep"]).await?;
    ensure!(text(&kept, "/exposed/app/origin")? == "kept", "{kept}");
    let shared: Value = home.ask(&["share", "wiki", "--for", "1h"]).await?;
    let (ticket, id) = (text(&shared, "/ticket")?.to_owned(), text(&shared, "/id")?.to_owned());
    home.process.kill().await?;
    let home = start().await?;

    let friend = NodeOptions::node("friend").peer(&bootstrap.address).start().await?;
    friend.joined().await?;
    let (mut opening, opened) = begin(&friend, &["open", &ticket]).await?;
    let page = browse(text(&opened, "/forwarded/port/local")?).await?;
    ensure!(page.ends_with("the wiki"), "{page}");
    let list = home.run(&["share", "--list"]).await?.succeeded()?;
    ensure!(list.stdout.contains(&id) && list.stdout.contains("wiki"), "{list}");
    home.run(&["share", "--revoke", &id]).await?.succeeded()?;
    home.run(&["share", "--revoke", &id]).await?.failed(1, &[&id, "share --list"])?;
    opening.terminate().await?;
    opening.exit(PATIENCE).await?;
    friend.run(&["open", &ticket]).await?.failed(1, &["was revoked"])?;
    let mut damaged = ticket.clone();
    damaged.pop();
    friend.run(&["open", &damaged]).await?.failed(2, &["was not copied whole"])?;
    home.run(&["tunnel", "remove", "wiki"]).await?.succeeded()?;
    home.run(&["tunnel", "remove", "wiki"]).await?.failed(1, &["tunnel list"])?;
    let nothing = home.run(&["tunnel", "list"]).await?.succeeded()?;
    ensure!(nothing.stdout.contains("nothing is exposed"), "{nothing}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_shared_and_fetched() -> Result<()> {
    let network = Network::start(2).await?;
    let (home, friend) = (network.node(0)?, network.node(1)?);
    let (holiday, into) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let content: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
    std::fs::create_dir(holiday.path().join("beach"))?;
    std::fs::write(holiday.path().join("beach/1.jpg"), &content)?;
    let path = holiday.path().to_str().context("not Unicode")?;
    let shared: Value = home.ask(&["share", path, "--for", "1h"]).await?;
    let ticket = text(&shared, "/ticket")?;
    let at = into.path().to_str().context("not Unicode")?;
    let got = friend.run(&["get", ticket, at]).await?.succeeded()?;
    ensure!(got.stdout.starts_with("1 file, 5.0 MB: "), "{got}");
    ensure!(std::fs::read(into.path().join("beach/1.jpg"))? == content);
    let again = friend.run(&["get", ticket, at]).await?.succeeded()?;
    ensure!(again.stdout.contains("5.0 MB of which were here already"), "{again}");
    let (mut opening, opened) = begin(friend, &["open", ticket]).await?;
    let page = browse(text(&opened, "/forwarded/port/local")?).await?;
    ensure!(page.contains("<a href=\"./beach/\">"), "{page}");
    opening.terminate().await?;
    opening.exit(PATIENCE).await?;
    home.run(&["share", "./nothing/here"]).await?.failed(1, &["cannot share"])?;
    home.run(&["share", "nothing"]).await?.failed(1, &["exposes nothing as nothing"])?;
    Ok(())
}
