//! What someone at a terminal sees while they wait.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use tokio::time::{Instant, interval};

/// How often the line changes.
const PERIOD: Duration = Duration::from_millis(200);

/// Does `work`. Until it is done, what `line` makes of the time so far stands on stderr, if that is a terminal.
pub(crate) async fn shown<T>(work: impl Future<Output = T>, line: impl Fn(Duration) -> String) -> T {
    if !io::stderr().is_terminal() {
        return work.await;
    }
    tokio::pin!(work);
    let (started, mut period) = (Instant::now(), interval(PERIOD));
    let result = loop {
        tokio::select! {
            biased;
            result = &mut work => break result,
            _ = period.tick() => put(&line(started.elapsed())),
        }
    };
    put("");
    result
}

/// Replaces the line (ECMA-48: erase in line). That it cannot be shown is no reason to fail.
pub(crate) fn put(line: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush());
}
