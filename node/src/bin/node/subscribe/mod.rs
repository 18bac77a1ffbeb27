//! `node subscribe`: one line for each message, as it comes, until Ctrl-C; and the work of a group.

mod follow;
mod group;
mod line;
mod start;
#[cfg(test)]
mod tests;

use std::io;

use atoll_node::control::api::SubscribeRequest;
use atoll_protocol::names::{GroupName, TopicPattern};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::{follow::Follower, group::SharingArgs, start::Begin};
use crate::{
    failure::Failure,
    session::Session,
    values::{map, pair},
};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubscribeArgs {
    /// The topic, or those that fit: rooms/* for one label in place of the star, 'rooms/>' for all below rooms
    #[arg(value_name = "TOPIC|PATTERN")]
    pub(crate) topics: TopicPattern,
    /// Where to begin: latest (what is published from now on), earliest (the oldest that is retained), seq:N (that position in
    /// each author's log), or a time such as 2026-03-01T12:00:00Z or 10m for ten minutes ago [default: latest]
    #[arg(long, value_name = "WHERE", value_parser = start::begin)]
    pub(crate) from: Option<Begin>,
    /// Only messages with this key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Only messages with this header; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) header: Vec<(String, String)>,
    /// Of what is there already only the last message for each key, and those without one; then everything
    #[arg(long, conflicts_with = "from")]
    pub(crate) last_per_key: bool,
    /// Remember under this name how far this comes, and go on there next time; --from then counts for the first time only
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = start::number)]
    pub(crate) count: Option<u64>,
    /// Share the topic's work with all that name the same group, on whatever node: each message is given to one of them, and given
    /// again until one has acknowledged it, which is done when it is printed or its --exec has succeeded
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["key", "header", "last_per_key", "session"], help_heading = "Groups")]
    pub(crate) group: Option<GroupName>,
    #[command(flatten)]
    pub(crate) sharing: SharingArgs,
}

const EXAMPLES: &str = "\
Each line has the time and the author, with a pattern the topic, the key in brackets if there is one, and the text. Messages that \
nobody who was asked has any more are told of in a line that begins with `!!! gap`. Of one author messages come in order, of \
several as they arrive. A message may come again, but only if something has broken off.

Where the node that is asked stops, this waits until it is there again and goes on behind the last message. Ctrl-C ends it, with \
exit code 0. With --session the next run goes on where this one has ended: only what was printed counts as taken.

With --group each message is given to one of those that share the work. A new group begins where --from says, one that is known goes \
on where it was. Who has not acknowledged a message in time, or is gone, loses it to another one; what is given too often goes to \
TOPIC/dead/GROUP with the reason and where it comes from, in headers that begin with atoll-. Messages may be given twice: commands \
should bear it. A command finds ATOLL_TOPIC, ATOLL_AUTHOR, ATOLL_EPOCH, ATOLL_SEQ, ATOLL_ATTEMPT, ATOLL_HEADERS (in JSON), and \
ATOLL_KEY and ATOLL_ID where there are such; the last line that it says on stderr is the reason why it has failed. Exit codes 126 \
and 127 say that it cannot be run: this ends then. Ctrl-C waits for the commands that run.

Examples:
  node subscribe rooms/lobby
  node subscribe 'rooms/>' --from 1h
  node subscribe sensors/kitchen --last-per-key
      the last value of each sensor, and then every new one
  node subscribe orders --from earliest --session billing
  node subscribe orders --header kind=refund --count 1 --output json | jq .message.json
  node subscribe orders --group billing --exec './bill' --parallel 4 --ack-wait 2m
  node subscribe orders/dead/billing --from earliest --output json | jq .message.headers
  node topic groups orders";

pub(crate) async fn run(args: SubscribeArgs, session: &Session) -> Result<(), Failure> {
    if let Some(group) = args.group.clone() {
        return group::run(args, &group, session).await;
    }
    let signals = |e: io::Error| Failure::NoAnswer(format!("cannot listen for signals: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let request = SubscribeRequest {
        topics: args.topics.to_string(),
        from: args.from.map(|begin| begin.0).unwrap_or_default(),
        after: Vec::new(),
        key: args.key,
        headers: map(&args.header, "--header")?,
        last_per_key: args.last_per_key,
        confirm: args.session.is_some(),
        session: args.session,
    };
    let mut follower = Follower::new(request, args.count, args.topics.literal().is_none());
    let followed = tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        followed = follower.follow(session) => followed,
    };
    follower.leave().await;
    followed
}
