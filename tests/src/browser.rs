//! A real browser without a window, driven over the Chrome DevTools Protocol; only where one is installed.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::wait::PATIENCE;

/// What Chromium is called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Without a window, and without connections of its own.
const OPTIONS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];
/// How often the browser is asked whether it is so far.
const PAUSE: Duration = Duration::from_millis(50);

/// A browser with one page; it ends with this.
#[derive(Debug)]
pub struct Browser {
    _process: Child,
    _profile: TempDir,
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    /// What the page has complained of.
    complaints: Vec<String>,
}

impl Browser {
    /// Starts one; none if there is no browser on this machine.
    ///
    /// # Errors
    /// If there is one and it does not start.
    pub async fn start() -> Result<Option<Self>> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let installed =
            |name: &&str| std::env::split_paths(&paths).any(|dir: std::path::PathBuf| dir.join(name).is_file());
        let Some(name) = NAMES.into_iter().find(installed) else { return Ok(None) };
        let profile = tempfile::Builder::new().prefix("atoll-browser-").tempdir()?;
        let process = Command::new(name)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (port, path) = timeout(PATIENCE, written(profile.path())).await.context("the browser does not start")?;
        let socket = timeout(PATIENCE, page(&port, &path)).await.context("the browser opens no page")??;
        let mut browser = Self { _process: process, _profile: profile, socket, calls: 0, complaints: Vec::new() };
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({})).await?;
        }
        Ok(Some(browser))
    }

    /// One call of the protocol.
    ///
    /// # Errors
    /// If it fails.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        let text = json!({ "id": id, "method": method, "params": params }).to_string();
        self.socket.send(Message::text(text)).await?;
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await?.context("the browser has gone")??;
            let Message::Text(text) = message else { continue };
            let said: Value = serde_json::from_str(&text)?;
            if said.get("id") == Some(&json!(id)) {
                return match said.get("error") {
                    Some(error) => bail!("{method}: {error}"),
                    None => Ok(said.get("result").cloned().unwrap_or_default()),
                };
            }
            self.note(&said);
        }
    }

    /// Keeps what went wrong in the page.
    fn note(&mut self, event: &Value) {
        let is_error = event.pointer("/params/entry/level") == Some(&json!("error"));
        if event.get("method") == Some(&json!("Runtime.exceptionThrown")) || is_error {
            self.complaints.push(event.to_string());
        }
    }

    /// What the page has complained of so far.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Opens an address.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        let opened = self.call("Page.navigate", json!({ "url": url })).await?;
        ensure!(opened.get("errorText").is_none(), "{url}: {opened}");
        Ok(())
    }

    /// The value of an expression in the page.
    ///
    /// # Errors
    /// If it throws.
    pub async fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let said = self.call("Runtime.evaluate", params).await?;
        ensure!(said.get("exceptionDetails").is_none(), "{expression}: {said}");
        Ok(said.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// If it never is; with what the page shows.
    pub async fn until(&mut self, expression: &str) -> Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        // While a page is being loaded there is none.
        while self.evaluate(expression).await.unwrap_or_default() != json!(true) {
            if tokio::time::Instant::now() > end {
                let shown = self.evaluate("document.body.innerText").await?;
                bail!("never true: {expression}; the page shows {shown}; it complains of {:?}", self.complaints);
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Waits until the page shows this text.
    ///
    /// # Errors
    /// If it never does.
    pub async fn shows(&mut self, text: &str) -> Result<()> {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await
    }

    /// Presses keys one after the other, as a person without a mouse does: `Tab`, `Enter`, or a character.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            other => (0, other),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", params).await?;
        }
        Ok(())
    }
}

/// Where the browser says to be reached: a port, and a path.
async fn written(profile: &Path) -> (String, String) {
    loop {
        if let Ok(text) = std::fs::read_to_string(profile.join("DevToolsActivePort"))
            && let Some((port, path)) = text.trim().split_once('\n')
        {
            return (port.to_owned(), path.to_owned());
        }
        sleep(PAUSE).await;
    }
}

async fn connect(port: &str, path: &str) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
    Ok(client_async(format!("ws://127.0.0.1:{port}{path}"), stream).await?.0)
}

/// A connection to its first page.
async fn page(port: &str, path: &str) -> Result<WebSocketStream<TcpStream>> {
    let mut socket = connect(port, path).await?;
    loop {
        socket.send(Message::text(json!({ "id": 1, "method": "Target.getTargets" }).to_string())).await?;
        let answer = socket.next().await.context("the browser has gone")??;
        let said: Value = serde_json::from_str(answer.to_text()?)?;
        let all = said.pointer("/result/targetInfos").and_then(Value::as_array);
        let page = all.and_then(|all| all.iter().find(|target| target.get("type") == Some(&json!("page"))));
        if let Some(id) = page.and_then(|page| page.get("targetId")?.as_str()) {
            return connect(port, &format!("/devtools/page/{id}")).await;
        }
        sleep(PAUSE).await;
    }
}
