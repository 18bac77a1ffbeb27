//! `node topic`: which topics there are, what their owners decide, and what is not kept elsewhere yet.

mod describe;
mod list;
mod outbox;
mod retain;
#[cfg(test)]
mod tests;

use atoll_node::control::api::{OutboxReport, TopicDescription, TopicRow};
use atoll_protocol::names::TopicName;
use clap::Subcommand;

use self::retain::RetainArgs;
use crate::{client::segment, failure::Failure, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum TopicQuery {
    /// List the topics that this node has to do with
    #[command(after_help = LIST)]
    List,
    /// Show a topic in full: what its owner has decided, who keeps it, and what is held of whom
    #[command(after_help = DESCRIBE)]
    Describe {
        /// The topic
        #[arg(value_name = "TOPIC")]
        topic: TopicName,
    },
    /// Decide about a topic that this node owns: what is retained, who may publish and read, who keeps it
    Retain(RetainArgs),
    /// Show what this node has published that not enough keepers have yet
    #[command(after_help = OUTBOX)]
    Outbox,
}

const LIST: &str = "\
MESSAGES and SIZE are what this node holds, LAST is how long ago the last message was published. HERE says what the topic is to \
this node: subscribed (by somebody who asks it), published (by it), kept (for others). OWNER decides about the topic; - where it \
is everybody's. KEEPERS are the nodes that keep it.

Examples:
  node topic list
  node topic list --output json | jq '.[] | select(.kept) | .topic'";

const DESCRIBE: &str = "\
Each author has a log of its own, in which messages are numbered from 1 on. It begins a new epoch when it may have lost what \
others have, and is quarantined when it has said two things at one position: nothing more is taken of it then.

Examples:
  node topic describe rooms/lobby
  node topic describe rooms/lobby --output json";

const OUTBOX: &str = "\
What is published stays with this node, and is kept by others as soon as they can be reached: nodes that run with --keep, and those \
that the topic's owner has named. Their signed receipts are what counts here.

Examples:
  node topic outbox
  node publish orders '{\"item\": 7}' --ack kept:1
      waits for the first of them";

pub(crate) async fn run(query: TopicQuery, session: &Session) -> Result<(), Failure> {
    let (client, out) = (&session.client, &session.out);
    match query {
        TopicQuery::List => {
            let rows: Vec<TopicRow> = client.get("/v1/topics").await?;
            let none = "this node has to do with no topic: nobody here has published or subscribed, and it keeps none";
            out.list(&rows, none, list::table)
        }
        TopicQuery::Describe { topic } => {
            let path = format!("/v1/topics/{}", segment(topic.as_str()));
            let found: TopicDescription = client.get(&path).await?;
            out.value(&found, describe::page)
        }
        TopicQuery::Retain(args) => retain::run(args, session).await,
        TopicQuery::Outbox => {
            let report: OutboxReport = client.get("/v1/outbox").await?;
            out.value(&report, |report| outbox::page(report, out.width()))
        }
    }
}
