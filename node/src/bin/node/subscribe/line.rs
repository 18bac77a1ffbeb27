//! Messages and gaps, each in a line.

use std::borrow::Cow;

use atoll_node::{
    cli::text::printable,
    control::api::{GapRow, MessageRow},
};

use crate::units::{precise_moment, thousands};

/// A message in one line; with its topic, where there may be several.
pub(super) fn message(row: &MessageRow, with_topic: bool) -> String {
    let mut line = format!("{}  {}", precise_moment(row.at_unix_ms), row.author.short());
    if with_topic {
        line.push_str(&format!("  {}", row.topic));
    }
    if let Some(key) = row.key.as_ref().or(row.key_base64.as_ref()) {
        line.push_str(&format!("  [{}]", on_one_line(key)));
    }
    line.push_str("  ");
    match (&row.json, &row.text, &row.base64) {
        (Some(json), ..) => line.push_str(&printable(json.get())),
        (_, Some(text), _) => line.push_str(&on_one_line(text)),
        (_, _, Some(base64)) => line.push_str(&format!("base64:{base64}")),
        _ => {}
    }
    line.truncate(line.trim_end().len());
    line
}

/// A gap, so that nobody overlooks it.
pub(super) fn gap(row: &GapRow) -> String {
    let GapRow { topic, author, epoch, from_seq, to_seq, messages } = row;
    let (what, positions) = match messages {
        1 => ("1 message".to_owned(), format!("position {from_seq}")),
        _ => (format!("{} messages", thousands(*messages)), format!("positions {from_seq} to {to_seq}")),
    };
    let epoch = precise_moment(epoch.0);
    let of = author.short();
    format!("!!! gap: {what} of {of} on {topic} cannot be had any more: {positions} of epoch {epoch} !!!")
}

/// Line breaks and tabs as they are written in programs; everything else that would move the cursor is replaced.
fn on_one_line(text: &str) -> String {
    let text = if text.contains(['\n', '\r', '\t']) {
        Cow::Owned(text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"))
    } else {
        Cow::Borrowed(text)
    };
    printable(&text).into_owned()
}
