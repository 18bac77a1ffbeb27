//! `node topic retain`: what an owner decides about a topic.

use std::time::Duration;

use atoll_node::control::api::{RetainRequest, TopicAccess, TopicPolicy};
use atoll_protocol::{identity::NodeId, names::TopicName};
use clap::{ArgGroup, Args};

use super::describe::decided;
use crate::{failure::Failure, session::Session, table::Table, values};

/// How long the node may take to publish what was decided.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("decided").required(true).multiple(true))]
#[command(group = ArgGroup::new("access"))]
pub(crate) struct RetainArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: TopicName,
    /// Messages older than this may go: 7d, 12h; or none
    #[arg(long, value_name = "TIME|none", group = "decided", value_parser = age)]
    pub(crate) age: Option<Bound>,
    /// What is more than this may go, the oldest messages first: 100M, 1GiB; or none
    #[arg(long, value_name = "SIZE|none", group = "decided", value_parser = bytes)]
    pub(crate) bytes: Option<Bound>,
    /// Messages beyond this number may go, the oldest first; or none
    #[arg(long, value_name = "N|none", group = "decided", value_parser = messages)]
    pub(crate) count: Option<Bound>,
    /// A message with a key may go once a later one has the same; =false for not
    #[arg(long, value_name = "BOOL", group = "decided", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) last_per_key: Option<bool>,
    /// Everybody may publish and read
    #[arg(long, groups = ["decided", "access"])]
    pub(crate) open: bool,
    /// Only these nodes may publish, and the owner; everybody may read
    #[arg(long, value_name = "ID", num_args = 0.., groups = ["decided", "access"])]
    pub(crate) publishers: Option<Vec<NodeId>>,
    /// Only these nodes may publish and read, and the owner
    #[arg(long, value_name = "ID", num_args = 0.., groups = ["decided", "access"])]
    pub(crate) closed: Option<Vec<NodeId>>,
    /// These nodes are to keep the topic, the others that it takes are elected; or none
    #[arg(long, value_name = "ID|none", num_args = 1.., group = "decided", value_parser = keeper)]
    pub(crate) keeper: Option<Vec<Keeper>>,
}

const EXAMPLES: &str = "\
What is not given stays as it is. Everybody who holds the topic acts on what its owner has decided, as soon as they hear of it.

A node owns the topics whose names begin with the label of its key: `node identity show` and `node topic describe` print it. Other \
topics are everybody's; the setting `owners` in the table [topics] of the configuration names owners for those, to each node that has \
it:
  owners = { \"rooms/>\" = \"12D3Koo…\" }

Examples:
  node topic retain key-…/log --age 7d --bytes 100M
  node topic retain key-…/state --last-per-key
  node topic retain key-…/news --publishers
      nobody else may publish there
  node topic retain key-…/family --closed 12D3Koo… 12D3Koo… --keeper 12D3Koo…
  node topic retain key-…/log --age none --open";

/// A bound that is set, or lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound(pub(crate) Option<u64>);

/// A node that is to keep the topic; none for nobody in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keeper(pub(crate) Option<NodeId>);

pub(super) async fn run(args: RetainArgs, session: &Session) -> Result<(), Failure> {
    let topic = args.topic.clone();
    let request = request(args)?;
    let policy: TopicPolicy = session.client.post("/v1/topics/retain", &request, Some(PATIENCE)).await?;
    session.out.value(&policy, |policy| {
        let mut table = Table::default();
        decided(policy, &mut table);
        let facts: Vec<String> = table.render(None).lines().map(|line| format!("  {line}")).collect();
        format!("{topic}\n{}", facts.join("\n"))
    })
}

pub(super) fn request(args: RetainArgs) -> Result<RetainRequest, Failure> {
    let RetainArgs { topic, age, bytes, count, last_per_key, open, publishers, closed, keeper } = args;
    let keepers = keeper.map(|all| {
        let named: Vec<NodeId> = all.iter().filter_map(|keeper| keeper.0).collect();
        match named.len() {
            0 => Ok(named),
            len if len == all.len() => Ok(named),
            _ => Err(Failure::Usage("--keeper takes ids, or none, but not both".to_owned())),
        }
    });
    Ok(RetainRequest {
        topic: topic.to_string(),
        age_secs: age.map(|bound| bound.0),
        bytes: bytes.map(|bound| bound.0),
        messages: count.map(|bound| bound.0),
        last_per_key,
        access: match (publishers, closed) {
            (Some(keys), _) => Some(TopicAccess::Publishers(keys)),
            (_, Some(keys)) => Some(TopicAccess::Closed(keys)),
            _ => open.then_some(TopicAccess::Open),
        },
        keepers: keepers.transpose()?,
    })
}

fn bound(text: &str, read: impl FnOnce(&str) -> Result<u64, String>) -> Result<Bound, String> {
    if text == "none" { Ok(Bound(None)) } else { read(text).map(|bound| Bound(Some(bound))) }
}

fn age(text: &str) -> Result<Bound, String> {
    bound(text, |text| match humantime::parse_duration(text) {
        Ok(age) if age.as_secs() > 0 => Ok(age.as_secs()),
        Ok(_) => Err("an age is at least a second; try 7d, or none".to_owned()),
        Err(error) => Err(format!("{error}; an age looks like 90m, 12h or 7d, or is none")),
    })
}

fn bytes(text: &str) -> Result<Bound, String> {
    bound(text, |text| match values::size(text) {
        Ok(0) => Err("0 bytes would retain nothing; try 100M, or none".to_owned()),
        other => other,
    })
}

fn messages(text: &str) -> Result<Bound, String> {
    bound(text, |text| match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it takes a number of messages from 1 on, such as 1000, or none".to_owned()),
    })
}

fn keeper(text: &str) -> Result<Keeper, String> {
    match text {
        "none" => Ok(Keeper(None)),
        text => text
            .parse()
            .map(|node| Keeper(Some(node)))
            .map_err(|e: atoll_protocol::identity::NodeIdError| e.to_string()),
    }
}
