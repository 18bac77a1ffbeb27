//! One running `node` or `atoll-bootstrap`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use super::{Control, PATIENCE};
use crate::topology::Host;

/// Where data directories are: in the sandbox's own /run, so that they are gone with it.
const STATE: &str = "/run/atoll-state";

/// The stable port.
const PORT: u16 = 4077;

/// Lines that are kept of what a program prints, for messages about what went wrong; beyond that the oldest go.
const LINES: usize = 400;

/// Where the programs are, and what they are started with.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) directory: PathBuf,
    pub(super) options: Vec<String>,
    /// Where bootstraps listen for WebSocket, if they do.
    pub(super) websocket: Option<u16>,
}

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    id: String,
    data: PathBuf,
    addresses: Vec<String>,
    child: Child,
}

impl Program {
    /// Its identity.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its control socket.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.data.join("control.sock"))
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// If it does not within half a minute, or says that something went wrong.
    pub async fn stop(mut self) -> Result<()> {
        let process = self.child.id().context("it has ended already")?;
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {process}")]).status().await?;
        ensure!(asked.success(), "it cannot be asked to end: {asked}");
        let ended = timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        ensure!(ended.success(), "it ended with {ended}");
        Ok(())
    }

    /// Where it can be joined, with its identity.
    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        // All of it is in memory, and there are many of these.
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

impl Programs {
    /// Starts a bootstrap, and waits until it listens.
    pub(super) async fn bootstrap(&self, host: &Host, name: &str, join: &[String]) -> Result<Program> {
        let mut listen = listeners(&format!("/ip4/{}", host.address()?));
        listen.extend(host.address6().iter().flat_map(|address| listeners(&format!("/ip6/{address}"))));
        let mut arguments = Vec::new();
        if !join.is_empty() {
            arguments.push("--peer".to_owned());
            arguments.extend(join.iter().cloned());
        }
        match self.websocket {
            None => arguments.extend(listen.iter().flat_map(|address| ["--listen".to_owned(), address.clone()])),
            Some(port) => {
                // There is no option for it, and who says where to listen listens nowhere else: these listen everywhere.
                let config = format!("[net]\nwebsocket_port = {port}\n");
                arguments.extend(["--config".to_owned(), write_config(name, &config)?]);
                listen.push(format!("/ip4/{}/tcp/{port}/ws", host.address()?));
            }
        }
        let (mut program, _) = self.start(host, "atoll-bootstrap", name, arguments, "listening").await?;
        program.addresses = listen.iter().map(|address| format!("{address}/p2p/{}", program.id)).collect();
        Ok(program)
    }

    /// Starts a node that is not told where to listen, and waits until it has joined.
    pub(super) async fn plain_node(&self, host: &Host, name: &str, join: &[String]) -> Result<Program> {
        let mut arguments = vec!["--no-mdns".to_owned(), "--peer".to_owned()];
        arguments.extend(join.iter().cloned());
        Ok(self.start(host, "node", name, arguments, "joined").await?.0)
    }

    /// Starts a node, and waits until it has joined.
    pub(super) async fn node(&self, host: &Host, name: &str, join: &[String]) -> Result<Program> {
        let mut arguments = vec!["--no-mdns".to_owned(), "--peer".to_owned()];
        arguments.extend(join.iter().cloned());
        let mut listen = listeners("/ip4/0.0.0.0");
        if host.address6().is_some() {
            listen.extend(listeners("/ip6/::"));
        }
        for listen in listen {
            arguments.extend(["--listen".to_owned(), listen]);
        }
        Ok(self.start(host, "node", name, arguments, "joined").await?.0)
    }

    /// Starts a node that is told of nobody, and waits until it has found somebody; the first one until it listens.
    pub(super) async fn lan_node(&self, host: &Host, name: &str, first: bool) -> Result<Program> {
        let until = if first { "listening" } else { "joined" };
        Ok(self.start(host, "node", name, vec!["--peer".to_owned()], until).await?.0)
    }

    async fn start(
        &self,
        host: &Host,
        program: &str,
        name: &str,
        arguments: Vec<String>,
        until: &str,
    ) -> Result<(Program, Value)> {
        let data = Path::new(STATE).join(name);
        std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let mut child = host
            .command(self.directory.join(program))
            .args(arguments)
            .args(&self.options)
            .arg("--data-dir")
            .arg(&data)
            .args(["--output", "json"])
            .env_remove("ATOLL_BOOTSTRAP")
            .env_remove("ATOLL_DATA_DIR")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program} on {}", host.namespace().name()))?;
        let stdout = collect(child.stdout.take().context("no stdout")?);
        let stderr = collect(child.stderr.take().context("no stderr")?);
        let wait = async {
            let started = event(stdout.clone(), "started").await?;
            let last = event(stdout.clone(), until).await?;
            anyhow::Ok((started, last))
        };
        let found = timeout(PATIENCE, wait).await.unwrap_or_else(|_| Err(anyhow!("not within {PATIENCE:?}")));
        let said = || format!("{}\n{}", stdout.borrow().join("\n"), stderr.borrow().join("\n"));
        let (started, last) = found
            .with_context(|| format!("{program} on {} is not {until}; it said\n{}", host.namespace().name(), said()))?;
        let id = started.get("node").and_then(Value::as_str).context("it has not said who it is")?.to_owned();
        Ok((Program { id, data, addresses: Vec::new(), child }, last))
    }

    /// Runs `node` with these arguments against a running one; what it printed as JSON.
    pub(super) async fn ask(&self, host: &Host, of: &Program, arguments: &[&str]) -> Result<String> {
        let output = host
            .command(self.directory.join("node"))
            .arg("--data-dir")
            .arg(&of.data)
            .args(arguments)
            .args(["--output", "json"])
            .env_remove("ATOLL_DATA_DIR")
            .stdin(Stdio::null())
            .output();
        let output =
            timeout(PATIENCE, output).await.with_context(|| format!("`node {arguments:?}` does not end"))??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`node {}` ended with {}: {}",
            arguments.join(" "),
            output.status,
            said.trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Writes a configuration; its path.
fn write_config(name: &str, text: &str) -> Result<String> {
    let path = format!("{STATE}/{name}.toml");
    std::fs::create_dir_all(STATE)
        .and_then(|()| std::fs::write(&path, text))
        .with_context(|| format!("cannot write {path}"))?;
    Ok(path)
}

/// What to listen on at an IP address.
fn listeners(ip: &str) -> Vec<String> {
    vec![format!("{ip}/udp/{PORT}/quic-v1"), format!("{ip}/tcp/{PORT}")]
}

/// Waits for the first event of a name.
async fn event(mut lines: watch::Receiver<Vec<String>>, name: &str) -> Result<Value> {
    loop {
        let values = lines
            .borrow_and_update()
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .collect::<Vec<_>>();
        if let Some(found) = values.into_iter().find(|value| value.get("event").is_some_and(|event| event == name)) {
            return Ok(found);
        }
        lines.changed().await.map_err(|_| anyhow!("it has ended"))?;
    }
}

/// Reads lines as they come, so that the program never waits for a reader.
fn collect(source: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(source).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|lines: &mut Vec<String>| {
                if lines.len() >= LINES {
                    lines.drain(..LINES / 2);
                }
                lines.push(line);
            });
        }
    });
    receiver
}
