//! `node publish`: one message, or each line of stdin.

mod lines;
mod many;
#[cfg(test)]
mod tests;

use std::time::Duration;

use atoll_node::{
    AckLevel,
    cli::text::shell_word,
    control::api::{FailedRow, PublishEvent, PublishRequest, PublishedRow},
};
use atoll_protocol::{limits, names::TopicName};
use bytes::Bytes;
use clap::Args;
use futures::stream;

use crate::{
    failure::Failure,
    session::Session,
    units::{precise_moment, thousands},
    values::{map, millis, pair, time},
};

/// What messages are sent to.
const PATH: &str = "/v1/topics/publish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// The topic, such as rooms/lobby; nobody need make it
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: TopicName,
    /// The message, as it stands there; - reads messages from stdin, one a line [default: -]
    #[arg(value_name = "MSG|-", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// What the message is about: the last one for each key may be all that is retained
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The same for every attempt to publish the same thing: whoever subscribes gets it once
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A name and a value that go with it; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) header: Vec<(String, String)>,
    /// What to wait for: gossip (sent, nothing is promised), local (on this node's disk), or kept:N (on the disks of N keepers,
    /// as their signed receipts say)
    #[arg(long, value_name = "LEVEL", default_value = "local")]
    pub(crate) ack: AckLevel,
    /// How long to wait for it
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) within: Duration,
}

const EXAMPLES: &str = "\
What is published is stored by this node first, so it can be published offline; it reaches others once they can be reached. What \
was reached is told with the position in this node's log of the topic. If less than was asked for is reached in time, that is an \
error, and the message stays published.

Of stdin each line is a message, blank lines are none, and many are under way at a time. Lines that cannot be published are named \
on stderr, and the others are published.

Examples:
  node publish rooms/lobby 'ahoy'
  node publish sensors/kitchen '{\"celsius\": 21.5}' --key kitchen
  node publish orders '{\"item\": 7}' --id order-1041 --ack kept:2 --within 30s
      so that it is safe with two other nodes, and may be repeated
  tail -f /var/log/syslog | node publish logs/home -";

pub(crate) async fn run(args: PublishArgs, session: &Session) -> Result<(), Failure> {
    let head = head(&args)?;
    match args.message.as_deref() {
        None | Some("-") => {
            if args.id.is_some() {
                return Err(Failure::Usage(
                    "--id is one message's: of the lines of stdin all but the first would count as repetitions; leave it out".to_owned(),
                ));
            }
            many::run(head, &args.topic, session).await
        }
        Some(text) => one(head, text.as_bytes(), session).await,
    }
}

/// Everything but the payload.
fn head(args: &PublishArgs) -> Result<PublishRequest, Failure> {
    Ok(PublishRequest {
        topic: Some(args.topic.to_string()),
        ack: Some(args.ack.to_string()),
        within_ms: Some(millis(args.within)),
        key: args.key.clone(),
        id: args.id.clone(),
        headers: map(&args.header, "--header")?,
        ..PublishRequest::default()
    })
}

async fn one(head: PublishRequest, payload: &[u8], session: &Session) -> Result<(), Failure> {
    if let Some(reason) = too_large(payload.len()) {
        return Err(Failure::Usage(format!("the message {reason}")));
    }
    let line = line(&with_payload(&head, payload))?;
    let mut answers = session.client.converse(PATH, stream::iter([line])).await?;
    match answers.next().await? {
        Some(PublishEvent::Published(row)) => session.out.value(&row, published),
        Some(PublishEvent::Failed(row)) => Err(Failure::Unpublished(with_way_out(row))),
        None => Err(Failure::NoAnswer(format!(
            "the node went away before it answered: whether the message was published is not known; {} --from 1m shows it then",
            format_args!("node subscribe {}", shell_word(head.topic.as_deref().unwrap_or_default()))
        ))),
    }
}

fn with_payload(head: &PublishRequest, payload: &[u8]) -> PublishRequest {
    let PublishRequest { text, base64, .. } = PublishRequest::of(payload);
    PublishRequest { text, base64, ..head.clone() }
}

fn line(message: &PublishRequest) -> Result<Bytes, Failure> {
    let mut line = serde_json::to_vec(message).map_err(|e| Failure::Unprintable(e.to_string()))?;
    line.push(b'\n');
    Ok(line.into())
}

/// Why a message of so many bytes is none.
fn too_large(len: usize) -> Option<String> {
    (len > limits::ENTRY_PAYLOAD).then(|| {
        format!(
            "has {} bytes, at most {} can be published at once; publish it in pieces, or publish where it can be fetched",
            thousands(len as u64),
            thousands(limits::ENTRY_PAYLOAD as u64)
        )
    })
}

fn published(row: &PublishedRow) -> String {
    let PublishedRow { topic, epoch, seq, level } = row;
    format!("published on {topic} at position {seq} (epoch {}): {}", precise_moment(epoch.0), in_words(level))
}

/// A level, and what it means.
fn in_words(level: &str) -> String {
    format!("{level}, {}", meaning(level))
}

fn meaning(level: &str) -> String {
    match level.parse() {
        Ok(AckLevel::Gossip) => "sent, nothing is promised".to_owned(),
        Ok(AckLevel::Local) => "on this node's disk".to_owned(),
        Ok(AckLevel::Kept(1)) => "on the disk of a keeper".to_owned(),
        Ok(AckLevel::Kept(keepers)) => format!("on the disks of {keepers} keepers"),
        Err(_) => "which this program does not know".to_owned(),
    }
}

/// What can be done about it, where it was published but that was not enough.
fn with_way_out(row: FailedRow) -> FailedRow {
    let Some(reached) = &row.reached else { return row };
    let error = format!(
        "{} ({}). It stays published, and keepers get it once they can be reached: `node topic outbox` shows which there are. Ask \
         for less with --ack local, or wait longer with --within 1m",
        row.error,
        meaning(reached)
    );
    FailedRow { error, ..row }
}
