//! One running program: its lines, its complaints, its end.

use std::{
    ffi::OsStr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
    time::timeout,
};

use crate::wait::PATIENCE;

/// Lines that are kept of what a program prints; beyond that the oldest go.
const LINES: usize = 20_000;

/// How long the system may take to end a process that is killed.
const KILLING: Duration = Duration::from_secs(5);

/// A line, and when it was read.
#[derive(Debug, Clone)]
pub struct Line {
    /// The line.
    pub text: String,
    /// When it was read.
    pub at: Instant,
}

impl Line {
    /// The line as an event of this name.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<Value> {
        let value: Value = serde_json::from_str(&self.text).ok()?;
        (value.get("event")? == name).then_some(value)
    }
}

/// A running program. It is killed when this is dropped, and is gone then.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: watch::Receiver<Vec<Line>>,
    stderr: watch::Receiver<Vec<Line>>,
}

impl Process {
    /// Starts `program`. It dies with the thread that calls this, so call it from the thread that a test runs on.
    ///
    /// # Errors
    /// If the system does not start it.
    pub fn spawn<A: AsRef<OsStr>>(name: &str, program: &Path, arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        Self::start(name, program, arguments, Stdio::null())
    }

    /// The same, with someone at the keyboard: see [`say`](Self::say).
    ///
    /// # Errors
    /// If the system does not start it.
    pub fn converse<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self> {
        Self::start(name, program, arguments, Stdio::piped())
    }

    fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        stdin: Stdio,
    ) -> Result<Self> {
        let mut child = command(program)
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = collect(child.stdout.take().context("no stdout")?);
        let stderr = collect(child.stderr.take().context("no stderr")?);
        let stdin = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, stdin, stdout, stderr })
    }

    /// Types a line.
    ///
    /// # Errors
    /// If it does not read.
    pub async fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("nobody is at the keyboard")?;
        stdin.write_all(format!("{line}\n").as_bytes()).await.with_context(|| format!("{} does not read", self.name))
    }

    /// Types nothing more.
    pub fn finish(&mut self) {
        self.stdin = None;
    }

    /// Its process id.
    ///
    /// # Errors
    /// If it has ended: the id may be another process's by now.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| anyhow!("{} has ended", self.name))
    }

    /// Waits for a line on stdout that `find` makes something of; earlier lines count.
    ///
    /// # Errors
    /// If there is none within [`PATIENCE`] or before the program ends; with all that it said.
    pub async fn line<T>(&self, what: &str, find: impl Fn(&Line) -> Option<T>) -> Result<T> {
        let mut lines = self.stdout.clone();
        let looking = async {
            loop {
                if let Some(found) = lines.borrow_and_update().iter().find_map(&find) {
                    return Ok(found);
                }
                lines.changed().await.map_err(|_| anyhow!("it closed its output"))?;
            }
        };
        let found = timeout(PATIENCE, looking).await.unwrap_or_else(|_| Err(anyhow!("not within {PATIENCE:?}")));
        found.with_context(|| format!("no {what} from {}", self.report()))
    }

    /// Waits for the first event of this name.
    ///
    /// # Errors
    /// As [`Process::line`].
    pub async fn event(&self, name: &str) -> Result<Value> {
        self.line(name, |line| line.event(name)).await
    }

    /// Every event so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.stdout.borrow().iter().filter_map(|line| serde_json::from_str(&line.text).ok()).collect()
    }

    /// What it said on stderr so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        joined(&self.stderr)
    }

    /// All that it said, for messages about what went wrong.
    #[must_use]
    pub fn report(&self) -> String {
        format!("{}\n-- stdout\n{}\n-- stderr\n{}\n--", self.name, joined(&self.stdout), self.complaints())
    }

    /// Sends SIGINT, as Ctrl-C does.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn interrupt(&self) -> Result<()> {
        self.signal("INT").await
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn terminate(&self) -> Result<()> {
        self.signal("TERM").await
    }

    /// `kill -9`: it has no chance to say goodbye.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        // The shell's own `kill`, which is there on every system. Until this process has been waited for, its id is
        // nobody else's.
        let pid = self.pid()?.to_string();
        let status = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, &pid]).status().await?;
        ensure!(status.success(), "cannot send SIG{signal} to {}", self.name);
        Ok(())
    }

    /// Waits until it has ended, and everything it said has been read.
    ///
    /// # Errors
    /// If it has not `within` that time.
    pub async fn exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let Ok(status) = timeout(within, self.child.wait()).await else {
            bail!("still running after {within:?}: {}", self.report());
        };
        for lines in [&mut self.stdout, &mut self.stderr] {
            // Never true: this ends when the writer is gone.
            let _ = timeout(within, lines.wait_for(|_| false)).await;
        }
        Ok(status?)
    }
}

impl Drop for Process {
    /// What its directory is removed with waits for this: a process that still writes there would be in the way.
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let end = Instant::now() + KILLING;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A command that runs `program`, and ends when the calling thread does: tests that are killed leave nothing behind.
fn command(program: &Path) -> Command {
    static HAS_SETPRIV: OnceLock<bool> = OnceLock::new();
    let guarded = *HAS_SETPRIV.get_or_init(|| {
        let mut try_it = std::process::Command::new("setpriv");
        try_it.args(["--pdeathsig", "KILL", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        try_it.status().is_ok_and(|status| status.success())
    });
    let mut command = if guarded {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--pdeathsig", "KILL"]).arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    // What the developer has set up for an own node is not for these.
    command.env_remove("ATOLL_BOOTSTRAP").env_remove("ATOLL_DATA_DIR").env("NO_COLOR", "1");
    command
}

/// Reads lines as they come, so that the program never waits for a reader.
fn collect(source: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<Vec<Line>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(source).lines();
        while let Ok(Some(text)) = lines.next_line().await {
            let line = Line { text, at: Instant::now() };
            sender.send_modify(|lines: &mut Vec<Line>| {
                if lines.len() >= LINES {
                    lines.drain(..LINES / 2);
                }
                lines.push(line);
            });
        }
    });
    receiver
}

fn joined(lines: &watch::Receiver<Vec<Line>>) -> String {
    lines.borrow().iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}
