//! Programs that are started, read, and surely ended.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

/// Lines that are kept of what a program prints: the first ones, among which is all that is waited for.
const LINES: usize = 1_000;

/// How long the system may take to end a process that is killed, and to hand over the rest of what it printed.
const ENDING: Duration = Duration::from_secs(5);

/// A running program. It is killed when this is dropped, and is gone then.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: watch::Receiver<Vec<String>>,
    stderr: watch::Receiver<Vec<String>>,
}

/// A command that runs `program`, and is killed when the calling thread ends: a driver that is killed leaves nothing
/// behind. Without `setpriv` it is killed only by a driver that can still do so.
pub(crate) fn command(program: &Path) -> Command {
    static HAS_SETPRIV: OnceLock<bool> = OnceLock::new();
    let guarded = *HAS_SETPRIV.get_or_init(|| {
        let mut try_it = std::process::Command::new("setpriv");
        try_it.args(["--pdeathsig", "KILL", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        try_it.status().is_ok_and(|status| status.success())
    });
    if !guarded {
        return Command::new(program);
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--pdeathsig", "KILL"]).arg(program);
    setpriv
}

impl Process {
    /// Starts it; `name` is for messages.
    pub(crate) fn spawn(name: &str, mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = collect(child.stdout.take().context("no stdout")?);
        let stderr = collect(child.stderr.take().context("no stderr")?);
        Ok(Self { name: name.to_owned(), child, stdout, stderr })
    }

    /// Its process id, if it still runs.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| anyhow!("{} has ended", self.name))
    }

    /// Waits for the first event of this name: a line of JSON on stdout with a field `event`.
    pub(crate) async fn event(&self, name: &str, within: Duration) -> Result<Value> {
        let is = |line: &String| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value.get("event")? == name).then_some(value)
        };
        self.line(&self.stdout, name, within, is).await
    }

    /// Waits for a line on stderr that `find` makes something of.
    pub(crate) async fn complaint<T>(
        &self,
        what: &str,
        within: Duration,
        find: impl Fn(&String) -> Option<T>,
    ) -> Result<T> {
        self.line(&self.stderr, what, within, find).await
    }

    async fn line<T>(
        &self,
        lines: &watch::Receiver<Vec<String>>,
        what: &str,
        within: Duration,
        find: impl Fn(&String) -> Option<T>,
    ) -> Result<T> {
        let mut lines = lines.clone();
        let looking = async {
            loop {
                if let Some(found) = lines.borrow_and_update().iter().find_map(&find) {
                    return Ok(found);
                }
                lines.changed().await.map_err(|_| anyhow!("it closed its output"))?;
            }
        };
        let found = timeout(within, looking).await.unwrap_or_else(|_| Err(anyhow!("not within {within:?}")));
        found.with_context(|| format!("{} says nothing of {what:?}{}", self.name, self.last_words()))
    }

    /// `kill -9`: it has no chance to say goodbye.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// Waits for its end, and reads what it printed as JSON.
    pub(crate) async fn answer(mut self, within: Duration) -> Result<Value> {
        let status = self.exit(within).await?;
        if !status.success() {
            bail!("{} ended with {status}{}", self.name, self.last_words());
        }
        let printed = self.stdout.borrow().join("\n");
        serde_json::from_str(&printed).with_context(|| format!("{} printed something else than JSON", self.name))
    }

    async fn exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let Ok(status) = timeout(within, self.child.wait()).await else {
            bail!("{} still runs after {within:?}{}", self.name, self.last_words());
        };
        for lines in [&mut self.stdout, &mut self.stderr] {
            // Never true: this ends when the writer is gone.
            let _ = timeout(ENDING, lines.wait_for(|_| false)).await;
        }
        Ok(status?)
    }

    /// The end of its complaints, to be put behind a message.
    fn last_words(&self) -> String {
        let lines = self.stderr.borrow();
        lines.iter().rfind(|line| !line.trim().is_empty()).map(|line| format!(": {line}")).unwrap_or_default()
    }
}

impl Drop for Process {
    /// Its directory is removed after this: a process that still writes there would be in the way.
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let end = Instant::now() + ENDING;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Reads lines as they come, so that the program never waits for a reader.
fn collect(source: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(source).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_if_modified(|kept: &mut Vec<String>| {
                let room = kept.len() < LINES;
                if room {
                    kept.push(line);
                }
                room
            });
        }
    });
    receiver
}
