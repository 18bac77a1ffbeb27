//! `node subscribe --group`: messages that are shared with others, each acknowledged once it is printed or its command has succeeded.

mod command;
mod work;

#[cfg(test)]
mod tests;

use std::{num::NonZeroU32, time::Duration};

use atoll_node::control::api::WorkRequest;
use atoll_protocol::{limits, names::GroupName};
use clap::Args;

use self::work::Worker;
use super::SubscribeArgs;
use crate::{
    failure::Failure,
    session::Session,
    values::{millis, time},
};

/// Messages in hand where they are only printed: each is acknowledged at once, so none of them waits long.
const PRINTED_AT_A_TIME: u32 = 16;

/// How a group's work is done. What is about the group counts on the node that coordinates it; members should say the same.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Groups")]
pub(crate) struct SharingArgs {
    /// Run this for each message, by sh, with the message on stdin: exit code 0 acknowledges it, any other gives it back, to be
    /// given again
    #[arg(long, value_name = "COMMAND", requires = "group")]
    pub(crate) exec: Option<String>,
    /// How many of these commands run at a time [default: 1]
    #[arg(long, value_name = "N", requires = "exec", conflicts_with = "count", value_parser = parallel)]
    pub(crate) parallel: Option<u32>,
    /// How long a message may take until it is given to somebody else, and its command is ended [default: 30s]
    #[arg(long, value_name = "TIME", requires = "group", value_parser = time)]
    pub(crate) ack_wait: Option<Duration>,
    /// How often a message is given until it becomes a dead letter [default: 5]
    #[arg(long, value_name = "N", requires = "group", value_parser = deliveries)]
    pub(crate) deliveries: Option<NonZeroU32>,
    /// How long a message that was not managed waits; twice as long each further time, 5m at most [default: 1s]
    #[arg(long, value_name = "TIME", requires = "group", value_parser = time)]
    pub(crate) backoff: Option<Duration>,
    /// Messages with the same key need not be worked on one after the other
    #[arg(long, requires = "group")]
    pub(crate) no_key_order: bool,
}

pub(super) async fn run(args: SubscribeArgs, group: &GroupName, session: &Session) -> Result<(), Failure> {
    let request = request(&args, group)?;
    Worker::new(request, args.sharing.exec, args.count).work(session).await
}

/// What the node is asked for.
fn request(args: &SubscribeArgs, group: &GroupName) -> Result<WorkRequest, Failure> {
    let (topics, sharing) = (&args.topics, &args.sharing);
    let several = || {
        Failure::Usage(format!(
            "--group {group} shares the work of one topic, and '{topics}' stands for several; name one, such as rooms/lobby"
        ))
    };
    let topic = topics.literal().ok_or_else(several)?;
    let room = match (&sharing.exec, args.count) {
        (Some(_), _) => sharing.parallel.unwrap_or(1),
        // What is given and not wanted any more would have to be given again.
        (None, Some(_)) => 1,
        (None, None) => PRINTED_AT_A_TIME,
    };
    Ok(WorkRequest {
        topic: topic.to_string(),
        group: group.to_string(),
        from: args.from.map(|begin| begin.0),
        ack_wait_ms: sharing.ack_wait.map(millis),
        deliveries: sharing.deliveries.map(NonZeroU32::get),
        backoff_ms: sharing.backoff.map(millis),
        key_order: sharing.no_key_order.then_some(false),
        room: Some(room),
        auto: false,
    })
}

fn parallel(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if (1..=limits::GROUP_ROOM).contains(&number) => Ok(number),
        _ => Err(format!("it takes a number of commands from 1 to {}, such as 4", limits::GROUP_ROOM)),
    }
}

fn deliveries(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "it takes a number of times, at least 1, such as 5".to_owned())
}
