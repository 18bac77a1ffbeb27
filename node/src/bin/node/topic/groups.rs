//! Groups that share a topic's work: as a table, and those of one topic in full.

use atoll_node::control::api::{GroupProgress, GroupReport, NodeMembers};
use atoll_protocol::names::TopicName;

use crate::{
    table::Table,
    units::{precise_moment, thousands},
};

pub(super) fn table(rows: &[GroupReport]) -> Table {
    let mut table = Table::new(["TOPIC", "GROUP", "COORDINATOR", "NODES", "MEMBERS", "IN_FLIGHT", "WAITING", "DEAD"]);
    for row in rows {
        table.row([
            row.topic.to_string(),
            row.group.to_string(),
            row.coordinator.map(|node| node.short()).unwrap_or_default(),
            row.nodes.len().to_string(),
            row.nodes.iter().map(|node| node.members).sum::<Option<usize>>().map(number).unwrap_or_default(),
            row.leased.map(number).unwrap_or_default(),
            waiting(row).map(number).unwrap_or_default(),
            row.dead.map(thousands).unwrap_or_default(),
        ]);
    }
    table
}

fn number(number: usize) -> String {
    thousands(number as u64)
}

/// What was read and nobody works on.
fn waiting(row: &GroupReport) -> Option<usize> {
    Some(row.pending?.saturating_sub(row.leased?))
}

/// The groups of one topic in full.
pub(super) fn page(topic: &TopicName, rows: &[GroupReport]) -> String {
    if rows.is_empty() {
        return format!(
            "nobody is known to share the work of {topic}; begin with: node subscribe {topic} --group NAME"
        );
    }
    let mut text = table(rows).render(None);
    for row in rows {
        text.push_str(&format!("\n\n{}\n", row.group));
        let indented = |table: Table| table.render(None).lines().map(|line| format!("  {line}\n")).collect::<String>();
        text.push_str(&indented(nodes(row)));
        if !row.logs.is_empty() {
            text.push_str(&format!("\n{}", indented(logs(&row.logs))));
        }
        text.truncate(text.trim_end().len());
    }
    text
}

fn nodes(row: &GroupReport) -> Table {
    let mut table = Table::new(["NODE", "MEMBERS", "IS"]);
    for NodeMembers { node, members, suspect } in &row.nodes {
        let words = [(row.coordinator == Some(*node), "coordinator"), (*suspect, "suspect: it may be gone")];
        let is: Vec<&str> = words.into_iter().filter_map(|(is, word)| is.then_some(word)).collect();
        table.row([node.short(), members.map(number).unwrap_or_default(), is.join(", ")]);
    }
    table
}

fn logs(logs: &[GroupProgress]) -> Table {
    let mut table = Table::new(["AUTHOR", "EPOCH", "DONE_UP_TO", "BEGUN_UP_TO"]);
    for log in logs {
        table.row([log.author.short(), precise_moment(log.epoch.0), log.committed.to_string(), log.taken.to_string()]);
    }
    table
}
