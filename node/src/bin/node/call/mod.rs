//! `node call`: one call and its answer, or a stream.

mod stream;

use std::time::Duration;

use atoll_node::{
    Policy,
    cli::text::printable_json,
    control::api::{CallReply, CallRequest},
};
use atoll_protocol::{
    identity::NodeId,
    names::{MethodName, ServiceQuery},
    rpc::Code,
};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    request,
    session::Session,
    values::{map, millis, pair, time},
};

use self::stream::Source;

#[cfg(test)]
mod tests;

/// How much longer than the call's deadline the node may take to say so.
const SLACK: Duration = Duration::from_secs(5);

/// Where a request comes from that is not on stdin.
const COMMAND_LINE: &str = "the command line";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CallArgs {
    /// The service, optionally with the versions that will do: math.calc, math.calc@1, math.calc@^1.2
    #[arg(value_name = "SERVICE[@VERSION]")]
    pub(crate) service: ServiceQuery,
    /// The method, as `service describe` lists it
    #[arg(value_name = "METHOD")]
    pub(crate) method: MethodName,
    /// The request as JSON; - reads it from stdin [default: {}]
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) request: Option<String>,
    /// Call a method that streams. Each JSON value of the request is a message (of stdin, each line, sent as it comes);
    /// each message that comes is printed at once, one a line
    #[arg(long, conflicts_with = "hedge")]
    pub(crate) stream: bool,
    /// How long to wait, such as 500ms, 2s or 1m [default: 10s; a stream may last for ever]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadline: Option<Duration>,
    /// Call the instance on this node and no other; an id as `network nodes --output json` lists it
    #[arg(long, value_name = "ID", conflicts_with_all = ["labels", "policy", "hedge"])]
    pub(crate) peer: Option<NodeId>,
    /// Call only instances with this metadata, as `service describe` shows it; may be given several times
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// Send this text with the call, for the service to read; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// How to choose between instances: p2c (the better of two), round_robin, least_inflight, random, or affinity(KEY)
    /// for the same one whenever KEY is the same [default: p2c]
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: Option<Policy>,
    /// Ask a second instance if the first takes longer than this; only where the method is idempotent
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) hedge: Option<Duration>,
}

const EXAMPLES: &str = "\
Examples:
  node call system ping
  node call math.calc add '{\"a\": 2, \"b\": 3}'
  node call math.calc@1 add '{\"a\": 2, \"b\": 3}' --deadline 500ms
  echo '{\"a\": 2, \"b\": 3}' | node call math.calc add -
  node call math.calc add '{\"a\": 2, \"b\": 3}' --where zone=eu --policy least_inflight
  node call clock ticks '{\"every_ms\": 500}' --stream
      print what comes, until it ends or Ctrl-C does
  node call chat room --stream -
      a conversation: what you type line by line goes out, what the others say is printed

An error of the call is printed on stderr as `code: message`, with exit code 1.";

pub(crate) async fn run(args: CallArgs, session: &Session) -> Result<(), Failure> {
    let given = args.request.as_deref();
    if args.stream {
        let source = match given {
            Some("-") => Source::Stdin,
            Some(text) => Source::Given(request::many(text.as_bytes(), COMMAND_LINE)?),
            None => Source::Given(vec![json!({})]),
        };
        return stream::run(&head(&args)?, source, session).await;
    }
    let body = match given {
        Some("-") => request::one(&request::stdin()?, "stdin")?,
        Some(text) => request::one(text.as_bytes(), COMMAND_LINE)?,
        None => json!({}),
    };
    let request = CallRequest { body, ..head(&args)? };
    let patience = args.deadline.map(|time| time.saturating_add(SLACK));
    let reply: CallReply = session.client.post("/v1/call", &request, patience).await?;
    if reply.status.code == Code::Ok {
        session.out.value(&reply.body, pretty)
    } else {
        Err(Failure::Status(reply.status))
    }
}

/// Everything but the request's JSON.
fn head(args: &CallArgs) -> Result<CallRequest, Failure> {
    Ok(CallRequest {
        service: args.service.to_string(),
        method: args.method.to_string(),
        body: Value::Null,
        deadline_ms: args.deadline.map(millis),
        peer: args.peer,
        labels: map(&args.labels, "--where")?,
        metadata: map(&args.metadata, "--metadata")?,
        policy: args.policy.map(|policy| policy.to_string()),
        hedge_ms: args.hedge.map(millis),
    })
}

fn pretty(body: &Value) -> String {
    printable_json(&format!("{body:#}")).into_owned()
}
