//! `node topic`: which topics there are, what their owners decide, who shares their work, and what is not kept elsewhere yet.

mod describe;
mod groups;
mod list;
mod outbox;
mod retain;
#[cfg(test)]
mod tests;

use atoll_node::control::api::{GroupReport, OutboxReport, TopicDescription, TopicRow};
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
    /// List the groups that share topics' work; of one topic in full
    #[command(after_help = GROUPS)]
    Groups {
        /// The topic
        #[arg(value_name = "TOPIC")]
        topic: Option<TopicName>,
    },
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

const GROUPS: &str = "\
A group is there for as long as somebody works in it: with node subscribe --group, or a program. COORDINATOR is the node that gives \
each message to one of the MEMBERS. IN_FLIGHT are those that somebody works on, WAITING those that were read and wait for somebody, \
or to be given again; not more than 4,096 are read at a time. DEAD are the dead letters that the coordinator holds: messages of the \
topic TOPIC/dead/GROUP. A dash stands for what is not known at present.

Examples:
  node topic groups
  node topic groups orders
      with the nodes that take part, and how far the group has come
  node topic groups --output json | jq '.[] | select(.dead > 0) | .group'
  node subscribe orders/dead/billing --from earliest
      read the dead letters";

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
        TopicQuery::Groups { topic: None } => {
            let rows: Vec<GroupReport> = client.get("/v1/groups").await?;
            let none =
                "no groups are known: nobody shares a topic's work; begin with node subscribe TOPIC --group NAME";
            out.list(&rows, none, groups::table)
        }
        TopicQuery::Groups { topic: Some(topic) } => {
            let rows: Vec<GroupReport> = client.get(&format!("/v1/groups/{}", segment(topic.as_str()))).await?;
            out.value(&rows, |rows| groups::page(&topic, rows))
        }
        TopicQuery::Retain(args) => retain::run(args, session).await,
        TopicQuery::Outbox => {
            let report: OutboxReport = client.get("/v1/outbox").await?;
            out.value(&report, |report| outbox::page(report, out.width()))
        }
    }
}
