//! Where to begin, as people type it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atoll_node::control::api::SubscribeFrom;

/// See the [module docs](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begin(pub(crate) SubscribeFrom);

const RULE: &str =
    "use latest, earliest, seq:N for a position, a time such as 2026-03-01T12:00:00Z, or an age such as 10m";

/// Where to begin; an age counts from now.
pub(super) fn begin(text: &str) -> Result<Begin, String> {
    let from = match text {
        "latest" => SubscribeFrom::Latest,
        "earliest" => SubscribeFrom::Earliest,
        text => match text.strip_prefix("seq:") {
            Some(number) => match number.parse() {
                Ok(seq) if seq > 0 => SubscribeFrom::Seq(seq),
                _ => return Err(format!("a position is a number from 1 on, such as seq:17; {RULE}")),
            },
            None => SubscribeFrom::AtUnixMs(time(text)?),
        },
    };
    Ok(Begin(from))
}

fn time(text: &str) -> Result<u64, String> {
    // A time begins with a year, an age with a short number and its unit.
    let looks_like_time = text.get(4..5) == Some("-");
    let time = if looks_like_time {
        humantime::parse_rfc3339_weak(text).map_err(|e| format!("{e}; {RULE}"))?
    } else {
        let age = humantime::parse_duration(text).map_err(|_| RULE.to_owned())?;
        SystemTime::now().checked_sub(age).unwrap_or(UNIX_EPOCH)
    };
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// How many messages: at least one.
pub(super) fn number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it takes a number of messages, at least 1".to_owned()),
    }
}
