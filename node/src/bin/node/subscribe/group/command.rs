//! Running a command for a message. It and all that it has started is ended when its time is over, or when nobody waits for it any more:
//! the message is somebody else's then.

use std::{
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use atoll_node::{cli::text::printable, control::api::JobRow};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, Command},
    time::timeout,
};

use crate::units::wait;

/// How long what a command has said is read when it has ended; it may have left something behind that goes on.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Bytes of the last line on stderr that are kept.
const SAID: usize = 256;

/// What has come of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// It was not managed, for this reason.
    Failed(String),
    /// Nor will any other be: the command itself cannot be run.
    NoCommand(String),
}

/// Runs `text` by the shell. Where its stdout is not to be mixed with what is printed here, it goes to stderr.
pub(super) async fn run(text: &str, job: &JobRow, to_stderr: bool) -> Outcome {
    let payload = match job.message.payload() {
        Ok(payload) => payload,
        Err(error) => return Outcome::Failed(format!("the message cannot be read: {error}")),
    };
    let mut command = Command::new("sh");
    command.args(["-c", text]).envs(environment(job)).process_group(0);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    if to_stderr {
        command.stdout(io::stderr());
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::NoCommand(format!("sh cannot be started: {error}")),
    };
    let all = All(child.id());
    let mut said = Said { from: child.stderr.take(), line: Vec::new(), is_over: false };
    let time = Duration::from_millis(job.time_left_ms);
    let feeding = feed(child.stdin.take(), &payload);
    let ended = timeout(time, async {
        let talking = async {
            tokio::join!(feeding, said.listen());
            // Whoever has nothing more to say or to hear need not be at its end.
            std::future::pending().await
        };
        tokio::select! {
            ended = child.wait() => ended,
            ended = talking => ended,
        }
    });
    match ended.await {
        Ok(Ok(status)) => {
            all.have_ended();
            // What was said before is there to be read.
            let _ = timeout(LAST_WORDS, said.listen()).await;
            outcome(status, &said.last())
        }
        Ok(Err(error)) => Outcome::Failed(format!("it is not known how it has ended: {error}")),
        Err(_) => Outcome::Failed(format!("not done within {}, and ended", wait(job.time_left_ms))),
    }
}

/// What a command is told of its message.
pub(super) fn environment(job: &JobRow) -> Vec<(&'static str, String)> {
    let message = &job.message;
    let mut all = vec![
        ("ATOLL_TOPIC", message.topic.to_string()),
        ("ATOLL_AUTHOR", message.author.to_string()),
        ("ATOLL_EPOCH", message.epoch.to_string()),
        ("ATOLL_SEQ", message.seq.to_string()),
        ("ATOLL_ATTEMPT", job.attempt.to_string()),
        ("ATOLL_HEADERS", serde_json::to_string(&message.headers).unwrap_or_default()),
    ];
    let texts = [("ATOLL_KEY", &message.key), ("ATOLL_ID", &message.id)];
    all.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
    // No variable can have zeros in it.
    all.retain(|(_, value)| !value.contains('\0'));
    all
}

/// What an exit code means: those of POSIX's shell for what it cannot run, as well.
pub(super) fn outcome(status: ExitStatus, said: &str) -> Outcome {
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Done,
        (Some(code @ (126 | 127)), _) => Outcome::NoCommand(format!("exit code {code}{said}")),
        (Some(code), _) => Outcome::Failed(format!("exit code {code}{said}")),
        (None, signal) => Outcome::Failed(format!("ended by signal {}{said}", signal.unwrap_or_default())),
    }
}

async fn feed(stdin: Option<ChildStdin>, payload: &[u8]) {
    if let Some(mut stdin) = stdin {
        // Whoever does not want to read it need not.
        let _ = stdin.write_all(payload).await;
    }
}

/// What a command says on stderr: passed on, and its last line kept.
pub(super) struct Said {
    from: Option<ChildStderr>,
    line: Vec<u8>,
    /// Whether the line has been ended, and the next one not begun.
    is_over: bool,
}

impl Said {
    async fn listen(&mut self) {
        let Some(from) = &mut self.from else { return };
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let new = buffer.get(..length).unwrap_or_default();
            let _ = io::stderr().write_all(new);
            keep(&mut self.line, &mut self.is_over, new);
        }
    }

    fn last(&self) -> String {
        printable(String::from_utf8_lossy(&self.line).trim()).into_owned()
    }
}

/// Keeps the last line that is not empty.
pub(super) fn keep(line: &mut Vec<u8>, is_over: &mut bool, new: &[u8]) {
    for byte in new {
        match byte {
            b'\n' | b'\r' => *is_over = true,
            byte => {
                if std::mem::take(is_over) {
                    line.clear();
                }
                if line.len() < SAID {
                    line.push(*byte);
                }
            }
        }
    }
}

/// A command and what it has started: a process group. Ended when this is dropped, unless it has ended by itself.
struct All(Option<u32>);

impl All {
    fn have_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for All {
    fn drop(&mut self) {
        let Some(group) = self.0 else { return };
        // The shell's own `kill`, which is there on every system. Its leader has not been waited for: the number is nobody else's.
        let mut kill = std::process::Command::new("sh");
        kill.args(["-c", r#"kill -s KILL -- "-$0""#, &group.to_string()]);
        let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
