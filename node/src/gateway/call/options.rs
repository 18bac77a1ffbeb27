//! What a request says of a call beside its body.

use std::time::Duration;

use atoll_protocol::{identity::NodeId, rpc::Metadata};
use axum::http::request::Parts;

use super::super::{params::Params, problem::Problem};
use crate::{Client, RawReceiver, RawSender, rpc::trace};

/// The header that says how long to wait.
const DEADLINE: &str = "x-deadline";
/// Headers that travel with the call, under their own names (W3C Trace Context).
const PASSED_ON: [&str; 2] = [trace::TRACEPARENT, "tracestate"];

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) version: Option<String>,
    pub(super) peer: Option<NodeId>,
    pub(super) deadline: Option<Duration>,
    pub(super) metadata: Metadata,
}

impl Options {
    /// Reads them: `?version=`, `?node=`, `?deadline=` or `X-Deadline`, `traceparent`.
    pub(super) fn of(parts: &Parts) -> Result<Self, Problem> {
        let params = match parts.uri.query() {
            None => Params::default(),
            Some(_) => Params::of(&parts.uri, &["version", "node", "deadline"])?,
        };
        let header = parts.headers.get(DEADLINE).map(|value| value.to_str().unwrap_or("?"));
        let deadline = params.one("deadline")?.or(header).map(deadline).transpose()?;
        let mut metadata = Metadata::new();
        for name in PASSED_ON {
            if let Some(value) = parts.headers.get(name).and_then(|value| value.to_str().ok()) {
                metadata.insert(name.to_owned(), value.to_owned());
            }
        }
        // The gateway is a hop of its own.
        let metadata = if metadata.is_empty() { metadata } else { trace::onward(&metadata, rand::random()) };
        Ok(Self {
            version: params.one("version")?.map(str::to_owned),
            peer: params.parsed("node")?,
            deadline,
            metadata,
        })
    }
}

impl Options {
    /// Opens a stream like this, of bytes or of JSON.
    pub(super) async fn open(
        self,
        client: &Client,
        method: &str,
        takes_bytes: bool,
    ) -> Result<(RawSender, RawReceiver), Problem> {
        let mut call = client.stream(method);
        if let Some(peer) = self.peer {
            call = call.peer(peer);
        }
        if let Some(deadline) = self.deadline {
            call = call.deadline(deadline);
        }
        for (key, value) in self.metadata {
            call = call.metadata(key, value);
        }
        let opened = if takes_bytes { call.raw().await } else { call.json().await };
        opened.map_err(|status| Problem::of(&status))
    }
}

/// `1500` (milliseconds), `250ms`, `2s`, `1.5s`, `1m`.
fn deadline(text: &str) -> Result<Duration, Problem> {
    let text = text.trim();
    let wrong = || {
        let said =
            format!("the deadline is {text:.32?}; it takes milliseconds, or a number with ms, s or m, such as 2s");
        Problem::refused(said)
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())?;
    if time.is_zero() { Err(wrong()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_milliseconds_or_says_its_unit() {
        let millis = |text| deadline(text).map(|time| time.as_millis()).ok();
        assert_eq!(
            ["1500", "250ms", "2s", " 1.5s ", "1m"].map(millis),
            [Some(1500), Some(250), Some(2000), Some(1500), Some(60_000)]
        );
        assert_eq!(["", "s", "0", "-1", "2h", "inf", "nan", "1e300"].map(millis), [None; 8]);
    }
}
