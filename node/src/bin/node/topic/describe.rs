//! A topic as a page to read.

use atoll_node::control::api::{AuthorRow, EpochRow, KeeperRow, TopicAccess, TopicDescription, TopicPolicy};
use atoll_protocol::identity::NodeId;

use super::list::here;
use crate::{
    table::Table,
    units::{ago, count, moment, precise_moment, rtt, size, span, thousands},
};

pub(super) fn page(topic: &TopicDescription) -> String {
    let mut lines = vec![topic.row.topic.to_string()];
    indent(2, &facts(topic), &mut lines);
    lines.extend([String::new(), "  KEEPERS".to_owned()]);
    match topic.keeper_rows.as_slice() {
        [] => indent(
            4,
            "none: what is published stays with its authors and subscribers; nodes that run with --keep keep topics",
            &mut lines,
        ),
        rows => indent(4, &keepers(rows).render(None), &mut lines),
    }
    lines.extend([String::new(), "  AUTHORS".to_owned()]);
    match topic.author_rows.as_slice() {
        [] => indent(4, "nobody has published yet, as far as this node knows", &mut lines),
        rows => indent(4, &authors(rows), &mut lines),
    }
    lines.join("\n")
}

fn indent(by: usize, text: &str, lines: &mut Vec<String>) {
    lines.extend(text.lines().map(|line| format!("{:by$}{line}", "")));
}

fn facts(topic: &TopicDescription) -> String {
    let row = &topic.row;
    let mut table = Table::default();
    let last = row.last_at_unix_ms.map(|at| format!("; the last one {}", ago(at))).unwrap_or_default();
    let messages = format!("{} {}", thousands(row.messages), if row.messages == 1 { "message" } else { "messages" });
    let held = format!("{messages} of {}, {}{last}", count(row.authors, "author", "authors"), size(row.bytes));
    table.row(["held".to_owned(), held]);
    let is = Some(here(row)).filter(|is| !is.is_empty());
    let nothing = || "nothing at present: nobody here has published or is subscribed".to_owned();
    table.row(["here".to_owned(), is.unwrap_or_else(nothing)]);
    table.row(["owner".to_owned(), owner(topic)]);
    match &topic.policy {
        None => {
            let why = if row.owner.is_some() { "its owner has decided nothing" } else { "it is everybody's" };
            table.row(["access".to_owned(), format!("everybody may publish and read: {why}")]);
            table.row(["retained".to_owned(), "as much as there is room for".to_owned()]);
        }
        Some(policy) => decided(policy, &mut table),
    }
    table.render(None)
}

fn owner(topic: &TopicDescription) -> String {
    match (topic.row.owner, &topic.own_name) {
        (Some(owner), _) if topic.row.owned => format!("this node, {owner}"),
        (Some(owner), _) => owner.to_string(),
        (None, Some(own)) => format!("nobody; what belongs to this node alone is called {own}"),
        (None, None) => "nobody".to_owned(),
    }
}

/// What an owner has decided.
pub(super) fn decided(policy: &TopicPolicy, table: &mut Table) {
    table.row(["access".to_owned(), access(&policy.access)]);
    table.row(["retained".to_owned(), retained(policy)]);
    if !policy.keepers.is_empty() {
        table.row(["pinned to".to_owned(), ids(&policy.keepers)]);
    }
    table.row(["decided".to_owned(), format!("{} ({})", moment(policy.issued_unix_ms), ago(policy.issued_unix_ms))]);
}

fn access(access: &TopicAccess) -> String {
    let beside = |keys: &[NodeId]| if keys.is_empty() { String::new() } else { format!(" and {}", ids(keys)) };
    match access {
        TopicAccess::Open => "open: everybody may publish and read".to_owned(),
        TopicAccess::Publishers(keys) => {
            format!("publishers: the owner{} may publish, everybody may read", beside(keys))
        }
        TopicAccess::Closed(keys) => format!("closed: only the owner{} may publish and read", beside(keys)),
    }
}

fn ids(ids: &[NodeId]) -> String {
    ids.iter().map(NodeId::short).collect::<Vec<_>>().join(", ")
}

fn retained(policy: &TopicPolicy) -> String {
    let bounds = [
        policy.age_secs.map(|secs| format!("{} old", span(secs))),
        policy.bytes.map(size),
        policy.messages.map(|messages| format!("{} messages", thousands(messages))),
    ];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    let bounds = match bounds.as_slice() {
        [] => "as much as there is room for".to_owned(),
        bounds => format!("at most {}", bounds.join(", ")),
    };
    if policy.last_per_key { format!("the last message for each key, and {bounds}") } else { bounds }
}

fn keepers(rows: &[KeeperRow]) -> Table {
    let mut table = Table::new(["NODE", "PATH", "RTT_MS", "WHY"]);
    for row in rows {
        table.row([
            row.node.short(),
            path(row.path.as_deref()),
            rtt(row.rtt_ms),
            if row.pinned { "named by the owner" } else { "elected" }.to_owned(),
        ]);
    }
    table
}

/// How a node is reached, in a word.
pub(super) fn path(path: Option<&str>) -> String {
    match path {
        Some("local") => "this node".to_owned(),
        Some(path) => path.to_owned(),
        None => "not connected".to_owned(),
    }
}

fn authors(rows: &[AuthorRow]) -> String {
    let mut table = Table::new(["AUTHOR", "EPOCH", "POSITIONS", "MESSAGES", "SIZE", "LAST"]);
    for row in rows {
        for epoch in &row.epochs {
            table.row([
                row.author.short(),
                precise_moment(epoch.epoch.0),
                positions(epoch),
                thousands(epoch.messages),
                size(epoch.bytes),
                ago(epoch.last_at_unix_ms),
            ]);
        }
    }
    let mut text = table.render(None);
    for row in rows.iter().filter(|row| row.quarantined) {
        text.push_str(&format!(
            "\n!!! {} is quarantined: it has said two things at one position, as two nodes with one identity do; nothing more is taken \
             of it here",
            row.author
        ));
    }
    text
}

fn positions(epoch: &EpochRow) -> String {
    let (first, last) = (epoch.first_seq, epoch.last_seq);
    match first.cmp(&last) {
        std::cmp::Ordering::Less => format!("{first} to {last}"),
        std::cmp::Ordering::Equal => first.to_string(),
        std::cmp::Ordering::Greater => format!("none of {last}"),
    }
}
