//! `node get`: files that somebody shares.

use std::{
    env,
    io::{self, IsTerminal},
    path::{self, PathBuf},
    time::Duration,
};

use atoll_node::{
    cli::text::printable,
    control::api::{GetEvent, GetRequest, Got, Progress},
};
use atoll_protocol::ticket::TicketWord;
use clap::Args;
use tokio::time::Instant;

use crate::{
    failure::Failure,
    progress::put,
    session::Session,
    units::{count, size},
};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetArgs {
    /// The ticket, as `node share PATH` has printed it
    #[arg(value_name = "TICKET")]
    pub(crate) ticket: TicketWord,
    /// The folder to put it into; made if it is not there [default: this one]
    #[arg(value_name = "FOLDER")]
    pub(crate) into: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Each piece is checked by its hash as it comes. What breaks off is gone on with when this is run again, and what is there already and \
good is not fetched a second time. Nothing is overwritten.

Examples:
  node get atoll:2Ks9…
  node get atoll:2Ks9… ~/holiday
  node get atoll:2Ks9… --output json
      one object a line: how far it has come, and at last what was fetched";

pub(crate) async fn run(args: GetArgs, session: &Session) -> Result<(), Failure> {
    let into = match args.into {
        Some(into) => path::absolute(&into).map_err(|e| Failure::Usage(format!("{into:?} is no path: {e}")))?,
        None => env::current_dir().map_err(|e| Failure::Usage(format!("this folder cannot be used: {e}")))?,
    };
    let request = GetRequest { ticket: args.ticket, into };
    let mut feed = session.client.follow::<GetEvent>("/v1/shares/get", &request).await?;
    let shown = io::stderr().is_terminal() && !session.out.is_json();
    let mut pace = Pace::begin();
    while let Some(event) = feed.next().await? {
        if session.out.is_json() {
            session.out.json(&event)?;
        }
        match event {
            GetEvent::Progress(progress) if shown => put(&pace.line(&progress)),
            GetEvent::Progress(_) => {}
            GetEvent::Got(_) if session.out.is_json() => return Ok(()),
            GetEvent::Got(got) => {
                if shown {
                    put("");
                }
                return session.out.text(&said(&got));
            }
            GetEvent::Failed { error } => {
                if shown {
                    put("");
                }
                // The line that says so is printed already.
                return Err(if session.out.is_json() { Failure::Incomplete(error) } else { Failure::Refused(error) });
            }
        }
    }
    Err(Failure::NoAnswer("the node has stopped; run this again to go on".to_owned()))
}

fn said(got: &Got) -> String {
    let Progress { files, bytes, bytes_kept, .. } = got.progress;
    let files = count(usize::try_from(files).unwrap_or(usize::MAX), "file", "files");
    let kept = match bytes_kept {
        0 => String::new(),
        kept => format!(", {} of which were here already", size(kept)),
    };
    format!("{files}, {}{kept}: {}", size(bytes), printable(&got.path.to_string_lossy()))
}

/// How fast it goes.
struct Pace {
    started: Instant,
    /// When less was there: the speed is that of the last seconds.
    before: (Instant, u64),
    speed: f64,
}

/// Over how long the speed is measured.
const OVER: Duration = Duration::from_secs(2);
/// Signs of the bar.
const BAR: u64 = 24;

impl Pace {
    fn begin() -> Self {
        let now = Instant::now();
        Self { started: now, before: (now, 0), speed: 0.0 }
    }

    fn line(&mut self, progress: &Progress) -> String {
        let now = Instant::now();
        let fetched = progress.bytes_done.saturating_sub(progress.bytes_kept);
        let (since, had) = self.before;
        if now - since >= OVER || since == self.started {
            let seconds = (now - since).as_secs_f64().max(0.001);
            self.speed = fetched.saturating_sub(had) as f64 / seconds;
            if now - since >= OVER {
                self.before = (now, fetched);
            }
        }
        line(progress, self.speed)
    }
}

fn line(progress: &Progress, speed: f64) -> String {
    let Progress { files_done, files, bytes_done, bytes, .. } = *progress;
    if bytes == 0 {
        return "looking at what there is …".to_owned();
    }
    let full =
        u64::try_from(u128::from(bytes_done.min(bytes)) * u128::from(BAR) / u128::from(bytes)).unwrap_or_default();
    let bar: String = (0..BAR).map(|at| if at < full { '█' } else { '░' }).collect();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let left = (bytes - bytes_done.min(bytes)) as f64 / speed.max(1.0);
    let left = if speed > 1.0 && left < 360_000.0 {
        format!(", {}:{:02} left", left as u64 / 60, left as u64 % 60)
    } else {
        String::new()
    };
    let (done, all, speed) = (megabytes(bytes_done), megabytes(bytes), speed / 1e6);
    format!("{bar} {done:.1} of {all:.1} MB, file {} of {files}, {speed:.1} MB/s{left}", (files_done + 1).min(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_how_far_it_has_come() {
        let progress = Progress { files_done: 1, files: 3, bytes_done: 50_000_000, bytes: 100_000_000, bytes_kept: 0 };
        let expected = "████████████░░░░░░░░░░░░ 50.0 of 100.0 MB, file 2 of 3, 10.0 MB/s, 0:05 left";
        assert_eq!(line(&progress, 10e6), expected);
        let all = Progress { files_done: 3, bytes_done: 100_000_000, ..progress };
        assert!(line(&all, 0.0).contains("100.0 of 100.0 MB, file 3 of 3, 0.0 MB/s"));
        assert!(line(&Progress::default(), 0.0).contains("looking"));
    }

    #[test]
    fn what_was_fetched_is_said_in_a_line() {
        let progress = Progress { files_done: 1, files: 1, bytes_done: 4096, bytes: 4096, bytes_kept: 1024 };
        let got = Got { path: "/home/ada/report.pdf".into(), progress };
        assert_eq!(said(&got), "1 file, 4 KiB, 1 KiB of which were here already: /home/ada/report.pdf");
    }
}
