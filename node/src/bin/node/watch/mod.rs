//! `node service watch`: one line for each change, as it happens, until Ctrl-C.

use std::{
    io,
    time::{Duration, UNIX_EPOCH},
};

use atoll_node::{
    NamePattern,
    cli::text::complain,
    control::api::{WatchEvent, WatchRequest, WatchedChange},
};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    failure::Failure,
    session::Session,
    units::{count, moment},
};

#[cfg(test)]
mod tests;

/// How soon a node that has gone is asked for again.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// Only this service, or those that fit: math.* for one label in place of the star, 'math.>' for all below math
    #[arg(value_name = "NAME|PATTERN")]
    pub(crate) pattern: Option<NamePattern>,
    /// End after so many changes; what is there at the beginning is none
    #[arg(long, value_name = "N", value_parser = changes)]
    pub(crate) count: Option<u64>,
}

const EXAMPLES: &str = "\
Each line has the time, the change, the node and the service. The changes are: present (it was there before), added, \
changed, suspect (its node could not be reached), recovered, and removed with the reason: withdrawn by its node, expired \
because its node was not heard of any more, superseded by what its node says now, evicted because there is no more room, unconfirmed because it was known only from \
before the node was started anew, and is gone.

Where the node that is asked stops, this waits until it is there again and begins anew with what is present. Ctrl-C ends \
it, with exit code 0.

Examples:
  node service watch
  node service watch 'math.*'
  node service watch math.calc --count 1
      wait for the next change of one service
  node service watch --output json
      one object a line, in which `ready` ends what was there and `lost` says that the node has gone";

pub(crate) async fn run(args: WatchArgs, session: &Session) -> Result<(), Failure> {
    let signals = |e: io::Error| Failure::NoAnswer(format!("cannot listen for signals: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        watched = watch(&args, session) => watched,
    }
}

async fn watch(args: &WatchArgs, session: &Session) -> Result<(), Failure> {
    let request = WatchRequest { pattern: args.pattern.as_ref().map(ToString::to_string) };
    let mut watched = Watched { left: args.count, present: 0, back: false };
    loop {
        let mut feed = match session.client.follow::<WatchEvent>("/v1/watch", &request).await {
            Ok(feed) => feed,
            // It is waited for only if it has been there.
            Err(Failure::NoNode { .. } | Failure::NoAnswer(_) | Failure::Refused(_)) if watched.back => {
                tokio::time::sleep(RETRY).await;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        while let Some(event) = feed.next().await? {
            watched.tell(&event, session)?;
            if watched.left == Some(0) {
                return Ok(());
            }
        }
        watched.lose(session)?;
    }
}

/// What has been told so far.
struct Watched {
    /// Changes that are still to come.
    left: Option<u64>,
    /// Instances that were there.
    present: usize,
    /// Whether the node has gone before.
    back: bool,
}

impl Watched {
    fn tell(&mut self, event: &WatchEvent, session: &Session) -> Result<(), Failure> {
        match event.change {
            WatchedChange::Present => self.present += 1,
            WatchedChange::Ready => {}
            _ => self.left = self.left.map(|left| left.saturating_sub(1)),
        }
        if session.out.is_json() {
            return session.out.json(event);
        }
        if let Some(line) = line(event) {
            return session.out.text(&line);
        }
        if event.change == WatchedChange::Ready {
            let there = count(self.present, "instance is", "instances are");
            let back = if self.back { "the node is back; " } else { "" };
            complain(&format!("{back}{there} there; watching for changes, Ctrl-C ends it"));
        }
        Ok(())
    }

    fn lose(&mut self, session: &Session) -> Result<(), Failure> {
        (self.back, self.present) = (true, 0);
        complain("the node has stopped; waiting until it is started again, Ctrl-C ends it");
        if !session.out.is_json() {
            return Ok(());
        }
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        let at_unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        session.out.json(&WatchEvent { at_unix_ms, change: WatchedChange::Lost, reason: None, instance: None })
    }
}

/// A change in one line; `None` for what is no change of an instance.
fn line(event: &WatchEvent) -> Option<String> {
    let of = event.instance.as_ref()?;
    let what = match event.change {
        WatchedChange::Present => "present",
        WatchedChange::Added => "added",
        WatchedChange::Changed => "changed",
        WatchedChange::Suspect => "suspect",
        WatchedChange::Recovered => "recovered",
        WatchedChange::Removed => "removed",
        WatchedChange::Ready | WatchedChange::Lost => return None,
    };
    let note = match (&event.reason, event.change) {
        (Some(reason), _) => format!("  ({reason})"),
        (None, WatchedChange::Present) if of.suspect => "  (suspect)".to_owned(),
        _ => String::new(),
    };
    let time = moment(event.at_unix_ms);
    Some(format!("{time}  {what:9}  {}  {} {}{note}", of.node.short(), of.service, of.version))
}

fn changes(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(changes) if changes > 0 => Ok(changes),
        _ => Err("it takes a number of changes, at least 1".to_owned()),
    }
}
