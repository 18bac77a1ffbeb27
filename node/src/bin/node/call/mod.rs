//! `node call`: one call, and its answer.

use std::{
    io::{self, Read},
    time::Duration,
};

use atoll_node::{
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

use crate::{failure::Failure, session::Session};

#[cfg(test)]
mod tests;

/// How much longer than the call's deadline the node may take to say so.
const SLACK: Duration = Duration::from_secs(5);

/// A request longer than this is shown without an arrow to the mistake.
const SHOWABLE: usize = 100;

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
    /// How long to wait, such as 500ms, 2s or 1m [default: the node's]
    #[arg(long, value_name = "TIME", value_parser = deadline)]
    pub(crate) deadline: Option<Duration>,
    /// Call the instance on this node and no other; an id as `network nodes --output json` lists it
    #[arg(long, value_name = "ID")]
    pub(crate) peer: Option<NodeId>,
}

const EXAMPLES: &str = "\
Examples:
  node call system ping
  node call math.calc add '{\"a\": 2, \"b\": 3}'
  node call math.calc@1 add '{\"a\": 2, \"b\": 3}' --deadline 500ms
  echo '{\"a\": 2, \"b\": 3}' | node call math.calc add -

An error of the call is printed on stderr as `code: message`, with exit code 1.";

pub(crate) async fn run(args: CallArgs, session: &Session) -> Result<(), Failure> {
    let body = match args.request.as_deref() {
        Some("-") => parse(&stdin()?, "stdin")?,
        Some(text) => parse(text.as_bytes(), "the command line")?,
        None => json!({}),
    };
    let deadline_ms = args.deadline.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let (service, method) = (args.service.to_string(), args.method.to_string());
    let request = CallRequest { service, method, body, deadline_ms, peer: args.peer };
    let patience = args.deadline.map(|time| time.saturating_add(SLACK));
    let reply: CallReply = session.client.post("/v1/call", &request, patience).await?;
    if reply.code == Code::Ok {
        return session.out.value(&reply.body, pretty);
    }
    Err(Failure::Status { code: reply.code, message: reply.message, retryable: reply.retryable })
}

fn pretty(body: &Value) -> String {
    printable_json(&format!("{body:#}")).into_owned()
}

fn stdin() -> Result<Vec<u8>, Failure> {
    let mut request = Vec::new();
    io::stdin().lock().read_to_end(&mut request).map_err(Failure::Input)?;
    Ok(request)
}

fn parse(text: &[u8], origin: &str) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        let mut said = format!("the request from {origin} is not JSON: {error}");
        if let Some(shown) = std::str::from_utf8(text).ok().and_then(|text| arrow(text, error.line(), error.column())) {
            said.push_str(&shown);
        }
        Failure::Usage(said)
    })
}

/// The line with the mistake and an arrow below it, where it is short and the arrow would hit.
fn arrow(text: &str, line: usize, column: usize) -> Option<String> {
    let line = text.lines().nth(line.checked_sub(1)?)?;
    let plain = line.len() <= SHOWABLE && line.bytes().all(|b| (b' '..=b'~').contains(&b));
    plain.then(|| format!("\n  {line}\n  {:>column$}", '^', column = column.max(1)))
}

fn deadline(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time < Duration::from_millis(1) => Err("less than 1ms leaves no time to answer; try 2s".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; a time looks like 500ms, 2s or 1m")),
    }
}
