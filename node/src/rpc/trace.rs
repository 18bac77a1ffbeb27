//! `traceparent`, the one piece of metadata that changes on its way (W3C Trace Context, level 1).
//!
//! ```text
//! 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//! version  trace id                   parent id        flags
//! ```

use std::borrow::Cow;

use atoll_protocol::rpc::Metadata;

#[cfg(test)]
mod tests;

/// The metadata's key.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// What an onward call carries: the same, with `parent` as the parent id of the trace. What is no `traceparent` is passed
/// on as it is: it is the application's.
pub(crate) fn onward(metadata: &Metadata, parent: u64) -> Metadata {
    let mut metadata = metadata.clone();
    if let Some(value) = metadata.get_mut(TRACEPARENT)
        && let Cow::Owned(changed) = with_parent(value, parent)
    {
        *value = changed;
    }
    metadata
}

fn with_parent(value: &str, parent: u64) -> Cow<'_, str> {
    let is_hex = |part: &str, len| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = value.split('-').collect();
    match parts.as_slice() {
        [version, trace, old, flags]
            if is_hex(version, 2) && is_hex(trace, 32) && is_hex(old, 16) && is_hex(flags, 2) =>
        {
            // Zero means that there is no parent.
            Cow::Owned(format!("{version}-{trace}-{:016x}-{flags}", parent.max(1)))
        }
        _ => Cow::Borrowed(value),
    }
}
